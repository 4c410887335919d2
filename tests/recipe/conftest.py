"""A small valid recipe beside a data file, for the tests to change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nepforge.errors import RecipeError
from nepforge.recipe.load import LoadedRecipe, load_recipe

RECIPE = """\
schema = 1
name = "toy"
seed = 7
threads = 1

[data]
species = ["Hf", "O"]
train = ["frames.xyz"]
validation = 0.2

[model]
kind = "nep"
cutoff = [6.0, 5.0]
n_max = [4, 4]
basis_size = [8, 8]
l_max = 4
invariants = ["222"]
neurons = 40

[optimizer]
kind = "lkf"
epochs = 6
batch_size = 8
force_groups = 2
p0_weight = 1.0
weights = { energy = 30.0, force = 1.0, virial = 1.0 }

[export]
layouts = ["nep5"]

[[md]]
name = "nve"
structure = { from = "data", index = 0, replicate = [2, 2, 2] }
ensemble = "nve"
temperature = 300.0
timestep = 1.0
steps = 100
ranks = 1
"""

Change = tuple[str, str]


class RecipeFolder:
    """A folder with frames.xyz and recipe.toml."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "recipe.toml"
        self.data = folder / "frames.xyz"
        self.data.write_text("frames")

    def load(self, *changes: Change, overrides: tuple[str, ...] = ()) -> LoadedRecipe:
        """The toy recipe with texts replaced, loaded."""
        self.path.write_text(changed(*changes))
        return load_recipe(self.path, overrides)

    def refused(self, *changes: Change, overrides: tuple[str, ...] = ()) -> RecipeError:
        """The error of the toy recipe with texts replaced."""
        with pytest.raises(RecipeError) as caught:
            self.load(*changes, overrides=overrides)
        return caught.value


def changed(*changes: Change) -> str:
    text = RECIPE
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@pytest.fixture
def toy(tmp_path: Path) -> RecipeFolder:
    return RecipeFolder(tmp_path)


@pytest.fixture
def toy_text() -> Callable[..., str]:
    """The text of the toy recipe with texts replaced."""
    return changed
