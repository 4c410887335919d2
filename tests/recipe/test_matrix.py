"""[matrix]: one file, several runs, each an ordinary recipe."""

from __future__ import annotations

from typing import Any

import pytest

from nepforge.errors import RecipeError
from nepforge.recipe.load import LoadedRecipe, load_recipe, load_recipes

MATRIX = """
[matrix]
optimizer = [
  { kind = "lkf", epochs = 6, batch_size = 8, force_groups = 2, p0_weight = 1.0, weights = { energy = 30, force = 1, virial = 1 } },
  { label = "Adam W", kind = "adamw", epochs = 9, batch_size = 4, weights = { energy = 30, force = 1, virial = 1 } },
]
seed = [7, 8]
"""  # noqa: E501
END = ("ranks = 1", f"ranks = 1\n{MATRIX}")


def runs_of(toy: Any, *changes: Any, overrides: tuple[str, ...] = ()) -> tuple[LoadedRecipe, ...]:
    toy.load(*changes[1:])  # the toy without the matrix is a recipe too
    text = toy.path.read_text()
    toy.path.write_text(text.replace("ranks = 1", changes[0]))
    return load_recipes(toy.path, overrides)


def refused(toy: Any, matrix: str, overrides: tuple[str, ...] = ()) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        runs_of(toy, f"ranks = 1\n{matrix}", overrides=overrides)
    return caught.value


def test_there_is_a_run_for_every_combination(toy: Any) -> None:
    """The last key changes fastest; names, labels and variants tell the runs apart."""
    runs = runs_of(toy, END[1])
    assert [run.recipe.name for run in runs] == [
        "toy-lkf-seed-7", "toy-lkf-seed-8", "toy-Adam-W-seed-7", "toy-Adam-W-seed-8",
    ]  # fmt: skip
    places = [run.place for run in runs if run.place is not None]
    assert [place.label for place in places][2:] == ["Adam W, seed 7", "Adam W, seed 8"]
    assert [place.variant for place in places] == ["lkf", "lkf", "Adam W", "Adam W"]
    assert {place.name for place in places} == {"toy"}
    assert [run.recipe.optimizer.epochs for run in runs] == [6, 6, 9, 9]
    assert [run.recipe.seed for run in runs] == [7, 8, 7, 8]


def test_a_run_is_the_recipe_with_its_values_written_out(toy: Any) -> None:
    """The text of a run alone has the same hash, and it names the same data."""
    for run in runs_of(toy, END[1]):
        toy.path.with_name("one.toml").write_text(run.text)
        alone = load_recipe(toy.path.with_name("one.toml"))
        assert alone.hash == run.hash
        assert alone.resolved == run.resolved
    assert "matrix" not in run.resolved


def test_dotted_keys_reach_into_tables_and_arrays(toy: Any) -> None:
    """Quoted or not, and elements of arrays."""
    matrix = '[matrix]\nmodel.neurons = [5, 6]\n"md[0].steps" = [10]'
    runs = runs_of(toy, f"ranks = 1\n{matrix}")
    assert [run.recipe.model.neurons for run in runs] == [5, 6]
    assert {run.recipe.md[0].steps for run in runs} == {10}
    assert runs[0].recipe.name == "toy-neurons-5-steps-10"


def test_a_recipe_without_a_matrix_is_one_run(toy: Any) -> None:
    """The same as load_recipe gives, with the text verbatim."""
    (run,) = runs_of(toy, "ranks = 1")
    assert run == load_recipe(toy.path)
    assert run.place is None
    assert run.text == toy.path.read_text()


def test_load_recipe_wants_one_run(toy: Any) -> None:
    """It says how many there are, and where."""
    runs_of(toy, END[1])
    with pytest.raises(RecipeError) as caught:
        load_recipe(toy.path)
    assert "describes 4 runs" in caught.value.problems[0].message
    assert caught.value.problems[0].line > 0


def test_problems_of_the_runs_come_once_with_the_line_of_the_matrix(toy: Any) -> None:
    """A wrong value of a table in the array, and one of the base recipe."""
    error = refused(toy, MATRIX.replace("batch_size = 4", "batch_size = 0"))
    (problem,) = error.problems
    assert problem.path == "optimizer.batch_size"
    lines = toy.path.read_text().splitlines()
    assert lines[problem.line - 1][problem.column - 1 :].startswith("batch_size = 0")


@pytest.mark.parametrize(
    ("matrix", "path", "words"),
    [
        ("matrix = 3", "md[0].matrix", "unknown key"),
        ("[matrix]", "matrix", "got an empty table"),
        ("[matrix]\nseed = 3", "matrix.seed", "got 3, expected an array of values"),
        ("[matrix]\nseed = []", "matrix.seed", "got an empty array"),
        ("[matrix]\nseed = [1, 2, 1]", "matrix.seed[2]", "expected each once"),
        ('[matrix]\nname = ["a", "b"]', "matrix.name", "the same in every run"),
        ('[matrix]\n"md[4].steps" = [1]', 'matrix."md[4].steps"', "the recipe has no md[4].steps"),
        ("[matrix]\nsed = [1]", "sed", 'did you mean "seed"?'),
        ("[matrix]\noptimizer = [{ label = 3 }]", "matrix.optimizer[0].label", "got 3"),
        (f"[matrix]\nseed = {list(range(1001))}", "matrix", "got 1001 runs"),
    ],
)
def test_a_wrong_matrix_is_refused_at_its_place(
    toy: Any, matrix: str, path: str, words: str
) -> None:
    """The message says what was found and expected, with the line."""
    (problem,) = refused(toy, matrix).problems
    assert problem.path == path
    assert words in f"{problem.message} {problem.hint}"
    assert problem.line > 0


def test_an_override_holds_for_every_run(toy: Any) -> None:
    """Also inside a table of the matrix; [matrix] itself can be set."""
    runs = runs_of(toy, END[1], overrides=("optimizer.epochs=2", "matrix.seed=[3]"))
    assert [(run.recipe.optimizer.epochs, run.recipe.seed) for run in runs] == [(2, 3), (2, 3)]


def test_an_override_of_what_the_matrix_varies_is_refused(toy: Any) -> None:
    """All runs would be the same."""
    (problem,) = refused(toy, MATRIX, overrides=("seed=3",)).problems
    assert "the matrix varies seed" in problem.message
    assert "matrix.seed" in problem.hint
