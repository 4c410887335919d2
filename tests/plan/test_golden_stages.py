"""The tables of stages, which their keys hash, have not moved.

golden_stages.json was made by the commit 11cab13, before tables were typed. A moved table orphans
every cached result and every published run: it needs another version of its stage.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import rfc8785

from nepforge.plan.build import build
from nepforge.plan.kinds import KINDS
from nepforge.plan.stage import key_content, lineage_of
from nepforge.recipe.load import load_recipes

RECIPES = Path(__file__).parents[2] / "recipes"
GOLDEN = Path(__file__).parent / "golden_stages.json"
ROW = "[0.7, 1.4, 1.0, 1, 0, 0, 0, 0, 0, 0]"
TRAINING = "epochs = 3, batch_size = 4, weights = { energy = 1, force = 1, virial = 0 }"
VARIANTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "zbl number": ("hfo2.toml", ("model.zbl=1.4",)),
    "zbl range": ("hfo2.toml", ("model.zbl={ outer = 1.6, inner = 0.6 }",)),
    "zbl factor": ("hfo2.toml", ("model.zbl={ outer = 1.6, factor = 0.7 }",)),
    "zbl rows": ("hfo2.toml", (f"model.zbl=[{ROW}, {ROW}, {ROW}]",)),
    "cutoffs by species": ("hfo2.toml", ("model.cutoff=[[6.0, 5.0], [5.5, 4]]",)),
    "baseline": ("hfo2.toml", ("data.energy_baseline={ Hf = -10.1, O = -5 }",)),
    "selection": ("hfo2.toml", ('data.select={ slice = "::2", force = ":20", random = 30 }',)),
    "info": ("hfo2.toml", ('data.select={ info = { phase = ["P21c"], T = "200:900" } }',)),
    "labels": ("hfo2.toml", ('data.labels={ energy = "E", force_unit = "hartree/bohr" }',)),
    "unconverged": ("hfo2.toml", ('data.unconverged="keep"',)),
    "left out": ("hfo2.toml", ('data.unconverged="leave-out"',)),
    "validation files": ("hfo2.toml", ('data.validation=["../tests/data/files/MOVEMENT"]',)),
    "start": ("hfo2.toml", ('model.start_from="../tests/golden/plain.txt"',)),
    "force weights": ("hfo2.toml", ("optimizer.force_weights={ O = 2.0 }",)),
    "atomic energy": ("hfo2.toml", ("optimizer.weights.atomic_energy=3.0",)),
    "endings": ("hfo2.toml", ("optimizer.patience=4", "optimizer.max_minutes=2")),
    "adam": ("hfo2.toml", (f'optimizer={{ kind = "adam", {TRAINING} }}',)),
    "snes": (
        "hfo2.toml",
        (f'optimizer={{ kind = "snes", {TRAINING} }}', "optimizer.weights.atomic_energy=2"),
    ),
    "two threads": ("hfo2.toml", ("threads=2", "seed=3")),
    "file of md": (
        "hfo2.toml",
        (
            'md=[{ name = "a", structure = { file = "data/hfo2_gpaw.xyz", replicate = [1, 2, 3] }, '
            'ensemble = "npt", temperature = 300, pressure = 1e4, timestep = 1, steps = 10, '
            'ranks = 1, threads = 2, precision = "mixed" }]',
        ),
    ),
    "file of benchmark": (
        "hfo2_md_benchmark.toml",
        (
            'md_benchmark.structure={ file = "data/hfo2_gpaw.xyz", replicate = [1, 1, 1] }',
            'md_benchmark.deepmd_model="../tests/golden/plain.txt"',
            "md_benchmark.cores=4",
        ),
    ),
    **{
        path.relative_to(RECIPES).as_posix(): (path.relative_to(RECIPES).as_posix(), ())
        for path in sorted(RECIPES.rglob("*.toml"))
    },
}


def digests(recipe: str, overrides: tuple[str, ...]) -> dict[str, str]:
    """Run and stage -> sha256 of what its key and its lineage are made of, besides inputs."""
    found = {}
    for idx, loaded in enumerate(load_recipes(RECIPES / recipe, overrides)):
        for stage in build(loaded).stages:
            content = key_content(stage, {}, {})
            lineage = lineage_of(content, KINDS[stage.kind].endings)
            inputs = {name: [entry.stage, entry.file] for name, entry in stage.inputs.items()}
            parts = [content, lineage, inputs, dict(stage.paths), list(stage.after)]
            found[f"{idx} {stage.name}"] = hashlib.sha256(rfc8785.dumps(parts)).hexdigest()[:16]
    return found


@pytest.mark.parametrize("name", VARIANTS)
def test_tables_of_stages_have_not_moved(name: str) -> None:
    """Key content, lineage, inputs and places in the recipe, for every form that a key can take."""
    assert digests(*VARIANTS[name]) == json.loads(GOLDEN.read_text(encoding="utf-8"))[name]
