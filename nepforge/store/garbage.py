"""What can be removed from the hidden folder without losing anything that the ledger promises.

Kept are the results of the newest finished runs of every recipe, of pinned runs, and of whatever
ran last, which may be under way and not in the ledger yet. In a shared store the workspaces of all
its users are asked.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from attrs import frozen

from nepforge.errors import LockTimeoutError, NepforgeError, UsageError
from nepforge.ledger.entry import Entry
from nepforge.shared_disk.durable import replace_file
from nepforge.shared_disk.locks import hold
from nepforge.store.cache import Damage, Published, make_removable
from nepforge.store.workspace import HIDDEN, Workspace, users_of

PINS = "pins"
RECENT = 3600.0  # s; a result so young may belong to a run that has not recorded it yet
OLD_STATE = 30 * 86400.0  # s; a checkpoint that nobody came back for
KEPT_RUNS = 1  # newest finished ones of each recipe

Kind = Literal[
    "result", "second build", "scratch", "state", "end", "quarantine", "repetition", "bundle"
]


@frozen
class Garbage:
    """Something no longer needed."""

    kind: Kind
    path: Path
    size: int  # bytes
    lock: Path | None = None  # held while it is removed


def find_garbage(
    space: Workspace, kept_runs: int = KEPT_RUNS, *, all_ends: bool = False
) -> list[Garbage]:
    """What `remove` may remove, the largest first; changes nothing.

    Args:
        space: The workspace.
        kept_runs: Newest finished runs of each recipe whose results are kept.
        all_ends: Take the ends of kept trainings too: a longer one then starts from scratch.

    Raises:
        NepforgeError: A user of the shared store cannot be asked.
        IntegrityError: A ledger is damaged.
    """
    kept = _kept_keys(space, kept_runs)
    ends = _ends(space) if all_ends else _ends(space, kept)
    found = [*_results(space, kept), *ends, *_leftovers(space)]
    return sorted(found, key=lambda garbage: -garbage.size)


def remove(garbage: Iterable[Garbage]) -> int:
    """Remove what is not in use; the number of bytes freed."""
    freed = 0
    for item in garbage:
        try:
            if item.lock is None:
                _remove(item.path)
            else:
                with hold(item.lock, timeout=0.0):
                    _remove(item.path)
        except LockTimeoutError:
            continue  # in use after all
        freed += item.size
    return freed


def pin(space: Workspace, entry: Entry) -> None:
    """Keep the results of a run for good.

    Raises:
        UsageError: The entry is no run.
    """
    if entry.type != "run":
        raise UsageError(f"entry {entry.seq} is a {entry.type}, expected a run")
    _write_pins(space, sorted({*pins(space), entry.hash}))


def unpin(space: Workspace, entry: Entry) -> None:
    """Unpin the results of a run."""
    _write_pins(space, [found for found in pins(space) if found != entry.hash])


def pins(space: Workspace) -> list[str]:
    """Hashes of the runs whose results are kept for good."""
    path = space.hidden / PINS
    return path.read_text(encoding="ascii").split() if path.exists() else []


def reached_by(entries: Iterable[Entry]) -> dict[str, str]:
    """Key -> hash of the newest run that has this result."""
    return {
        stage["key"]: entry.hash
        for entry in entries
        if entry.type == "run"
        for stage in entry.body["stages"]
    }


def _write_pins(space: Workspace, hashes: list[str]) -> None:
    space.hidden.mkdir(parents=True, exist_ok=True)
    replace_file(space.hidden / PINS, "".join(f"{found}\n" for found in hashes).encode())


def _kept_keys(space: Workspace, kept_runs: int) -> set[str]:
    kept: set[str] = set()
    for user in _users(space):
        kept |= _reached(user, kept_runs)
        for index in (user.hidden / "last").glob("*.json"):
            stages = json.loads(index.read_text(encoding="utf-8"))
            kept |= {stage["key"] for stage in stages.values()}
    return kept


def _users(space: Workspace) -> Iterator[Workspace]:
    yield space
    if not space.is_shared:
        return
    for root in users_of(space.store):
        if not (root / HIDDEN).is_dir():
            raise NepforgeError(
                f"{space.store} is used by {root}, which cannot be read: its results are unknown",
                hint=f"if that workspace is gone, remove its file in {space.store / 'users'}",
            )
        yield Workspace(root, space.store)


def _reached(space: Workspace, kept_runs: int) -> set[str]:
    """Keys of pinned runs and of the newest finished ones."""
    pinned = set(pins(space))
    by_name: dict[str, list[Entry]] = {}
    kept: list[Entry] = []
    for entry in space.ledger.entries():
        if entry.hash in pinned:
            kept.append(entry)
        elif entry.type == "run" and entry.body["outcome"] == "finished":
            by_name.setdefault(entry.body["name"], []).append(entry)
    for runs in by_name.values():
        kept += runs[len(runs) - min(kept_runs, len(runs)) :]
    return set(reached_by(kept))


def _results(space: Workspace, kept: set[str]) -> Iterator[Garbage]:
    for key in space.cache.all_keys():
        path = space.cache.path(key)
        if key not in kept and not _is_recent(path):
            yield Garbage("result", path, _size(path), space.lock(key))
    for path in space.cache.extras():
        key = path.name.partition("+")[0]
        if key not in kept and not _is_recent(path):
            yield Garbage("second build", path, _size(path), space.lock(key))


def _ends(space: Workspace, kept: set[str] | None = None) -> Iterator[Garbage]:
    """Final states of trainings: of those whose results are not `kept`, or of all."""
    for path in _inside(space.hidden / "ends"):
        is_needed = kept is not None and (path.name.partition("-")[0] in kept or _is_recent(path))
        if not is_needed:
            yield Garbage("end", path, _size(path))


def _leftovers(space: Workspace) -> Iterator[Garbage]:
    for path in _inside(space.store / "scratch"):
        key = path.name.partition("-")[0]
        yield Garbage("scratch", path, _size(path), space.lock(key))
    for path in _inside(space.hidden / "state"):
        key = path.name.partition("-")[0]
        done = isinstance(space.cache.inspect(key), Published)
        if done or time.time() - path.stat().st_mtime > OLD_STATE:
            yield Garbage("state", path, _size(path), space.lock(key))
    for path in _inside(space.store / "quarantine"):
        yield Garbage("quarantine", path, _size(path))
    for path in _inside(space.hidden / "reproduce"):
        yield Garbage("repetition", path, _size(path), space.lock(f"reproduce-{path.name}"))
    for path in _inside(space.hidden / "bundles"):
        yield Garbage("bundle", path, _size(path))


def damaged(space: Workspace) -> Iterator[Damage]:
    """Results in the cache that are not what was published, every byte checked."""
    for key in space.cache.all_keys():
        found = space.cache.inspect(key)
        if isinstance(found, Damage):
            yield found


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _is_recent(path: Path) -> bool:
    return time.time() - path.stat().st_mtime < RECENT


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _remove(path: Path) -> None:
    make_removable(path)
    shutil.rmtree(path)
