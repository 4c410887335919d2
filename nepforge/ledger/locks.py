"""Locks between processes, with the name of the holder for whoever waits.

A lock is a kernel lock (flock) on a file: it ends with the process that holds it, also after
kill -9. The file stays, because removing it would split the waiters over two files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from nepforge.errors import InterruptedRunError, LockTimeoutError, NepforgeError

NO_TIME_LIMIT = -1.0  # s; the convention of filelock
POLL_SECONDS = 0.1


def _never() -> bool:
    return False


def _silent(_holder: str) -> None:
    """Nobody asked to hear who holds the lock."""


@contextmanager
def hold(
    path: Path,
    *,
    timeout: float = NO_TIME_LIMIT,
    waiting: Callable[[str], None] = _silent,
    cancelled: Callable[[], bool] = _never,
) -> Iterator[None]:
    """Hold the lock `path` while the body runs.

    Args:
        path: The lock file; its folder is made when missing.
        timeout: Longest wait in s; `NO_TIME_LIMIT` waits for ever.
        waiting: Called once with the holder ("process 17, since ...") when the lock is taken.
        cancelled: Asked while waiting; the wait ends when it turns true.

    Raises:
        LockTimeoutError: The wait took longer than `timeout`.
        InterruptedRunError: `cancelled` turned true.
        NepforgeError: The file system has no locks or refuses to write.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.parent.stat().st_mode & 0o666  # whoever may add locks may take this one
        lock = FileLock(path, mode=mode, on_acquired=_write_holder, poll_interval=POLL_SECONDS)
        _acquire(lock, path, timeout, waiting, cancelled)
    except OSError as error:
        raise NepforgeError(
            f"{path}: cannot take the lock: {error.strerror}",
            hint="use a workspace on a writable file system with flock",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _acquire(
    lock: FileLock,
    path: Path,
    timeout: float,
    waiting: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> None:
    with suppress(Timeout):
        lock.acquire(timeout=0)
        return
    waiting(holder(path))
    try:
        lock.acquire(timeout=timeout, cancel_check=cancelled)
    except Timeout:
        if cancelled():
            raise InterruptedRunError(f"stopped while waiting for {holder(path)}") from None
        raise LockTimeoutError(
            f"{path}: held by {holder(path)} for more than {timeout:g} s",
            hint="wait for that process, or raise the time limit",
        ) from None


def _write_holder(descriptor: int) -> None:
    """Leave our name in the lock file; a full disk must not prevent the lock."""
    text = f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)


def holder(path: Path) -> str:
    """Who took the lock last, as text for a message."""
    with suppress(OSError):
        return path.read_text(encoding="utf-8") or "another process"
    return "another process"
