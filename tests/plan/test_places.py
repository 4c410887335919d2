"""Problems of a recipe with its data stand on the lines of the recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from nepforge.engine.preview import check_data
from nepforge.errors import Problem, UnfitDataError
from nepforge.events import Event
from nepforge.plan.build import build
from nepforge.plan.places import located
from nepforge.recipe.load import load_recipe
from tests.small_run import make_workspace


def test_a_problem_has_the_place_of_its_key_or_of_the_table_around_it(tmp_path: Path) -> None:
    """File, line, column, the line itself; what came by --set says so."""
    recipe = make_workspace(tmp_path)
    plan = build(load_recipe(recipe, ["optimizer.epochs=1"]))
    error = UnfitDataError(
        "",
        [
            Problem("model.cutoff", "no neighbours", "raise it"),
            Problem("model.zbl.outer", "not there"),
            Problem("optimizer.epochs", "too few"),
        ],
    )
    text = located(error, plan).message
    assert f"{recipe}:13:1: model.cutoff: no neighbours\n   13 | cutoff = [4.0, 3.5]" in text
    assert f"{recipe}:11:2: model.zbl.outer: not there" in text
    assert f"{recipe}: optimizer.epochs: too few (given by --set)" in text
    assert text.endswith("3 problems fitting recipe to data")


def test_checking_the_data_finds_what_a_run_would(tmp_path: Path) -> None:
    """The same stage: messages, metrics, and the same error."""
    recipe = make_workspace(tmp_path)
    heard: list[Event] = []
    metrics = check_data(build(load_recipe(recipe)), heard.append)
    assert (metrics["n_train"], metrics["n_valid"]) == (9, 3)
    assert any("compositions" in str(event) for event in heard)
    with pytest.raises(UnfitDataError, match=r"small.toml:9:1: data.validation: 12 frames"):
        check_data(build(load_recipe(_edited(recipe, "0.25", "0.01"))), heard.append)
    assert not (tmp_path / ".nepforge" / "cache").exists()


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    """Those of the doctor too."""
    recipe = _edited(make_workspace(tmp_path), '["Hf", "O"]', '["Hf"]')
    _edited(recipe, "cutoff = [4.0, 3.5]", "cutoff = [4.0, 3.5]\nzbl = 1.0")
    _edited(recipe, "[model]", 'group_by = "none"\n[model]')
    with pytest.raises(UnfitDataError) as caught:
        check_data(build(load_recipe(recipe)), lambda _event: None)
    assert [problem.path for problem in caught.value.problems] == ["data.species", "data.group_by"]


def _edited(recipe: Path, old: str, new: str) -> Path:
    text = recipe.read_text()
    assert old in text
    recipe.write_text(text.replace(old, new))
    return recipe
