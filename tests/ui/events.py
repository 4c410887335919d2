"""The events of one short run, for every view."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from nepforge.events import (
    EpochFinished,
    Event,
    Message,
    PlannedStage,
    RunFinished,
    RunStarted,
    StageFinished,
    StageProgress,
    StageStarted,
)

RECIPE_HASH = "3f2a91c0b7de" + "0" * 52
RUN_HASH = "a81b52cd90ef" + "0" * 52
KEY = "9c" * 32
EPOCHS = 4
METRICS = {
    "train.best_epoch": 3.0,
    "evaluate.train_energy_rmse": 0.00231,
    "evaluate.valid_energy_rmse": 0.00302,
    "evaluate.train_force_rmse": 0.0711,
    "evaluate.valid_force_rmse": 0.0882,
    "md:npt-300K.n_atoms": 96.0,
    "md:npt-300K.steps": 2000.0,
    "md:npt-300K.temperature_mean": 300.4,
    "md:npt-300K.pressure_bar_mean": 1234.0,
}


def planned() -> tuple[PlannedStage, ...]:
    """One stage from the cache, two to run."""
    return (
        PlannedStage("data", "data", KEY, True, "cached"),
        PlannedStage("train", "train", KEY, False, "optimizer.epochs: 3 -> 4 (hfo2.toml:27)"),
        PlannedStage("md:npt-300K", "md", None, False, "input export/nep5.txt may change"),
    )


def started() -> RunStarted:
    return RunStarted("hfo2", RECIPE_HASH, Path("workspace"), planned(), {"optimizer.epochs": 4})


def epoch(number: int) -> EpochFinished:
    """Errors fall with the epoch; the last one is not the best."""
    force = 0.07 + 0.4 * math.exp(-number)
    metrics = {
        "train_energy_rmse": 0.002 + 0.01 / number,
        "valid_energy_rmse": 0.003 + 0.01 / number,
        "train_force_rmse": force,
        "valid_force_rmse": force + 0.01,
    }
    return EpochFinished("train", number, EPOCHS, 12.0 * number, metrics, number < EPOCHS)


def finished(folder: Path | None = None, computed: int = 2) -> RunFinished:
    return RunFinished(
        "finished",
        RECIPE_HASH,
        RUN_HASH,
        12,
        64.2,
        METRICS,
        folder,
        computed=computed,
        cached=3 - computed,
        stage_seconds={"data": 0.01, "train": 51.0, "md:npt-300K": 13.0},
    )


def timed_run() -> Iterator[tuple[float, Event]]:
    """Time in s and what happens then."""
    yield 0.0, started()
    yield 0.1, StageFinished("data", "data", KEY, True, 0.1, Path("cache"), {})
    yield 0.2, StageStarted("train", "train", KEY, planned()[1].reason)
    for number in range(1, EPOCHS + 1):
        yield 12.0 * number, epoch(number)
        if number == 2:
            yield 24.5, Message("warning", "frames 3 and 9 are the same", "data")
    yield 51.2, StageFinished("train", "train", KEY, False, 51.0, Path("cache"), {})
    yield 51.3, StageStarted("md:npt-300K", "md", KEY, "no earlier result")
    for step in (100, 200, 1900):
        yield 51.3 + step / 200, StageProgress("md:npt-300K", step, 2000, "step", "T 301 K")
    yield 64.1, StageFinished("md:npt-300K", "md", KEY, False, 13.0, Path("cache"), {})
    yield 64.2, finished()


class Clock:
    """A clock that shows what it was set to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now
