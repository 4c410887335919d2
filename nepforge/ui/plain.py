"""Progress as plain lines, for logs and pipes: no control codes, no width, whole hashes.

A line stands by itself and is never written over. Training and MD give at most one line an
interval, so that a run of hours does not fill a log.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TextIO

from nepforge.events import (
    EpochFinished,
    Event,
    Message,
    RunFinished,
    RunStarted,
    StageFinished,
    StageProgress,
    StageStarted,
)
from nepforge.quantities import QUANTITIES
from nepforge.ui.run_state import RunState
from nepforge.ui.words import counted, duration, shown

INTERVAL = 10.0  # s between two lines of one stage
LONG_INTERVAL = 30.0  # s without an epoch, after which steps inside it are told


class PlainView:
    """A listener that writes lines to `stream`.

    `stopping` tells whether the user has asked for a clean stop.
    """

    def __init__(
        self,
        stream: TextIO,
        stopping: Callable[[], bool],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._stream = stream
        self._stopping = stopping
        self._stop_was_told = False
        self._clock = clock
        self._started = clock()
        self._last_line: dict[tuple[str, str], float] = {}  # kind of line, stage -> time
        self._state = RunState()

    def __call__(self, event: Event) -> None:
        now = self._clock()
        self._state.apply(event, now)
        self._tell_stop()
        match event:
            case RunStarted():
                cached = sum(stage.cached for stage in event.stages)
                self._line(f"run {event.name}, recipe {event.recipe_hash}")
                self._line(
                    f"{counted(len(event.stages), 'stage')}: {cached} cached, "
                    f"{len(event.stages) - cached} to run"
                )
            case StageStarted():
                resumed = ", resumed from its checkpoint" if event.resumed else ""
                self._line(f"{event.stage}: started{resumed} ({event.reason})")
            case EpochFinished():
                if event.epoch == event.epochs or self._is_due("epoch", event.stage, now):
                    self._last_line["step", event.stage] = now
                    self._line(f"{event.stage}: {self._epoch(event, now)}")
            case StageProgress():
                if self._is_due("step", event.stage, now):
                    self._line(f"{event.stage}: {_progress(event)}{self._left(event.stage, now)}")
            case StageFinished():
                how = "cached" if event.cached else f"done in {duration(event.seconds)}"
                self._line(f"{event.stage}: {how}")
            case Message():
                place = f"{event.stage}: " if event.stage else ""
                self._line(f"{place}{event.level}: {event.text}")
            case RunFinished():
                recorded = f", run {event.run_hash}, ledger entry {event.ledger_seq}"
                self._line(
                    f"{event.outcome} after {duration(event.seconds)}"
                    + (recorded if event.run_hash else "")
                )

    def _tell_stop(self) -> None:
        if self._stopping() and not self._stop_was_told:
            self._stop_was_told = True
            self._line("stopping: the step in progress is finished; Ctrl-C again stops at once")

    def _line(self, text: str) -> None:
        seconds = round(self._clock() - self._started)
        stamp = f"[{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}]"
        self._stream.write(f"{stamp} {' '.join(text.split())}\n")
        self._stream.flush()

    def _is_due(self, what: str, stage: str, now: float) -> bool:
        has_epochs = self._state.stages[stage].last_epoch is not None
        interval = LONG_INTERVAL if has_epochs and what == "step" else INTERVAL
        last = self._last_line.get((what, stage))
        if last is not None and now - last < interval:
            return False
        self._last_line[what, stage] = now
        return True

    def _epoch(self, event: EpochFinished, now: float) -> str:
        errors = [
            f"{label} {quantity.words} {shown(quantity, event.metrics[metric])} "
            f"{quantity.shown_unit}"
            for prefix, label in (("train", "train"), ("valid", "validation"))
            for quantity in QUANTITIES
            if (metric := f"{prefix}_{quantity.metric}") in event.metrics
        ]
        text = ", ".join([f"epoch {event.epoch}/{event.epochs}", *errors])
        return text + (", best" if event.is_best else "") + self._left(event.stage, now)

    def _left(self, stage: str, now: float) -> str:
        seconds = self._state.stages[stage].seconds_left(now)
        return f", {duration(seconds)} left" if seconds else ""


def _progress(event: StageProgress) -> str:
    total = f"/{event.total}" if event.total else ""
    text = f", {event.text}" if event.text else ""
    return f"{event.unit} {event.done}{total}{text}"


class QuietView:
    """A listener that lets warnings and errors through and nothing else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, event: Event) -> None:
        if isinstance(event, Message) and event.level != "info":
            self._stream.write(f"{event.level}: {event.text}\n")
            self._stream.flush()
