"""Locks between processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nepforge.errors import InterruptedRunError, LockTimeoutError
from nepforge.ledger.locks import hold

HOLD = """
import sys, time
from pathlib import Path
from nepforge.ledger.locks import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "locks" / "a.lock"


@pytest.fixture
def other(lock: Path):  # type: ignore[no-untyped-def]
    """A process that holds the lock."""
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_waiting_names_the_holder(lock: Path, other: subprocess.Popen[str]) -> None:
    """By its process id, in the callback and in the error."""
    heard: list[str] = []
    with (
        pytest.raises(LockTimeoutError, match=f"held by process {other.pid}"),
        hold(lock, timeout=0.2, waiting=heard.append),
    ):
        pass
    assert heard[0].startswith(f"process {other.pid}, since ")


def test_waiting_can_be_stopped(lock: Path, other: subprocess.Popen[str]) -> None:
    """Ctrl-C while another process builds."""
    with (
        pytest.raises(InterruptedRunError, match=f"waiting for process {other.pid}"),
        hold(lock, cancelled=lambda: True),
    ):
        pass


def test_lock_of_a_killed_process_is_free(lock: Path, other: subprocess.Popen[str]) -> None:
    """The kernel lets it go; nobody has to remove a file."""
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    with hold(lock, timeout=5):
        pass
