"""The recipe hash covers what can change numbers, and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from nepforge.recipe.canonical import canonical_bytes, recipe_hash
from nepforge.recipe.load import load_recipe

GOLDEN = json.loads((Path(__file__).parent / "golden_hashes.json").read_text(encoding="utf-8"))[
    "vectors"
]


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: vector["name"])
def test_golden_hashes_have_not_moved(vector: dict[str, Any]) -> None:
    """A hash that moves orphans every ledger entry: it needs a new schema number."""
    assert canonical_bytes(vector["resolved"]).decode() == vector["canonical"]
    assert recipe_hash(vector["resolved"]) == vector["hash"]


SAME = [
    [("seed = 7", "# a comment\nseed   =   0x7  # seven")],
    [("seed = 7\nthreads = 1", "threads = 1\nseed = 7")],
    [("cutoff = [6.0, 5.0]", "cutoff = [6, 5]")],
    [("validation = 0.2", "validation = 2e-1")],
    [('name = "toy"', 'name = "toy"\ndescription = "some words"')],
    [("epochs = 6", "epochs = 6\nkalman_lambda = 0.98")],
    [("weights = { energy = 30.0, force = 1.0, virial = 1.0 }",
      "weights.virial = 1\nweights.force = 1\nweights.energy = 30")],
]  # fmt: skip


@pytest.mark.parametrize("changes", SAME)
def test_the_hash_does_not_depend_on_how_a_value_is_written(toy: Any, changes: Any) -> None:
    """Comments, order, spelling of numbers, notes, and defaults written out."""
    assert toy.load(*changes).hash == toy.load().hash


OTHER = [
    ("seed = 7", "seed = 8"),
    ("threads = 1", "threads = 2"),
    ('["Hf", "O"]', '["O", "Hf"]'),
    ("validation = 0.2", 'validation = 0.2\ngroup_by = "phase"'),
    ("epochs = 6", "epochs = 6\nkalman_lambda = 0.97"),
    ("energy = 30.0", "energy = 30.000000000000004"),
    ('layouts = ["nep5"]', 'layouts = ["nep5", "nep4"]'),
    ("steps = 100", "steps = 101"),
]


@pytest.mark.parametrize("change", OTHER)
def test_the_hash_depends_on_every_value_that_makes_numbers(toy: Any, change: Any) -> None:
    """One value changed, another recipe."""
    assert toy.load(change).hash != toy.load().hash


def test_the_hash_follows_the_bytes_of_the_data(toy: Any) -> None:
    """One byte more is another recipe, another name for the same bytes is not."""
    before = toy.load().hash
    toy.data.rename(toy.data.with_name("renamed.xyz"))
    assert toy.load(("frames.xyz", "renamed.xyz")).hash == before
    toy.data.write_text("frames2")
    assert toy.load().hash != before


def test_the_hash_does_not_depend_on_the_place_of_the_recipe(toy: Any, tmp_path: Path) -> None:
    """The whole folder may move."""
    before = toy.load().hash
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.copy(toy.data, moved)
    shutil.copy(toy.path, moved / "other_name.toml")
    assert load_recipe(moved / "other_name.toml").hash == before


def test_strings_are_compared_in_normal_form(toy: Any) -> None:
    """An accent typed as one or as two characters is the same string."""
    composed, combined = (f'validation = 0.2\ngroup_by = "{e}"' for e in ("\u00e9", "e\u0301"))
    change = "validation = 0.2"
    assert toy.load((change, composed)).hash == toy.load((change, combined)).hash


def test_the_resolved_recipe_holds_no_path(toy: Any) -> None:
    """Files are {sha256, size, format}."""
    loaded = toy.load()
    assert loaded.resolved["data"]["train"] == [
        {"sha256": loaded.sources.each("data", "train")[0].sha256, "size": 6, "format": "extxyz"}
    ]
    assert "frames.xyz" not in json.dumps(loaded.resolved)
    assert loaded.resolved["optimizer"]["block_size"] == 5120
    assert "description" not in loaded.resolved
