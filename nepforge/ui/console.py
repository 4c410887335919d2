"""The live view of a run on a terminal: stages, bar, time left, errors, memory.

hfo2  recipe 3f2a91c0b7de                                                          0:42

  ✓ data         cached
  ● train        ━━━━━━━━────────────  epoch 23/60   1:12 left, until 14:32
       energy    train   2.31  validation   3.02  best   2.98  meV/atom
       force     train 0.0710  validation 0.0882  best 0.0870  eV/Å      ▇▆▅▃▂▂▁▁
  ○ evaluate
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from types import TracebackType

import psutil
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from nepforge.events import EpochFinished, Event, Message, RunFinished
from nepforge.quantities import QUANTITIES, Quantity
from nepforge.ui.run_state import Condition, RunState, StageState
from nepforge.ui.words import duration, short, shown, sparkline

REFRESHES_PER_SECOND = 2  # calm, and cheap beside a training that uses every core
BAR_WIDTH = 20
SPARKLINE_WIDTH = 30
MEGABYTE = 1.0e6

_SIGNS: dict[Condition, tuple[str, str]] = {
    "waiting": ("○", "dim"),
    "running": ("●", "bold cyan"),
    "cached": ("✓", "green"),
    "done": ("✓", "bold green"),
    "stopped": ("✗", "bold red"),
}
_MESSAGE_STYLES = {"info": "dim", "warning": "yellow", "error": "bold red"}


class LiveView(AbstractContextManager["LiveView"]):
    """A listener that redraws a few lines at the bottom of the terminal.

    `stopping` tells whether the user has asked for a clean stop.
    """

    def __init__(
        self,
        console: Console,
        stopping: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._stopping = stopping
        self._clock = clock
        self._state = RunState()
        self._process = psutil.Process()
        self._live = Live(
            console=console,
            get_renderable=self.screen,
            refresh_per_second=REFRESHES_PER_SECOND,
            vertical_overflow="crop",
        )

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        self._state.apply(event, self._clock())
        if isinstance(event, Message):
            place = f"{event.stage}: " if event.stage else ""
            text = f"{event.level}: {place}{event.text}"
            self._console.print(Text(text, style=_MESSAGE_STYLES[event.level]))
        if isinstance(event, RunFinished):
            self._live.stop()

    def screen(self) -> RenderableType:
        """The lines as they are now."""
        if not self._state.name:
            return Text("reading the recipe", style="dim")
        now = self._clock()
        width = max(map(len, self._state.stages), default=0)
        parts: list[RenderableType] = [self._title(now), Text()]
        for stage in self._state.stages.values():
            parts.append(_stage_line(stage, width, now))
            if stage.last_epoch is not None:
                parts.append(_errors(stage))
        if self._state.outcome is None:
            parts += [Text(), self._footer()]
        return Group(*parts)

    def _title(self, now: float) -> RenderableType:
        title = Table.grid(expand=True)
        title.add_column(no_wrap=True)
        title.add_column(justify="right", no_wrap=True)
        name = Text.assemble(
            (self._state.name, "bold"), ("  recipe ", "dim"), short(self._state.recipe_hash)
        )
        title.add_row(name, Text(duration(now - self._state.started), style="dim"))
        return title

    def _footer(self) -> Text:
        if self._stopping():
            text = "  stopping after the step in progress; Ctrl-C again stops at once"
            return Text(text, style="yellow")
        memory = _memory(self._process) / MEGABYTE
        amount = f"{memory / 1000:.1f} GB" if memory >= 1000 else f"{memory:.0f} MB"
        return Text(f"  memory {amount}   Ctrl-C stops cleanly and keeps what is done", style="dim")


def _stage_line(stage: StageState, width: int, now: float) -> Text:
    sign, style = _SIGNS[stage.condition]
    line = Text.assemble("  ", (sign, style), " ", (f"{stage.name:<{width}}  ", style))
    line.no_wrap, line.overflow = True, "ellipsis"
    match stage.condition:
        case "running":
            for part in _running(stage, now):
                line.append(part).append("  ")
        case "cached":
            line.append("cached", style="dim")
        case "done":
            line.append(duration(stage.seconds), style="dim")
        case "stopped":
            line.append(f"stopped after {duration(stage.seconds)}", style="red")
        case "waiting":
            pass
    return line


def _running(stage: StageState, now: float) -> Iterator[Text]:
    """The parts of the line, the most wanted first: the end of a line may be cut."""
    if stage.total:
        yield _bar(stage.fraction)
        yield Text(stage.count)
        yield Text(_time_left(stage, now), style="cyan")
    else:
        yield Text(duration(now - stage.started), style="dim")
    if stage.last_epoch is None:  # else the text would only name the epoch again
        yield Text(stage.text, style="dim")


def _bar(fraction: float) -> Text:
    n_full = round(fraction * BAR_WIDTH)
    return Text.assemble(("━" * n_full, "cyan"), ("─" * (BAR_WIDTH - n_full), "dim"))


def _time_left(stage: StageState, now: float) -> str:
    seconds = stage.seconds_left(now)
    if seconds is None:
        return ""
    until = datetime.now().astimezone() + timedelta(seconds=seconds)
    return f"{duration(seconds)} left, until {until:%H:%M}"


def _errors(stage: StageState) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    for quantity in QUANTITIES:
        cells = _error_cells(stage, quantity)
        if cells is not None:
            table.add_row("     ", *cells)
    history = Text.assemble(
        ("       validation force RMSE by epoch  ", "dim"),
        (sparkline(stage.history, SPARKLINE_WIDTH), "cyan"),
        no_wrap=True,
    )
    return Group(table, history)


def _error_cells(stage: StageState, quantity: Quantity) -> list[Text] | None:
    train = _metric(stage.last_epoch, f"train_{quantity.metric}")
    valid = _metric(stage.last_epoch, f"valid_{quantity.metric}")
    best = _metric(stage.best_epoch, f"valid_{quantity.metric}")
    if train is None and valid is None:
        return None
    is_best = stage.best_epoch is stage.last_epoch
    return [
        Text(f"{quantity.words} RMSE"),
        _labelled("train", quantity, train, ""),
        _labelled("validation", quantity, valid, "bold green" if is_best else "bold"),
        _labelled("best", quantity, best, "green"),
        Text(quantity.shown_unit, style="dim"),
    ]


def _metric(epoch: EpochFinished | None, name: str) -> float | None:
    value = math.nan if epoch is None else epoch.metrics.get(name, math.nan)
    return None if math.isnan(value) else value


def _labelled(label: str, quantity: Quantity, value: float | None, style: str) -> Text:
    if value is None:
        return Text()
    return Text.assemble((f"{label} ", "dim"), (f"{shown(quantity, value):>6}", style))


def _memory(process: psutil.Process) -> float:
    """Resident memory of this process and what it started (LAMMPS), in bytes."""
    total = 0
    for member in (process, *process.children(recursive=True)):
        try:
            total += member.memory_info().rss
        except psutil.Error:
            continue  # ended since it was listed
    return float(total)
