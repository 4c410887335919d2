"""Events as JSON lines."""

from __future__ import annotations

import io
import json
import math

from nepforge.errors import StageError
from nepforge.events import EpochFinished
from nepforge.ui.json_lines import VERSION, JsonLines

from .events import Clock, timed_run


def test_every_event_is_one_versioned_line() -> None:
    """Name and fields are those of events.py; time counts from the start of the command."""
    stream, clock = io.StringIO(), Clock()
    view = JsonLines(stream, clock)
    events = list(timed_run())
    for clock.now, event in events:
        view(event)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == [type(event).__name__ for _, event in events]
    assert all(line["v"] == VERSION for line in lines)
    assert [line["t"] for line in lines] == [round(time, 3) for time, _ in events]
    assert lines[0]["stages"][0]["name"] == "data"
    assert lines[0]["workspace"] == "workspace"
    assert lines[-1]["outcome"] == "finished"


def test_a_number_that_is_not_finite_is_null() -> None:
    """JSON has no NaN, and strict readers refuse it."""
    stream = io.StringIO()
    JsonLines(stream, Clock())(EpochFinished("train", 1, 2, 1.0, {"x": math.nan}, False))
    assert json.loads(stream.getvalue())["metrics"] == {"x": None}


def test_an_error_is_a_line_too() -> None:
    """With the hint and the exit status."""
    stream = io.StringIO()
    JsonLines(stream, Clock()).error(StageError("lost atoms", hint="a smaller time step"))
    line = json.loads(stream.getvalue())
    assert (line["event"], line["message"], line["exit_code"]) == ("Error", "lost atoms", 1)
    assert line["hint"] == "a smaller time step"
