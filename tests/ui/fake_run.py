"""The command line with an engine that only pretends, for tests in a pseudo-terminal.

    python fake_run.py run RECIPE ...

Epochs follow each other every FAKE_PAUSE s until FAKE_EPOCHS are done or the run is asked to stop.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from nepforge.cli import main
from nepforge.engine import walk
from nepforge.errors import InterruptedRunError
from nepforge.events import (
    EpochFinished,
    Event,
    Listener,
    PlannedStage,
    RunFinished,
    RunStarted,
    StageFinished,
    StageStarted,
)
from nepforge.interrupt import StopFlag
from nepforge.plan.stage import Plan

KEY = "9c" * 32
RUN_HASH = "a8" * 32


def fake_run(
    workspace: Path,
    plan: Plan,
    listeners: Sequence[Listener],
    *,
    command: str,
    stop: StopFlag,
    store: Path | None,  # noqa: ARG001 - it keeps nothing
    remote: str,  # noqa: ARG001
) -> RunFinished:
    """A run of one stage, as the engine tells it."""

    def emit(event: Event) -> None:
        for listener in listeners:
            listener(event)

    epochs, pause = int(os.environ["FAKE_EPOCHS"]), float(os.environ["FAKE_PAUSE"])
    stage = PlannedStage("train", "train", KEY, False, "no earlier result")
    emit(RunStarted(plan.name, plan.recipe_hash, workspace, (stage,), {}))
    emit(StageStarted("train", "train", KEY, stage.reason))
    for number in range(1, epochs + 1):
        time.sleep(pause)
        metrics = {"train_force_rmse": 1.0 / number, "valid_force_rmse": 1.5 / number}
        emit(EpochFinished("train", number, epochs, pause * number, metrics, True))
        if stop():
            text = f"stage train: stopped after epoch {number}"
            emit(RunFinished("interrupted", plan.recipe_hash, RUN_HASH, 7, 1.0, {}, None, text))
            raise InterruptedRunError(
                text, exit_code=stop.exit_code, hint=f"resume with: {command}"
            )
    emit(StageFinished("train", "train", KEY, False, 1.0, workspace, {}))
    finished = RunFinished(
        "finished", plan.recipe_hash, RUN_HASH, 7, 1.0, {"train.best_epoch": 3.0}, None, computed=1
    )
    emit(finished)
    return finished


walk.run = fake_run
main()
