"""The smallest recipe that passes through every stage but MD, for tests of whole runs."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path

from nepforge.engine.walk import run
from nepforge.events import RunFinished
from nepforge.interrupt import StopFlag
from nepforge.plan.build import build
from nepforge.recipe.load import load_recipe

DATA = Path(__file__).parents[1] / "recipes" / "data" / "hfo2_gpaw.xyz"
N_FRAMES, LINES_A_FRAME = 12, 14  # of 12 atoms each
RECIPE = """schema = 1
name = "small"
seed = 1
threads = 1

[data]
species = ["Hf", "O"]
train = ["../data/few.xyz"]
validation = 0.25

[model]
kind = "nep"
cutoff = [4.0, 3.5]
n_max = [2, 2]
basis_size = [3, 3]
l_max = 2
invariants = []
neurons = 4

[optimizer]
kind = "lkf"
epochs = 2
batch_size = 3
force_groups = 1
p0_weight = 1.0
weights = { energy = 30.0, force = 1.0, virial = 1.0 }

[export]
layouts = ["lammps"]

[tolerances]
valid_force_rmse = { relative = 0.05 }
"""


def make_workspace(folder: Path) -> Path:
    """recipes/small.toml and data/few.xyz in a new workspace; the recipe."""
    for name in ("recipes", "data", ".nepforge"):
        (folder / name).mkdir(parents=True)
    with DATA.open(encoding="utf-8") as source:
        text = "".join(islice(source, N_FRAMES * LINES_A_FRAME))
    (folder / "data" / "few.xyz").write_text(text, encoding="utf-8")
    recipe = folder / "recipes" / "small.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    return recipe


def run_recipe(recipe: Path, *overrides: str) -> RunFinished:
    """Run it in the workspace that `make_workspace` made."""
    plan = build(load_recipe(recipe, overrides))
    workspace = recipe.parent.parent
    return run(workspace, plan, [], command="", stop=StopFlag())


def copy_workspace(source: Path, target: Path) -> Path:
    """A clone as git makes it: recipes and ledger, no cache and no runs; the recipe."""
    for name in ("recipes", "data", "ledger"):
        shutil.copytree(source / name, target / name)
    (target / ".nepforge").mkdir()
    return target / "recipes" / "small.toml"
