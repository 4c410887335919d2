"""[md_benchmark]: what it needs, what it refuses, the stage it becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from nepforge.plan.build import build
from nepforge.plan.stage import Stage, stage_key
from nepforge.recipe.load import load_recipe
from tests.recipe.conftest import RECIPE, RecipeFolder

RECIPES = Path(__file__).parents[2] / "recipes"
MD = RECIPE[RECIPE.index("[[md]]") :]
EXPORT = '[export]\nlayouts = ["nep5"]\n'
BENCHMARK = """\
[md_benchmark]
structure = { from = "data", index = 0, replicate = [1, 1, 1] }
atoms = [96, 2592]
atom_steps = 1000
temperature = 300.0
pressure = 0.0
timestep = 1.0
ranks = [1, 2]
threads = [1]
precision = ["double"]
"""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((EXPORT, ""), "export: missing, [md_benchmark] runs the exported model"),
        (('["nep5"]', '["nep4"]'), "LAMMPS needs the model in a layout with one output bias"),
        (("[96, 2592]", "[]"), "md_benchmark.atoms: got an empty array"),
        (("[1, 2]", "[2, 2]"), 'md_benchmark.ranks[1]: got "2" again'),
        (('["double"]', '["half"]'), 'md_benchmark.precision[0]: got "half"'),
    ],
)
def test_what_cannot_be_measured_is_refused(
    change: tuple[str, str], words: str, toy: RecipeFolder
) -> None:
    """With the place and what was expected."""
    old, new = change
    changed = RECIPE.replace(MD, BENCHMARK).replace(old, new)
    (problem,) = toy.refused((RECIPE, changed)).problems
    assert words in f"{problem.path}: {problem.message}"


def test_files_of_the_benchmark_are_known_by_content(toy: RecipeFolder) -> None:
    """Structure and Deep Potential are sources of the stage; their names are not hashed."""
    for name in ("cell.cif", "graph.pb", "other.pb"):
        (toy.path.parent / name).write_text(name.split(".")[1])
    text = BENCHMARK.replace('from = "data", index = 0', 'file = "cell.cif"')
    recipes = [
        toy.load((MD, f'{text}deepmd_model = "{name}"\n')) for name in ("graph.pb", "other.pb")
    ]
    assert recipes[0].hash == recipes[1].hash
    stage = build(recipes[0]).stages[-1]
    assert stage.name == "md_benchmark"
    assert set(stage.sources) == {"structure", "deepmd_model"}
    assert stage.json["md_benchmark"]["deepmd_model"] == "deepmd_model"
    assert set(stage.paths.values()) <= {*recipes[0].positions}


def test_the_shipped_benchmark_shares_the_training_of_hfo2() -> None:
    """Every stage from training to export has the same key: it is taken from the cache.

    The data stage looks at the cells of MD too, and writes the same bytes.
    """

    def stages(name: str) -> dict[str, Stage]:
        return {stage.name: stage for stage in build(load_recipe(RECIPES / name)).stages}

    ours, theirs = stages("hfo2_md_benchmark.toml"), stages("hfo2.toml")
    for name in ("train", "evaluate", "export", "verify"):
        digests = dict.fromkeys(ours[name].inputs, "0" * 64)
        assert stage_key(ours[name], digests, {}) == stage_key(theirs[name], digests, {})
