"""Keys of labels: atomic energies, force weights of species, a given energy baseline."""

from __future__ import annotations

import pytest

from nepforge.plan.build import build
from tests.recipe.conftest import RecipeFolder

BASELINE = "energy_baseline = { O = -5.2, Hf = -10.1 }"
WEIGHTS = "weights = { energy = 30.0, force = 1.0, virial = 1.0 }"


def table_of(toy: RecipeFolder, stage: str, *changes: tuple[str, str]) -> dict[str, object]:
    plan = build(toy.load(*changes))
    return next(found.json for found in plan.stages if found.name == stage)


def test_a_given_baseline_reaches_data_and_training_in_the_order_of_species(
    toy: RecipeFolder,
) -> None:
    """And nothing is there without it, so that no key of an older recipe moves."""
    change = ("validation = 0.2", f"validation = 0.2\n{BASELINE}")
    for stage in ("data", "train"):
        data = table_of(toy, stage, change)["data"]
        assert isinstance(data, dict)
        assert data["energy_baseline"] == [-10.1, -5.2]
        assert "energy_baseline" not in table_of(toy, stage)["data"]  # type: ignore[operator]


def test_the_new_keys_are_in_the_hash_only_when_given(toy: RecipeFolder) -> None:
    """Recipes of before keep theirs; test_canonical has the hashes."""
    resolved = toy.load().resolved
    assert "force_weights" not in resolved["optimizer"]
    assert "atomic_energy" not in resolved["optimizer"]["weights"]
    given = toy.load((WEIGHTS, f"force_weights = {{ O = 2 }}\n{WEIGHTS}"))
    assert given.resolved["optimizer"]["force_weights"] == {"O": 2.0}
    assert given.hash != toy.load().hash


def test_atomic_energies_alone_are_enough_to_train(toy: RecipeFolder) -> None:
    """But no weight at all is not."""
    only = "weights = { energy = 0, force = 0, virial = 0, atomic_energy = 1 }"
    assert toy.load((WEIGHTS, only)).recipe.optimizer.weights.atomic_energy == 1.0
    error = toy.refused((WEIGHTS, only.replace("atomic_energy = 1", "atomic_energy = 0")))
    assert "got zeros only" in error.problems[0].message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((WEIGHTS, f"force_weights = {{ Si = 2.0 }}\n{WEIGHTS}"),
         "optimizer.force_weights.Si: is not among data.species, Hf, O"),
        ((WEIGHTS, f"force_weights = {{ O = -1.0 }}\n{WEIGHTS}"),
         "optimizer.force_weights.O: got -1.0, expected a number at least 0"),
        ((WEIGHTS, f"force_weights = [1.0, 2.0]\n{WEIGHTS}"),
         "optimizer.force_weights: got an array, expected a table"),
        (("validation = 0.2", "validation = 0.2\nenergy_baseline = { Hf = -10.1 }"),
         "data.energy_baseline.O: missing, expected the energy of one atom of O in eV"),
        (("validation = 0.2", f"validation = 0.2\n{BASELINE[:-2]}, Si = 1.0 }}"),
         "data.energy_baseline.Si: is not among data.species"),
    ],
)  # fmt: skip
def test_species_that_do_not_fit_are_refused(
    toy: RecipeFolder, change: tuple[str, str], words: str
) -> None:
    """At their place in the recipe."""
    (problem,) = toy.refused(change).problems
    assert f"{problem.path}: {problem.message}".startswith(words)
    assert problem.line > 0


def test_a_baseline_is_refused_beside_a_model_to_start_from(toy: RecipeFolder) -> None:
    """Its output biases are moved to the data."""
    error = toy.refused(
        ("validation = 0.2", f"validation = 0.2\n{BASELINE}"),
        ("neurons = 40", 'neurons = 40\nstart_from = "frames.xyz"'),
    )
    (problem,) = error.problems
    assert problem.message == "got a baseline for a model that starts from another one"
