"""Clearing, sharing and fetching results, on a line of toy stages."""

from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path

import pytest

from nepforge.engine.preview import explain_stage
from nepforge.engine.walk import run
from nepforge.errors import NepforgeError, UsageError
from nepforge.events import Event, Message, RunFinished
from nepforge.interrupt import StopFlag
from nepforge.plan.stage import Input, Plan, Stage
from nepforge.shared_disk.locks import hold
from nepforge.store import garbage
from nepforge.store.garbage import Garbage, damaged, find_garbage, pin, remove, unpin
from nepforge.store.workspace import Workspace, open_workspace

sys.path.append(str(Path(__file__).parents[1]))

from engine_toys import KINDS, plan_of, run_toy, toy_plan


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace in which no result is too young to go."""
    monkeypatch.setattr(garbage, "RECENT", -1.0)
    return Workspace(tmp_path.resolve())


def run_shared(
    root: Path, plan: Plan, *, store: Path | None = None, remote: str = ""
) -> list[Event]:
    """Run with another place of results; the events."""
    events: list[Event] = []
    root.mkdir(parents=True, exist_ok=True)
    run(
        root, plan, [events.append], command="", stop=StopFlag(), kinds=KINDS,
        store=store, remote=remote,
    )  # fmt: skip
    return events


def finished(events: list[Event]) -> RunFinished:
    (event,) = (event for event in events if isinstance(event, RunFinished))
    return event


def results(found: list[Garbage]) -> int:
    return sum(item.kind == "result" for item in found)


def test_newest_run_of_a_recipe_is_kept(space: Workspace) -> None:
    """The older one goes, and is computed again when it is asked for."""
    run_toy(space.root, toy_plan(steps=10))
    run_toy(space.root, toy_plan(steps=11))
    found = find_garbage(space)
    assert results(found) == 2  # train and report of the older run; numbers is shared
    assert results(find_garbage(space, kept_runs=2)) == 0
    assert remove(found) > 0
    assert find_garbage(space) == []
    assert run_toy(space.root, toy_plan(steps=11)).computed == 0
    assert run_toy(space.root, toy_plan(steps=10)).computed == 2


def test_pinned_run_is_kept(space: Workspace) -> None:
    """Until the pin is taken off."""
    first = run_toy(space.root, toy_plan(steps=10))
    run_toy(space.root, toy_plan(steps=11))
    entry = space.ledger.find(first.run_hash)
    pin(space, entry)
    assert results(find_garbage(space)) == 0
    unpin(space, entry)
    assert results(find_garbage(space)) == 2
    with pytest.raises(UsageError, match="expected a run"):
        pin(space, space.ledger.append("test", {}))


def test_run_under_way_keeps_its_results(space: Workspace) -> None:
    """They are in no ledger entry yet, but in the index of what ran last, and young."""

    def look(event: Event) -> None:
        if isinstance(event, Message) or "Finished" in type(event).__name__:
            assert results(find_garbage(space)) == 0

    events: list[Event] = []
    run_toy(space.root, toy_plan(), look, events.append)
    assert not [event for event in events if isinstance(event, Message)]


def test_young_results_stay(tmp_path: Path) -> None:
    """A run that publishes at this moment has not said so yet."""
    run_toy(tmp_path, toy_plan(steps=10))
    run_toy(tmp_path, toy_plan(steps=11))
    assert find_garbage(Workspace(tmp_path.resolve())) == []


def test_leftovers_of_killed_runs_go_unless_held(space: Workspace) -> None:
    """Scratch and quarantine; a scratch folder whose key is being built stays."""
    run_toy(space.root, toy_plan())
    for name in ("scratch/aa-1", "scratch/bb-2", "quarantine/cc-0"):
        (space.hidden / name).mkdir(parents=True)
        (space.hidden / name / "file").write_bytes(bytes(100))
    with hold(space.lock("bb")):
        assert remove(find_garbage(space)) == 200
    assert [path.name for path in (space.hidden / "scratch").iterdir()] == ["bb-2"]


def test_old_states_go_and_young_ones_stay(space: Workspace) -> None:
    """A checkpoint is worth hours; after a month nobody comes back for it."""
    run_toy(space.root, toy_plan())
    young, old = (space.hidden / "state" / (letter * 64) for letter in "ab")
    for path in (young, old):
        path.mkdir()
    past = time.time() - 40 * 86400.0
    os.utime(old, (past, past))
    assert [item.path for item in find_garbage(space)] == [old]


def longer(steps: int, label: str) -> Plan:
    """A training whose `steps` only say when it ends."""
    numbers = Stage("numbers", "numbers", 1, {"seed": 1})
    inputs = {"numbers": Input("numbers", "numbers.json")}
    table = {"train": {"steps": steps, "label": label}}
    return plan_of([numbers, Stage("longer", "longer", 1, table, inputs=inputs)])


def test_ends_go_with_their_results_or_when_asked_for(space: Workspace) -> None:
    """Of trainings that no kept run has; with all_ends of kept ones too."""
    run_toy(space.root, longer(4, "a"))
    (end,) = (space.hidden / "ends").iterdir()
    assert not [item for item in find_garbage(space) if item.kind == "end"]
    found = [item for item in find_garbage(space, all_ends=True) if item.kind == "end"]
    assert [item.path for item in found] == [end]
    assert found[0].size == (end / "checkpoint.json").stat().st_size
    run_toy(space.root, longer(4, "b"))
    assert [item.path for item in find_garbage(space) if item.kind == "end"] == [end]
    remove(find_garbage(space))
    assert not end.exists()


def test_damaged_results_are_listed(space: Workspace) -> None:
    """What `cache verify` shows."""
    run_toy(space.root, toy_plan())
    assert list(damaged(space)) == []
    (model,) = (space.hidden / "cache").rglob("model.txt")
    model.chmod(0o644)
    model.write_text("x")
    (found,) = damaged(space)
    assert "model.txt: other bytes" in found.reason


def test_shared_store_serves_two_workspaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second computes nothing; clearing asks both ledgers."""
    monkeypatch.setattr(garbage, "RECENT", -1.0)
    store = tmp_path / "store"
    one, two = tmp_path / "one", tmp_path / "two"
    run_shared(one, toy_plan(steps=10), store=store)
    events = run_shared(two, toy_plan(steps=10), store=store)
    assert finished(events).cached == 3
    run_shared(one, toy_plan(steps=11), store=store)
    assert results(find_garbage(open_workspace(one, store))) == 0  # the second still needs them
    (two / ".nepforge").rename(two / "gone")
    with pytest.raises(NepforgeError, match="two, which cannot be read"):
        find_garbage(open_workspace(one, store))


def test_shared_store_stays_writable_for_its_group(tmp_path: Path) -> None:
    """Whatever the umask of whoever made a folder or a lock."""
    store = tmp_path / "store"
    store.mkdir()
    store.chmod(0o2770)
    before = os.umask(0o077)
    try:
        run_shared(tmp_path / "one", toy_plan(), store=store)
    finally:
        os.umask(before)
    shelves = [path for path in (store / "cache").iterdir() if path.is_dir()]
    for folder in (store / "cache", store / "locks", store / "scratch", *shelves):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o2770, folder
    for lock in (store / "locks").iterdir():
        assert stat.S_IMODE(lock.stat().st_mode) == 0o660, lock
    (manifest, *_) = (store / "cache").rglob("manifest.json")
    assert manifest.stat().st_mode & stat.S_IRGRP


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_results_of_others_are_fetched_and_checked(tmp_path: Path, scheme: str) -> None:
    """From a folder or an address; nothing is computed, nothing is written there."""
    run_shared(tmp_path / "one", toy_plan())
    remote = f"{scheme}{tmp_path / 'one' / '.nepforge' / 'cache'}"
    events = run_shared(tmp_path / "two", toy_plan(), remote=remote)
    assert (finished(events).computed, finished(events).cached) == (0, 3)
    assert run_toy(tmp_path / "two", toy_plan()).computed == 0


def test_damaged_result_of_others_is_not_used(tmp_path: Path) -> None:
    """It is said, and the stage is computed here."""
    run_shared(tmp_path / "one", toy_plan())
    (model,) = (tmp_path / "one" / ".nepforge" / "cache").rglob("model.txt")
    good = model.read_text()
    model.chmod(0o644)
    model.write_text(good.replace(good[0], "x"))
    remote = str(tmp_path / "one" / ".nepforge" / "cache")
    events = run_shared(tmp_path / "two", toy_plan(), remote=remote)
    assert (finished(events).computed, finished(events).cached) == (1, 2)
    assert any("is damaged" in event.text for event in events if isinstance(event, Message))


def test_address_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    """One warning, then the run goes on alone."""
    events = run_shared(tmp_path, toy_plan(), remote="nosuch://host/cache")
    texts = [event.text for event in events if isinstance(event, Message)]
    assert len(texts) == 1
    assert "nosuch://host/cache: cannot be read" in texts[0]
    assert finished(events).computed == 3


def test_explanation_shows_every_part_of_a_key(tmp_path: Path) -> None:
    """All reasons, the key content, and the last one."""
    run_toy(tmp_path, toy_plan(steps=10))
    found = explain_stage(tmp_path, toy_plan(steps=11, label="b"), "train", kinds=KINDS)
    assert found.reasons == (
        "train.steps: 10 -> 11 (toy.toml:5)",
        "train.label: a -> b (toy.toml:4)",
    )
    assert found.content["table"]["train"] == {"steps": 11, "label": "b"}
    assert found.last is not None
    assert found.last.content["table"]["train"]["steps"] == 10
    assert explain_stage(tmp_path, toy_plan(), "train", kinds=KINDS).reasons == ("cached",)
    with pytest.raises(UsageError, match="no stage 'md' in toy"):
        explain_stage(tmp_path, toy_plan(), "md", kinds=KINDS)
