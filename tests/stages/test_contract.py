"""Every kind of stage satisfies the contract, on the plan of a small recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nepforge.plan.build import build
from nepforge.plan.kinds import KINDS
from nepforge.recipe.load import load_recipe
from tests.contracts import STAGE_CLAIMS, StageSample
from tests.small_run import make_workspace

STRUCTURE = 'structure = { from = "data", index = 0, replicate = [1, 1, 1] }'
MD = (
    f'{{ name = "short", {STRUCTURE}, ensemble = "nvt", temperature = 300.0, timestep = 0.5, '
    "steps = 20, ranks = 1 }"
)
BENCHMARK = (
    f"{{ {STRUCTURE}, atoms = [12], atom_steps = 120, temperature = 300.0, pressure = 0.0, "
    'timestep = 0.5, ranks = [1], threads = [1], precision = ["double"] }'
)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, StageSample]:
    """Kind -> a stage of that kind, after those before it have run."""
    folder = tmp_path_factory.mktemp("line")
    recipe = make_workspace(folder)
    overrides = ("optimizer.epochs=20", f"md=[{MD}]", f"md_benchmark={BENCHMARK}")
    plan = build(load_recipe(recipe, overrides))
    outs: dict[str, Path] = {}
    found = {}
    for stage in plan.stages:
        inputs = {name: outs[one.stage] / one.file for name, one in stage.inputs.items()}
        inputs |= {name: source.path for name, source in stage.sources.items()}
        sample = StageSample(stage, KINDS[stage.kind], inputs)
        scratch = folder / "stages" / stage.name.replace(":", "-")
        scratch.mkdir(parents=True)
        outs[stage.name] = sample.run(scratch)
        found[stage.kind] = sample
    return found


@pytest.mark.lammps
@pytest.mark.parametrize("claim", STAGE_CLAIMS, ids=lambda claim: claim.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_stage_satisfies_the_contract(
    samples: dict[str, StageSample],
    kind: str,
    claim: Callable[[StageSample, Path], None],
    tmp_path: Path,
) -> None:
    """Each claim of check_stage on its own."""
    claim(samples[kind], tmp_path)
