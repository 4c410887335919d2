"""Which locks of a workspace are held at this moment, for whoever wonders why a run waits."""

from __future__ import annotations

import fcntl
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from attrs import frozen

from nepforge.shared_disk import locks
from nepforge.shared_disk.locks import Claim, claim_of, holder
from nepforge.shared_disk.work import WORK_SUFFIX, is_alive, read_work

LOCK_SUFFIXES = (".lock", ".lease", ".strict", WORK_SUFFIX)  # see locks.py and work.py

# dead: its process is gone from this machine. silent: a process of another machine has not renewed
# its claim for so long that the next run takes over.
Condition = Literal["running", "dead", "silent"]


@frozen
class HeldLock:
    """A lock that is held, or that a killed process left behind.

    `name` is that of the lock file: the key of a stage or another name.
    """

    name: str
    holder: str  # "process 17, since ...", or "process 17 on HOST"
    condition: Condition = "running"
    recipe: str = ""  # where it is known
    stage: str = ""
    seconds: float | None = None  # since the work began, or since the last sign of life


def held_locks(folder: Path) -> list[HeldLock]:
    """The held and the abandoned ones among the lock files of a folder; disturbs no holder."""
    names = {path.stem for path in folder.glob("*.*") if path.suffix in LOCK_SUFFIXES}
    looked = (_look(folder / f"{name}.lock") for name in sorted(names))
    return [lock for lock in looked if lock is not None]


def _look(path: Path) -> HeldLock | None:
    work, claim = read_work(path), claim_of(path)
    if claim is None and not _is_locked(path):
        if work is None:
            return None
        who, condition = f"process {work.process} on {work.machine}", _of_note(work.machine)
    elif claim is None:
        who, condition = holder(path), "running"
    else:
        who, condition = claim.text, _of_claim(claim)
    seconds = None if work is None else work.seconds(datetime.now(UTC))
    if condition == "silent" and claim is not None:
        seconds = claim.silence(time.time())
    recipe, stage = ("", "") if work is None else (work.recipe, work.stage)
    return HeldLock(path.stem, who, condition, recipe, stage, seconds)


def _of_note(machine: str) -> Condition:
    """Nobody holds the lock: its process was killed, here or on another machine."""
    return "dead" if machine == socket.gethostname() else "silent"


def _of_claim(claim: Claim) -> Condition:
    if claim.machine == socket.gethostname():
        return "running" if is_alive(claim.process) else "dead"
    return "silent" if claim.silence(time.time()) > locks.LEASE_SECONDS else "running"


def _is_locked(path: Path) -> bool:
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
