"""Ctrl-C and SIGTERM as a flag that long work asks."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopFlag:
    """Turns true at the first SIGINT or SIGTERM; the second one stops the process at once."""

    def __init__(self) -> None:
        self._signal = 0

    def __call__(self) -> bool:
        return self._signal != 0

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that a signal ended: 130 or 143."""
        return 128 + (self._signal or signal.SIGINT)

    def set(self, number: int, _frame: FrameType | None = None) -> None:
        """Ask the run to stop; usable as a signal handler.

        Raises:
            KeyboardInterrupt: The run was asked before.
        """
        asked_before = self()
        self._signal = number
        if asked_before:
            raise KeyboardInterrupt

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM set the flag while the body runs; main thread only."""
        earlier = {number: signal.signal(number, self.set) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)
