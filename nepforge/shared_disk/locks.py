"""Locks between processes, with the name of the holder for whoever waits.

On a disk of this machine a lock is a kernel lock (flock) on a file NAME.lock: it ends with the
process that holds it, also after kill -9. The file stays, because removing it would split the
waiters over two files.

In a folder that several machines share (`mounts.py`), kernels may not know of each other's locks.
There a lock is a file that one process alone can create:

- NAME.lease, which its holder renews. One that was not renewed for `LEASE_SECONDS`, on the clock of
  whoever waits, is taken over. Should its holder wake up again, two processes build one result, and
  the first that is complete is published.
- NAME.strict, where two holders at once would do harm. It is never taken over from another machine,
  however long that is silent.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen
from filelock import (
    BaseFileLock,
    FileLock,
    LeaseSettingsMismatch,
    SoftFileLease,
    StrictSoftFileLock,
    Timeout,
)

from nepforge.errors import InterruptedRunError, LockTimeoutError, NepforgeError
from nepforge.shared_disk.mounts import SHARED_MARK, is_shared_by_machines
from nepforge.shared_disk.work import is_alive

NO_TIME_LIMIT = -1.0  # s; the convention of filelock
POLL_SECONDS = 0.1
STRICT_POLL_SECONDS = 0.02  # strict locks are held for milliseconds
LEASE_SECONDS = 120.0  # without a renewal; a third of it lies between two renewals


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
    strict: bool = False,
) -> Iterator[None]:
    """Hold the lock `path` while the body runs.

    Args:
        path: The lock file, NAME.lock; its folder is made when missing.
        timeout: Longest wait in s; `NO_TIME_LIMIT` waits forever.
        waiting: Called once with the holder ("process 17, since ...") when the lock is taken.
        cancelled: Asked while waiting; the wait ends when it turns true.
        strict: Between machines, wait for a silent holder rather than take the lock over.

    Raises:
        LockTimeoutError: The wait took longer than `timeout`.
        InterruptedRunError: `cancelled` turned true.
        NepforgeError: The file system has no locks or refuses to write.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock(path, strict)
        _acquire(lock, path, timeout, waiting, cancelled)
    except (OSError, LeaseSettingsMismatch) as error:
        reason = getattr(error, "strerror", None) or error
        raise NepforgeError(
            f"{path}: cannot take the lock: {reason}",
            hint="use a workspace on a writable file system with flock; where there is none, an "
            f"empty file {path.parent / SHARED_MARK} enables locks without it",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _lock(path: Path, strict: bool) -> BaseFileLock:
    mode = path.parent.stat().st_mode & 0o666  # whoever may add locks may take this one
    if not is_shared_by_machines(path.parent):
        return FileLock(path, mode=mode, on_acquired=_write_holder, poll_interval=POLL_SECONDS)
    if strict:
        return _strict(path, mode)
    return _lease(path, mode)


def _lease(path: Path, mode: int = 0o666) -> SoftFileLease:
    return SoftFileLease(
        path.with_suffix(".lease"),
        lease_duration=LEASE_SECONDS,
        mode=mode,
        poll_interval=POLL_SECONDS,
    )


def _strict(path: Path, mode: int = 0o666) -> StrictSoftFileLock:
    return StrictSoftFileLock(
        path.with_suffix(".strict"), mode=mode, poll_interval=STRICT_POLL_SECONDS
    )


def _acquire(
    lock: BaseFileLock,
    path: Path,
    timeout: float,
    waiting: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> None:
    def stop() -> bool:
        _drop_claims_of_the_dead(lock)
        return cancelled()

    _drop_claims_of_the_dead(lock)
    with suppress(Timeout):
        lock.acquire(timeout=0)
        return
    waiting(holder(path))
    try:
        lock.acquire(timeout=timeout, cancel_check=stop)
    except Timeout:
        found = holder(path)
        process, _, machine = found.partition(" on ")  # errors are recorded, machines are not
        if cancelled():
            raise InterruptedRunError(f"stopped while waiting for {process}") from None
        raise LockTimeoutError(
            f"{path}: held by {process} for more than {timeout:g} s",
            hint=_advice(lock, machine),
        ) from None


def _advice(lock: BaseFileLock, machine: str) -> str:
    if isinstance(lock, StrictSoftFileLock) and machine:
        return (
            f"wait for that process, which is on {machine}; "
            f"when it is gone for good, remove {lock.lock_file}.filelock"
        )
    return "wait for that process, or raise the time limit"


def _drop_claims_of_the_dead(lock: BaseFileLock) -> None:
    """Remove strict claims of killed processes of this machine."""
    if not isinstance(lock, StrictSoftFileLock):
        return
    for claim in lock.claims:
        if claim.hostname == socket.gethostname() and not is_alive(claim.pid):
            with suppress(FileNotFoundError):  # another process removed it
                lock.force_break(claim.name)


def _write_holder(descriptor: int) -> None:
    """Leave our name in the lock file; a full disk must not prevent the lock."""
    text = f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)


def holder(path: Path) -> str:
    """Who took the lock last, as text for a message."""
    claim = claim_of(path)
    if claim is not None:
        return claim.text
    with suppress(OSError):
        return path.read_text(encoding="utf-8") or "another process"
    return "another process"


@frozen
class Claim:
    """A lock between machines that somebody holds, or held when the machine died."""

    process: int
    machine: str
    renewed: float | None  # on the clock of the files, in s; None for one that is never renewed

    @property
    def text(self) -> str:
        return f"process {self.process} on {self.machine}"

    def silence(self, now: float) -> float:
        """Seconds without a renewal; 0 for a claim that needs none."""
        return 0.0 if self.renewed is None else max(0.0, now - self.renewed)


def claim_of(path: Path) -> Claim | None:
    """Who holds a lock between machines; None when nobody does."""
    with suppress(OSError):
        for claim in _strict(path).claims:
            return Claim(claim.pid, claim.hostname, None)
        lease = _lease(path)
        owner = lease.owner
        if owner is not None:
            renewed = Path(lease.lock_file).stat().st_mtime
            return Claim(owner.pid, owner.hostname, renewed)
    return None
