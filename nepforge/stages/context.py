"""What the engine hands to a stage besides its table and its input files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from nepforge.events import Listener


@frozen
class StageContext:
    """Where a stage writes and how it talks.

    A stage writes each output file into `out` (the engine publishes the folder after it returns).
    `state` survives an interruption or a kill: a checkpoint found there is resumed from.
    After `stopping()` turns true (first Ctrl-C or SIGTERM) a long stage writes its checkpoint and
    raises InterruptedRunError. `metrics.json` in `out`, a flat object name -> number, is what the
    engine reports and records.
    """

    stage: str
    out: Path
    state: Path
    threads: int
    emit: Listener
    stopping: Callable[[], bool]


# run(table, inputs, ctx): `table` is the stage's resolved settings (JSON types), `inputs` maps
# input name -> file path (published upstream artifacts and verified source files).
StageFunction = Callable[[Mapping[str, Any], Mapping[str, Path], StageContext], None]
