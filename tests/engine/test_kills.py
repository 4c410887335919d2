"""Runs in processes of their own: killed, interrupted, two at once, on a full or read-only disk."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nepforge.errors import NepforgeError, StageError
from nepforge.events import Event, StageStarted
from nepforge.plan.stage import Stage
from nepforge.shared_disk.mounts import SHARED_MARK
from nepforge.store.workspace import Workspace

sys.path.append(str(Path(__file__).parents[1]))

from engine_toys import plan_of, run_toy, toy_plan

TOYS = Path(__file__).parents[1] / "engine_toys.py"
ROOT = TOYS.parents[1]
START_SECONDS = 0.15  # a Python process is not yet at its first stage
RUN_SECONDS = 0.6


def start(workspace: Path, seed: int, pause: float) -> subprocess.Popen[str]:
    """A toy run in a process of its own; `pause` in s slows its middle stage down."""
    return subprocess.Popen(
        [sys.executable, str(TOYS), str(workspace), str(seed)],
        env={**os.environ, "TOY_PAUSE": str(pause), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def share_with_machines(workspace: Path) -> None:
    """As if the workspace were on a network file system: locks that need no kernel."""
    locks = workspace / ".nepforge" / "locks"
    locks.mkdir(parents=True)
    (locks / SHARED_MARK).touch()


def wait_for(folder: Path, pattern: str) -> None:
    """Until a file of that name exists below a folder."""
    deadline = time.monotonic() + 30
    while not any(folder.rglob(pattern)):
        assert time.monotonic() < deadline, pattern
        time.sleep(0.01)


def digests(workspace: Path) -> dict[str, str]:
    """Artifact -> digest of the last finished run, read from the files themselves."""
    (entry,) = [e for e in Workspace(workspace).ledger.entries() if e.type == "run"][-1:]
    cache = Workspace(workspace).cache
    return {
        f"{stage['name']}/{name}": hashlib.sha256(
            (cache.path(stage["key"]) / name).read_bytes()
        ).hexdigest()
        for stage in entry.body["stages"]
        for name in stage["outputs"]
        if name not in stage["volatile"]
    }


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize(
    ("n_kills", "shared"),
    [(15, False), (6, True), pytest.param(200, False, marks=pytest.mark.slow)],
)
def test_kill_at_any_moment_leaves_nothing_wrong(
    tmp_path: Path, n_kills: int, shared: bool
) -> None:
    """No wrong hit, no lost or invented entry; the next run ends at the undisturbed digests."""
    generator = random.Random(n_kills)
    workspace = tmp_path / "killed"
    if shared:
        share_with_machines(workspace)
    reported = set()
    for number in range(n_kills):
        seed = number // 3  # three attempts at each: resume is killed too
        process = start(workspace, seed, pause=0.03)
        time.sleep(START_SECONDS + generator.random() * RUN_SECONDS)
        process.kill()
        out, _ = process.communicate()
        reported.update(out.split()[:1])
    for seed in range((n_kills + 2) // 3):
        reported.add(run_toy(workspace, toy_plan(seed)).run_hash)
        run_toy(tmp_path / "undisturbed", toy_plan(seed))
        assert digests(workspace) == digests(tmp_path / "undisturbed")
    hashes = {entry.hash for entry in Workspace(workspace).ledger.entries()}
    assert reported <= hashes
    finished = [e for e in Workspace(workspace).ledger.entries() if e.type == "run"]
    assert {entry.body["outcome"] for entry in finished} == {"finished"}
    assert len(finished) <= len(reported) + n_kills


def test_kill_inside_training_resumes_from_the_checkpoint(tmp_path: Path) -> None:
    """The next run says so and finishes the rest."""
    process = start(tmp_path, 1, pause=0.2)
    wait_for(tmp_path, "checkpoint.json")
    process.kill()
    process.communicate()
    events: list[Event] = []
    run_toy(tmp_path, toy_plan(), events.append)
    starts = {event.stage: event.resumed for event in events if isinstance(event, StageStarted)}
    assert starts == {"train": True, "report": False}


@pytest.mark.usefixtures("hangup")
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signal_leaves_an_interrupted_entry_and_a_state(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    """One entry, the status that a shell expects, no half artifact, a way to resume."""
    process = start(tmp_path, 1, pause=0.2)
    wait_for(tmp_path, "checkpoint.json")
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.returncode == status
    assert "resume with: nepforge run toy.toml" in errors
    (entry,) = Workspace(tmp_path).ledger.entries()
    assert entry.body["outcome"] == "interrupted"
    assert not list((tmp_path / ".nepforge" / "scratch").iterdir())
    run_toy(tmp_path, toy_plan())
    run_toy(tmp_path / "undisturbed", toy_plan())
    assert digests(tmp_path) == digests(tmp_path / "undisturbed")


@pytest.mark.parametrize("shared", [False, True])
def test_two_runs_of_one_recipe_share_each_build(tmp_path: Path, shared: bool) -> None:
    """The second waits, says for whom, and takes the result from the cache."""
    if shared:
        share_with_machines(tmp_path)
    processes = [start(tmp_path, 1, pause=0.05) for _ in range(2)]
    answers = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(int(out.split()[1]) for out, _ in answers) == 3
    assert any("waits for process" in errors for _, errors in answers)
    assert len(list(Workspace(tmp_path).ledger.entries())) == 2


def test_full_disk_in_a_stage_loses_nothing(small_disk: Path) -> None:
    """A clear error, a `failed` entry, and the scratch folder is gone."""
    run_toy(small_disk, toy_plan())
    plan = plan_of([Stage("greedy", "greedy", 1, {"n_bytes": 8 << 20})])
    with pytest.raises(StageError, match="stage greedy: no space left on the disk"):
        run_toy(small_disk, plan)
    outcomes = [entry.body["outcome"] for entry in Workspace(small_disk).ledger.entries()]
    assert outcomes == ["finished", "failed"]
    assert run_toy(small_disk, toy_plan()).computed == 0


def test_full_disk_is_told_before_computing(small_disk: Path) -> None:
    """Room for the record is checked first."""
    (small_disk / "filler").write_bytes(bytes(2 << 20))
    events: list[Event] = []
    with pytest.raises(NepforgeError, match="cannot be written: No space left"):
        run_toy(small_disk, toy_plan(), events.append)
    assert events == []


def test_read_only_disk_is_told_before_computing(small_disk: Path) -> None:
    """Cache and ledger are unchanged."""
    run_toy(small_disk, toy_plan())
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(NepforgeError, match="cannot be written: Read-only file system"):
        run_toy(small_disk, toy_plan(2))
    assert Workspace(small_disk).ledger.verify() == 1
