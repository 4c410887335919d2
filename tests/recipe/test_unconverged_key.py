"""data.unconverged: what becomes of frames whose electronic steps did not converge."""

from __future__ import annotations

import pytest

from nepforge.plan.build import build
from tests.recipe.conftest import RecipeFolder

PLACE = "validation = 0.2"


@pytest.mark.parametrize(("given", "expected"), [("keep", "keep"), ("leave-out", None), ("", None)])
def test_only_keeping_them_reaches_the_data_stage(
    toy: RecipeFolder, given: str, expected: str | None
) -> None:
    """So that the keys of results that leave them out are one."""
    line = f'{PLACE}\nunconverged = "{given}"' if given else PLACE
    loaded = toy.load((PLACE, line))
    data = next(stage.json["data"] for stage in build(loaded).stages if stage.name == "data")
    assert data.get("unconverged") == expected
    assert loaded.resolved["data"].get("unconverged") == (given or None)


def test_other_words_are_refused(toy: RecipeFolder) -> None:
    """With those that are known."""
    error = toy.refused((PLACE, f'{PLACE}\nunconverged = "drop"'))
    assert 'got "drop", expected "leave-out" or "keep"' in error.problems[0].message
