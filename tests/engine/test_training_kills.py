"""Trainings killed by SIGKILL at random moments end with the bits of undisturbed ones."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from nepforge.store.workspace import Workspace
from nepforge.train import checkpoint, loop
from tests.small_run import make_workspace, run_recipe

COMMON = "epochs = {epochs}, batch_size = 3, "
WEIGHTS = "weights = { energy = 30.0, force = 1.0, virial = 1.0 }"
OPTIMIZERS = {
    "lkf": 'kind = "lkf", force_groups = 2, p0_weight = 1.0, tail_average = 0.7, ',
    "adam": 'kind = "adam", learning_rate = [1e-2, 1e-4], schedule_steps = 50, decay_steps = 5, ',
    "snes": 'kind = "snes", population = 8, ',
}
STEPS = 5  # about so many checkpoints between two kills, at most
EPOCHS_A_KILL = 12  # of three steps: some are over before a kill arrives
PATIENCE = 120.0  # s that a test waits for a process on a busy machine


def train(recipe: Path, overrides: Sequence[str]) -> None:
    """Run a recipe with a checkpoint after every step."""
    loop.CHECKPOINT_SECONDS = -1.0
    run_recipe(recipe, *overrides)


def overrides(kind: str, epochs: int) -> list[str]:
    table = OPTIMIZERS[kind] + COMMON.format(epochs=epochs) + WEIGHTS
    return [f"optimizer={{ {table} }}"]


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """New processes that have this module, and torch, already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def start(processes: ForkServerContext, recipe: Path, arguments: list[str]) -> ForkServerProcess:
    process = processes.Process(target=train, args=(recipe, arguments))
    process.start()
    return process


def kill_inside(process: ForkServerProcess, workspace: Path, generator: random.Random) -> bool:
    """Kill after some checkpoints, or while one is written; False when it had ended before."""
    seen: set[int] = set()
    wanted = generator.randint(1, STEPS)
    deadline = time.monotonic() + PATIENCE
    while len(seen) < wanted and process.is_alive():
        assert time.monotonic() < deadline
        seen |= {file.stat().st_mtime_ns for file in checkpoints(workspace)}
        time.sleep(0.0005)
    time.sleep(generator.random() * 0.01)
    is_alive = process.is_alive()
    process.kill()
    process.join(PATIENCE)
    return is_alive


def checkpoints(workspace: Path) -> list[Path]:
    return list((workspace / ".nepforge" / "state").glob(f"*/{checkpoint.FILE}"))


def outputs_of_training(recipe: Path) -> dict[str, Any]:
    """File -> digest of what the newest finished run trained: model, trace, covariance, metrics."""
    entry = [e for e in Workspace(recipe.parents[1]).ledger.entries() if e.type == "run"][-1]
    assert entry.body["outcome"] == "finished"
    (stage,) = [stage for stage in entry.body["stages"] if stage["name"] == "train"]
    assert {"nep_model.ckpt", "trace.txt"} <= stage["outputs"].keys()
    return {
        name: found["sha256"]
        for name, found in stage["outputs"].items()
        if not any(fnmatchcase(name, pattern) for pattern in stage["volatile"])
    }


@pytest.mark.parametrize("n_kills", [3, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_killed_trainings_end_with_the_same_bits(
    processes: ForkServerContext, tmp_path: Path, kind: str, n_kills: int
) -> None:
    """Model, trace and whatever else is kept, however often the training was killed."""
    generator = random.Random(n_kills)
    arguments = overrides(kind, epochs=EPOCHS_A_KILL * n_kills)
    straight = make_workspace(tmp_path / "straight")
    run_recipe(straight, *arguments)
    killed = make_workspace(tmp_path / "killed")
    done = 0
    for _ in range(n_kills):
        process = start(processes, killed, arguments)
        done += kill_inside(process, tmp_path / "killed", generator)
    assert done > 0
    run_recipe(killed, *arguments)
    assert outputs_of_training(killed) == outputs_of_training(straight)
    assert not list((tmp_path / "killed" / ".nepforge" / "state").iterdir())
