"""Locks between processes, on a disk of this machine and in a folder that machines share."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from nepforge.errors import InterruptedRunError, LockTimeoutError, NepforgeError
from nepforge.shared_disk import locks, mounts
from nepforge.shared_disk.held import held_locks
from nepforge.shared_disk.locks import hold
from nepforge.shared_disk.mounts import NETWORK_FILE_SYSTEMS, SHARED_MARK, file_system
from nepforge.shared_disk.work import noted
from nepforge.ui.listings import held_text

HOLD = """
import socket, sys, time
from pathlib import Path
from nepforge.shared_disk import locks
lock, kind, machine, lease = sys.argv[1:]
if machine:
    socket.gethostname = lambda: machine
locks.LEASE_SECONDS = float(lease)
with locks.hold(Path(lock), strict=kind == "strict"):
    print("held", flush=True)
    time.sleep(60)
"""
LEASE = 0.6  # s; of the test that waits for its end

Holder = Callable[..., subprocess.Popen[str]]


@pytest.fixture(params=["lock", "lease", "strict"])
def kind(request: pytest.FixtureRequest) -> str:
    """Of the kernel; between machines for a build; between machines for the ledger."""
    name: str = request.param
    return name


@pytest.fixture
def lock(tmp_path: Path, kind: str) -> Path:
    folder = tmp_path / "locks"
    folder.mkdir()
    if kind != "lock":
        (folder / SHARED_MARK).touch()
    return folder / "a.lock"


@pytest.fixture
def other(lock: Path, kind: str) -> Iterator[Holder]:
    """Start a process that holds the lock, on a machine of any name."""
    with ExitStack() as stack:

        def start(machine: str = "", lease: float = 120.0) -> subprocess.Popen[str]:
            command = [sys.executable, "-c", HOLD, str(lock), kind, machine, str(lease)]
            process = stack.enter_context(
                subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            return process

        yield start


def test_waiting_names_the_holder(lock: Path, kind: str, other: Holder) -> None:
    """By its process id, in the callback, in the error and in `status`."""
    process = other()
    heard: list[str] = []
    with (
        pytest.raises(LockTimeoutError, match=f"held by process {process.pid}"),
        hold(lock, timeout=0.2, waiting=heard.append, strict=kind == "strict"),
    ):
        pass
    assert heard[0].startswith(f"process {process.pid}")
    assert [(held.name, held.holder) for held in held_locks(lock.parent)] == [("a", heard[0])]


def test_waiting_can_be_stopped(lock: Path, kind: str, other: Holder) -> None:
    """Ctrl-C while another process builds."""
    process = other()
    with (
        pytest.raises(InterruptedRunError, match=f"waiting for process {process.pid}"),
        hold(lock, cancelled=lambda: True, strict=kind == "strict"),
    ):
        pass


def test_lock_of_a_killed_process_is_free(lock: Path, kind: str, other: Holder) -> None:
    """Nobody has to remove a file."""
    process = other()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with hold(lock, timeout=5, strict=kind == "strict"):
        assert len(held_locks(lock.parent)) == 1
    assert held_locks(lock.parent) == []


@pytest.mark.parametrize("kind", ["lease"], indirect=True)
def test_lease_of_a_silent_machine_ends(
    lock: Path, other: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lost its power; whoever waits goes on after the lease."""
    monkeypatch.setattr(locks, "LEASE_SECONDS", LEASE)
    process = other("elsewhere", LEASE)
    process.kill()
    heard: list[str] = []
    with hold(lock, timeout=30, waiting=heard.append):
        assert heard == [f"process {process.pid} on elsewhere"]


@pytest.mark.parametrize("kind", ["lease"], indirect=True)
def test_lease_outlasts_clocks_that_jump(
    lock: Path, other: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back and forth by a day, on the clock of the files and on ours: renewals count, not times."""
    monkeypatch.setattr(locks, "LEASE_SECONDS", LEASE)
    other("elsewhere", LEASE)
    real = time.time
    for days in (-1, 1, 0):
        now = real() + 86400.0 * days
        monkeypatch.setattr(time, "time", lambda now=now: now)
        os.utime(lock.with_suffix(".lease"), (now, now))
        with pytest.raises(LockTimeoutError), hold(lock, timeout=2 * LEASE):
            pass


@pytest.mark.parametrize("kind", ["strict"], indirect=True)
def test_ledger_is_never_taken_from_another_machine(lock: Path, other: Holder) -> None:
    """The hint names it and what a person may remove; the message, which is recorded, does not."""
    other("elsewhere").kill()
    for _ in range(2):
        with pytest.raises(LockTimeoutError) as caught, hold(lock, timeout=0.1, strict=True):
            pass
        assert "elsewhere" not in caught.value.message
        assert "on elsewhere; when it is gone for good, remove " in caught.value.hint
    shutil.rmtree(caught.value.hint.rpartition(" ")[2])
    with hold(lock, timeout=0.1, strict=True):
        pass


def test_network_file_system_is_marked_for_its_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the server the folder lies on a disk, but its clients use it."""
    assert file_system(tmp_path) not in NETWORK_FILE_SYSTEMS
    assert not mounts.is_shared_by_machines(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(mounts, "file_system", lambda _: "nfs4")
        assert mounts.is_shared_by_machines(tmp_path)
    assert mounts.is_shared_by_machines(tmp_path)


def test_file_system_is_read_from_the_table_of_mounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By device number; "" where there is no such table."""
    device = tmp_path.stat().st_dev
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 27 0:0 / /proc rw shared:1 - proc proc rw\n"
        f"40 27 {os.major(device)}:{os.minor(device)} / /my\\040home rw - nfs4 server:/home rw\n"
    )
    monkeypatch.setattr(mounts, "_MOUNTS", table)
    assert file_system(tmp_path) == "nfs4"
    monkeypatch.setattr(mounts, "_MOUNTS", tmp_path / "nothing")
    assert file_system(tmp_path) == ""


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
@pytest.mark.parametrize("kind", ["lock"], indirect=True)
def test_file_system_without_locks_is_told(
    lock: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The body does not run; a mark beside the lock makes one that needs no kernel."""

    def no_lock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", no_lock)
    with pytest.raises(NepforgeError, match="cannot take the lock") as caught, hold(lock):
        pytest.fail("nobody holds it")
    assert str(lock.parent / SHARED_MARK) in caught.value.hint
    (lock.parent / SHARED_MARK).touch()
    with hold(lock), pytest.raises(LockTimeoutError), hold(lock, timeout=0.0):
        pytest.fail("two hold it")


def test_work_of_a_killed_process_is_told_as_dead(lock: Path, other: Holder) -> None:
    """Recipe, stage and age; as running while it lives, gone once somebody builds again."""
    process = other()
    with noted(lock, "hfo2", "train"):
        (held,) = held_locks(lock.parent)
        assert (held.condition, held.recipe, held.stage) == ("running", "hfo2", "train")
        left = lock.with_suffix(".work").read_text().replace(f" {os.getpid()},", f" {process.pid},")
    lock.with_suffix(".work").write_text(left)
    process.kill()
    process.wait()
    (held,) = held_locks(lock.parent)
    assert (held.condition, held.stage) == ("dead", "train")
    assert held.seconds is not None
    text = held_text([held])
    assert (
        f"process {process.pid} on {socket.gethostname()}: DEAD (killed), left stage train" in text
    )
    assert text.endswith("no run in progress")
    with noted(lock.with_name("b.lock"), "hfo2", "data"):
        assert not lock.with_suffix(".work").exists()


@pytest.mark.parametrize("kind", ["lease"], indirect=True)
def test_a_machine_that_does_not_renew_its_lease_is_silent(
    lock: Path, other: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is dead cannot be known from here; how long it has been silent can."""
    monkeypatch.setattr(locks, "LEASE_SECONDS", LEASE)
    process = other("elsewhere", LEASE)
    assert held_locks(lock.parent)[0].condition == "running"
    process.kill()
    os.utime(lock.with_suffix(".lease"), (time.time() - 125.0, time.time() - 125.0))
    (held,) = held_locks(lock.parent)
    assert held.condition == "silent"
    assert f"process {process.pid} on elsewhere: SILENT for 2:05" in held_text([held])
