"""[model] of a recipe: cutoffs of each species, ZBL, and the model that is trained further."""

from __future__ import annotations

import re

import pytest

from nepforge.errors import DataMissingError
from nepforge.plan.build import build
from nepforge.recipe.tables import ZblRange
from tests.recipe.conftest import RecipeFolder

CUTOFF = "cutoff = [6.0, 5.0]"
NEURONS = "neurons = 40"
ROW = "[0.5, 1.5, 0.1, 1.0, 0.2, 2.0, 0.3, 3.0, 0.4, 4.0]"


def with_key(line: str) -> tuple[str, str]:
    return NEURONS, f"{NEURONS}\n{line}"


def test_a_cutoff_pair_for_each_species_is_read(toy: RecipeFolder) -> None:
    """And another recipe hash than with one pair for all."""
    one = toy.load()
    each = toy.load((CUTOFF, "cutoff = [[6.0, 5.0], [5.0, 4]]"))
    assert each.recipe.model.cutoff == ((6.0, 5.0), (5.0, 4.0))
    assert each.hash != one.hash


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("zbl = 2", 2.0),
        ("zbl = { outer = 2.0, factor = 0.65 }", ZblRange(outer=2.0, factor=0.65)),
        ("zbl = { outer = 2.0, inner = 0.7 }", ZblRange(outer=2.0, inner=0.7)),
        (f"zbl = [{ROW}, {ROW}, {ROW}]", 3),
    ],
)
def test_every_form_of_zbl_is_read(line: str, value: object, toy: RecipeFolder) -> None:
    """A number, a table, or rows."""
    zbl = toy.load(with_key(line)).recipe.model.zbl
    assert (len(zbl) if isinstance(zbl, tuple) else zbl) == value


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((CUTOFF, "cutoff = [[6.0, 5.0]]"), "model.cutoff: got 1 pairs, expected one for each of"),
        ((CUTOFF, "cutoff = [[6.0, 5.0], [4.0, 5.0]]"), r"model.cutoff\[1\]: got radial 4"),
        ((CUTOFF, "cutoff = []"), "model.cutoff: got an array, expected"),
        ((CUTOFF, "cutoff = [[6.0, 5.0], 5.0]"), r"model.cutoff\[1\]: got 5.0"),
        (with_key("zbl = true"), "model.zbl: got true"),
        (with_key("zbl = 0"), "model.zbl: got 0"),
        (with_key("zbl = 5.5"), "an outer cutoff of 5.5 Å, expected at most the angular cutoff"),
        (with_key("zbl = { outer = 2.0, inner = 2 }"), "got inner 2 Å, expected it below outer"),
        (with_key("zbl = { factor = 0.6 }"), "model.zbl.outer: missing"),
        (with_key(f"zbl = [{ROW}]"), "model.zbl: got 1 rows, expected 3"),
        (with_key("zbl = [[1.0, 2.0]]"), r"model.zbl\[0\]: got an array of 2"),
        (with_key("zbl = []"), "got an empty array"),
        (with_key("start_from = 3"), "model.start_from: got 3"),
    ],
)
def test_impossible_values_are_refused(
    change: tuple[str, str], words: str, toy: RecipeFolder
) -> None:
    """With the key and what was expected."""
    error = toy.refused(change)
    texts = [f"{problem.path}: {problem.message}" for problem in error.problems]
    assert any(re.search(words, text) for text in texts), texts


def test_the_content_of_the_first_model_is_part_of_hash_and_key(toy: RecipeFolder) -> None:
    """Its name is not; the train stage has it as a source and reruns when it changes."""
    model = toy.path.parent / "nep.txt"
    change = with_key('start_from = "nep.txt"')
    with pytest.raises(DataMissingError, match=r"model\.start_from: \"nep\.txt\" does not exist"):
        toy.load(change)
    model.write_text("one")
    first = toy.load(change)
    model.write_text("two")
    second = toy.load(change)
    model.rename(toy.path.parent / "other.txt")
    renamed = toy.load(with_key('start_from = "other.txt"'))
    assert len({toy.load().hash, first.hash, second.hash}) == 3
    assert renamed.hash == second.hash
    train = next(stage for stage in build(renamed).stages if stage.name == "train")
    assert train.sources["start_from"].path.name == "other.txt"
    assert train.json["model"]["start_from"] == "start_from"
    assert train.paths["start_from"] == "model.start_from"
