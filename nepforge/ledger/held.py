"""Which locks of a workspace are held at this moment, for whoever wonders why a run waits."""

from __future__ import annotations

import fcntl
from pathlib import Path

from attrs import frozen

from nepforge.ledger.locks import claimed, holder

LOCK_SUFFIXES = (".lock", ".lease", ".strict")  # see locks.py


@frozen
class HeldLock:
    """A lock that a living process holds; `name` is "ledger" or the key of a stage."""

    name: str
    holder: str  # "process 17, since ...", or "process 17 on HOST"


def held_locks(folder: Path) -> list[HeldLock]:
    """The held ones among the lock files of a folder; asking disturbs no holder."""
    names = {path.stem for path in folder.glob("*.*") if path.suffix in LOCK_SUFFIXES}
    paths = (folder / f"{name}.lock" for name in sorted(names))
    return [HeldLock(path.stem, holder(path)) for path in paths if _is_held(path)]


def _is_held(path: Path) -> bool:
    if claimed(path):
        return True
    if not path.exists():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False  # no lock is held on a file system that has none
    return False
