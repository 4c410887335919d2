"""Which locks of a workspace are held at this moment, for whoever wonders why a run waits."""

from __future__ import annotations

import fcntl
from pathlib import Path

from attrs import frozen

from nepforge.ledger.locks import holder


@frozen
class HeldLock:
    """A lock that a living process holds; `name` is "ledger" or the key of a stage."""

    name: str
    holder: str  # "process 17, since ..."


def held_locks(folder: Path) -> list[HeldLock]:
    """The held ones among the lock files of a folder; asking disturbs no holder."""
    return [
        HeldLock(path.stem, holder(path))
        for path in sorted(folder.glob("*.lock"))
        if _is_held(path)
    ]


def _is_held(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
