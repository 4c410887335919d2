"""Ctrl-C, SIGTERM and a closed terminal (SIGHUP) as a flag that long work polls."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_OUTPUTS = (1, 2)  # file descriptors


class StopFlag:
    """Turns true at the first signal; a second SIGINT or SIGTERM stops the process at once.

    SIGHUP comes when the terminal is closed, often more than once and beside SIGTERM, so it never
    counts as the second. Whoever ignores it (nohup) goes on.
    """

    def __init__(self) -> None:
        self._signal = 0
        self._terminals: tuple[int, ...] = ()

    def __call__(self) -> bool:
        return self._signal != 0

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that a signal ended: 130, 143 or 129."""
        return 128 + (self._signal or signal.SIGINT)

    def set(self, number: int, _frame: FrameType | None = None) -> None:
        """Ask the run to stop; usable as a signal handler.

        Raises:
            KeyboardInterrupt: The run was asked before.
        """
        if number == signal.SIGHUP:
            self._signal = self._signal or number
            self._leave_terminal()
            return
        asked_before = self()
        self._signal = number
        if asked_before:
            raise KeyboardInterrupt

    def _leave_terminal(self) -> None:
        """Discard output to a closed terminal: writing to it is an error."""
        gone = [output for output in self._terminals if not os.isatty(output)]
        if gone:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for output in gone:
                os.dup2(nowhere, output)
            os.close(nowhere)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Let the signals set the flag while the body runs; main thread only."""
        ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        numbers = _SIGNALS if ignored else (*_SIGNALS, signal.SIGHUP)
        self._terminals = tuple(output for output in _OUTPUTS if os.isatty(output))
        earlier = {number: signal.signal(number, self.set) for number in numbers}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)
