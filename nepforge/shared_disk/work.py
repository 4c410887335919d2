"""What a process builds at this moment: a note beside the lock of the key.

For people who look at `nepforge status`; nothing depends on it. A note whose lock is free was left
by a process that was killed.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import attrs
from attrs import frozen

WORK_SUFFIX = ".work"


@frozen
class Work:
    """`since` is ISO 8601, UTC."""

    recipe: str
    stage: str
    process: int
    machine: str
    since: str

    def seconds(self, now: datetime) -> float:
        """Since it began."""
        return max(0.0, (now - datetime.fromisoformat(self.since)).total_seconds())


@contextmanager
def noted(lock: Path, recipe: str, stage: str) -> Iterator[None]:
    """Leave a note while the body runs; only for the holder of the lock.

    Older notes of the same recipe and machine whose process is gone are cleared away.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    work = Work(recipe, stage, os.getpid(), socket.gethostname(), now)
    path = lock.with_suffix(WORK_SUFFIX)
    with suppress(OSError):
        _clear_dead(lock.parent, work)
        path.write_text(json.dumps(attrs.asdict(work)), encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def read_work(lock: Path) -> Work | None:
    """The note beside a lock, when there is one."""
    try:
        return Work(**json.loads(lock.with_suffix(WORK_SUFFIX).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def is_alive(process: int) -> bool:
    """Whether this machine has such a process."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _clear_dead(folder: Path, now: Work) -> None:
    for path in folder.glob(f"*{WORK_SUFFIX}"):
        work = read_work(path)
        if work is None or (work.recipe, work.machine) != (now.recipe, now.machine):
            continue
        if not is_alive(work.process):
            path.unlink(missing_ok=True)
