"""The view of a run, by the place where its output goes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nepforge.events import Listener
from nepforge.ui.console import LiveView
from nepforge.ui.json_lines import JsonLines
from nepforge.ui.mode import Mode, console_for
from nepforge.ui.plain import PlainView, QuietView


@contextmanager
def view_of(mode: Mode, stopping: Callable[[], bool]) -> Iterator[Listener]:
    """The listener that shows a run; a live display is taken down at the end.

    Args:
        mode: The kind of view.
        stopping: Whether the user has asked for a clean stop.
    """
    match mode:
        case "json":
            yield JsonLines(sys.stdout)
        case "quiet":
            yield QuietView(sys.stderr)
        case "plain":
            yield PlainView(sys.stderr, stopping)
        case "live":
            with LiveView(console_for(sys.stderr, os.environ), stopping) as view:
                yield view
