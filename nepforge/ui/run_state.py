"""The state of a run from the events so far, as the views draw it."""

from __future__ import annotations

import math
from typing import Literal

from attrs import define, field

from nepforge.events import (
    EpochFinished,
    Event,
    Outcome,
    PlannedStage,
    RunFinished,
    RunStarted,
    StageFinished,
    StageProgress,
    StageStarted,
)

Condition = Literal["waiting", "running", "cached", "done", "stopped"]
SPARKLINE_METRIC = "valid_force_rmse"


@define
class StageState:
    """One stage; times are those of the clock that `RunState.apply` is given, in s."""

    name: str
    condition: Condition = "waiting"
    started: float = 0.0
    seconds: float = 0.0
    done: int = 0
    total: int = 0
    unit: str = ""
    text: str = ""
    last_epoch: EpochFinished | None = None
    best_epoch: EpochFinished | None = None
    history: list[float] = field(factory=list)  # of SPARKLINE_METRIC, one value per epoch
    _first: tuple[float, float] | None = None  # time and fraction of the first progress
    _latest: tuple[float, float] | None = None

    @property
    def fraction(self) -> float:
        """Share of the work that is done; 0 when the total is not known."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    @property
    def count(self) -> str:
        """ "epoch 23/60" once an epoch is done, else the finer steps: "frame 80/9360"."""
        if self.last_epoch is not None:
            return f"epoch {self.last_epoch.epoch}/{self.last_epoch.epochs}"
        return f"{self.unit} {self.done}/{self.total}"

    def seconds_left(self, now: float) -> float | None:
        """Expected time left at the speed since the first progress event; None before the second.

        Time before that (imports, setting up) says nothing about the speed, nor does work that an
        earlier run has done.
        """
        if self._first is None or self._latest is None:
            return None
        (since, begin), (until, end) = self._first, self._latest
        if end <= begin:
            return None
        at_event = (until - since) * (1.0 - end) / (end - begin)
        return max(0.0, at_event - (now - until))

    def progress(self, done: int, total: int, unit: str, now: float) -> None:
        self.done, self.total, self.unit = done, total, unit
        self._latest = (now, self.fraction)
        self._first = self._first or self._latest

    def epoch(self, event: EpochFinished, now: float) -> None:
        if self.unit in ("", "epoch"):  # the stage reports no finer steps
            self.progress(event.epoch, event.epochs, "epoch", now)
        self.last_epoch = event
        if event.is_best:
            self.best_epoch = event
        self.history.append(event.metrics.get(SPARKLINE_METRIC, math.nan))


@define
class RunState:
    """The run as a whole."""

    name: str = ""
    recipe_hash: str = ""
    started: float = 0.0
    stages: dict[str, StageState] = field(factory=dict)
    outcome: Outcome | None = None

    def apply(self, event: Event, now: float) -> None:
        """Process an event that happened at `now`, in s of any monotonic clock."""
        match event:
            case RunStarted():
                self.name, self.recipe_hash, self.started = event.name, event.recipe_hash, now
                self.stages = {stage.name: _planned(stage) for stage in event.stages}
            case RunFinished():
                self.outcome = event.outcome
                for stage in self.stages.values():
                    if stage.condition == "running":
                        stage.condition, stage.seconds = "stopped", now - stage.started
            case StageStarted():
                stage = self._stage(event.stage)
                stage.condition, stage.started = "running", now
            case StageProgress():
                stage = self._stage(event.stage)
                stage.text = event.text
                stage.progress(event.done, event.total, event.unit, now)
            case EpochFinished():
                self._stage(event.stage).epoch(event, now)
            case StageFinished():
                stage = self._stage(event.stage)
                stage.condition = "cached" if event.cached else "done"
                stage.seconds = event.seconds
            case _:
                pass

    def _stage(self, name: str) -> StageState:
        return self.stages.setdefault(name, StageState(name))


def _planned(stage: PlannedStage) -> StageState:
    return StageState(stage.name, "cached" if stage.cached else "waiting")
