"""[data.labels]: names, units and signs of labels, in the data stage's table only when given."""

from __future__ import annotations

import pytest

from nepforge.plan.build import build
from tests.recipe.conftest import Change, RecipeFolder


def labels(text: str) -> Change:
    return ("validation = 0.2", f"validation = 0.2\nlabels = {{ {text} }}")


def test_labels_reach_the_data_stage(toy: RecipeFolder) -> None:
    """What is given and nothing else; no key of an older recipe moves without them."""
    given = 'energy = "REF_energy", stress_unit = "GPa", stress_sign = "compression-positive"'
    loaded = toy.load(labels(given))
    assert build(loaded).stages[0].json["data"]["labels"] == {
        "energy": "REF_energy",
        "stress_unit": "GPa",
        "stress_sign": "compression-positive",
    }
    assert loaded.hash != toy.load().hash
    assert "labels" not in toy.load().resolved["data"]
    assert "labels" not in build(toy.load()).stages[0].json["data"]


@pytest.mark.parametrize(
    ("text", "key", "words", "hint"),
    [
        ('energy_unit = "Hartree"', "energy_unit", "that is eV, meV, hartree", '"hartree"'),
        ('force_unit = "eV/bor"', "force_unit", "that is a force like hartree/bohr", '"eV/bohr"'),
        ('stress_unit = "GPA"', "stress_unit", "that is GPa, MPa, Pa", '"GPa"'),
        ('virial_sign = "-1"', "virial_sign", '"compression-positive" or "tension-positive"', ""),
        ('energy = ""', "energy", "that is a name", ""),
        ('energies = "E"', "energies", "unknown key", '"energy"'),
    ],
)
def test_wrong_labels_are_refused_at_their_place(
    toy: RecipeFolder, text: str, key: str, words: str, hint: str
) -> None:
    """With what was expected, and the nearest word."""
    (problem,) = toy.refused(labels(text)).problems
    assert problem.path == f"data.labels.{key}"
    assert words in problem.message
    assert hint in problem.hint
    assert problem.line > 0
