"""[model] of the kind "dp", and recipes without [export]."""

from __future__ import annotations

import re

import pytest

from nepforge.plan.build import build
from nepforge.plan.stage import Input
from nepforge.recipe.tables import DPModelTable
from tests.recipe.conftest import RECIPE, RecipeFolder

MODEL = RECIPE[RECIPE.index('kind = "nep"') : RECIPE.index("[optimizer]")]
EXPORT = RECIPE[RECIPE.index("[export]") : RECIPE.index("[[md]]")]
MD = RECIPE[RECIPE.index("[[md]]") :]
NO_EXPORT = ((EXPORT, ""), (MD, ""))


def dp(*lines: str) -> tuple[str, str]:
    return MODEL, "\n".join(['kind = "dp"', *lines]) + "\n"


def test_the_sizes_of_deepmd_kit_are_the_defaults(toy: RecipeFolder) -> None:
    """And every size can be given."""
    assert toy.load(dp(), *NO_EXPORT).recipe.model == DPModelTable(kind="dp")
    lines = ("cutoff = 5", "smooth_cutoff = 4", "embedding = [8, 16]", "axis = 2", "fitting = [9]")
    model = toy.load(dp(*lines, "type_embedding = 3"), *NO_EXPORT).recipe.model
    assert model == DPModelTable(
        kind="dp",
        cutoff=5.0,
        smooth_cutoff=4.0,
        embedding=(8, 16),
        axis=2,
        fitting=(9,),
        type_embedding=3,
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cutoff = [6.0, 5.0]", "model.cutoff: got an array, expected a number above 0"),
        ("smooth_cutoff = 6.0", "model.smooth_cutoff: got 6 Å, expected less than the cutoff, 6 Å"),
        ("embedding = []", "model.embedding: got an empty array"),
        ("fitting = [0]", r"model.fitting\[0\]: got 0"),
        ("axis = 41", "model.axis: got 41, expected at most the last width of embedding, 40"),
        ("neurons = 40", "model.neurons: unknown key"),
    ],
)
def test_impossible_sizes_are_refused(line: str, words: str, toy: RecipeFolder) -> None:
    """With the key and what was expected; keys of NEP are unknown."""
    error = toy.refused(dp(line), *NO_EXPORT)
    texts = [f"{problem.path}: {problem.message}" for problem in error.problems]
    assert [text for text in texts if re.search(words, text)] == texts


def test_a_deep_potential_is_not_exported(toy: RecipeFolder) -> None:
    """Its plan ends with the errors; [export] and [[md]] are refused at their places."""
    error = toy.refused(dp())
    assert [problem.path for problem in error.problems] == ["export", "md"]
    stages = {stage.name: stage for stage in build(toy.load(dp(), *NO_EXPORT)).stages}
    assert list(stages) == ["data", "train", "evaluate"]
    assert stages["evaluate"].inputs["model"] == Input("train", "dp_model.ckpt")


def test_nep_without_export_ends_with_its_errors(toy: RecipeFolder) -> None:
    """[export] may be left out as long as no MD run needs the exported model."""
    names = [stage.name for stage in build(toy.load(*NO_EXPORT)).stages]
    assert names == ["data", "train", "evaluate"]
    (problem,) = toy.refused((EXPORT, "")).problems
    assert (problem.path, problem.message) == ("export", "missing, [[md]] runs the exported model")
