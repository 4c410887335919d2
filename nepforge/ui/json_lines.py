"""Events as JSON, one per line, for programs: `nepforge run --json`.

    {"v": 1, "event": "EpochFinished", "t": 12.304, "stage": "train", "epoch": 3, ...}

`event` is the name of a class of `events.py` and the other keys are its fields; `t` is seconds
since the start of the command. A field may be added at any time; `v` changes when one is removed
or changes its meaning. JSON has no NaN: a number that is not finite is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, TextIO

import attrs

from nepforge.errors import NepforgeError, RecipeError, UnfitDataError
from nepforge.events import Event

VERSION = 1


class JsonLines:
    """A listener that writes every event to `stream`."""

    def __init__(
        self,
        stream: TextIO,
        clock: Callable[[], float] = monotonic,
        started: float | None = None,
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._started = clock() if started is None else started

    def __call__(self, event: Event) -> None:
        self._write(type(event).__name__, attrs.asdict(event))

    def error(self, error: NepforgeError) -> None:
        """The last line of a command that failed; `problems` are those of a recipe, by key."""
        problems = error.problems if isinstance(error, RecipeError | UnfitDataError) else ()
        fields = {
            "error": type(error).__name__,
            "message": error.message,
            "hint": error.hint,
            "exit_code": error.exit_code,
            "problems": [attrs.asdict(problem) for problem in problems],
        }
        self._write("Error", fields)

    def _write(self, name: str, fields: Mapping[str, Any]) -> None:
        seconds = round(self._clock() - self._started, 3)
        line = {"v": VERSION, "event": name, "t": seconds, **plain_json(fields)}
        self._stream.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
        self._stream.flush()


def plain_json(value: Any) -> Any:
    """The value with JSON types only: paths as text, numbers that are not finite as null."""
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
