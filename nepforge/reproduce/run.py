"""Run an entry again, every stage afresh, and record the verdict."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from nepforge.diff.trace import TRACE_FILE
from nepforge.engine import walk
from nepforge.errors import InterruptedRunError, NepforgeError
from nepforge.events import Listener
from nepforge.interrupt import StopFlag
from nepforge.ledger.entry import Entry, without_machine
from nepforge.plan.build import build
from nepforge.reproduce.original import DataFinder, Original, load_original
from nepforge.reproduce.verdict import Judgement, judge, unverifiable
from nepforge.shared_disk.locks import hold
from nepforge.store.artifacts import Artifacts, artifacts_of
from nepforge.store.cache import make_removable
from nepforge.store.software import software
from nepforge.store.workspace import Workspace

SHOWN_DIGITS = 12


@frozen
class Reproduction:
    """A judged repetition and its ledger entry."""

    judgement: Judgement
    entry: Entry
    folder: Path  # the workspace of the repetition


def reproduce(
    space: Workspace,
    original: Original,
    listeners: Sequence[Listener],
    *,
    command: str,
    stop: StopFlag,
) -> Reproduction:
    """Repeat a run in a workspace of its own, without the cache, and judge it.

    An interrupted repetition goes on where it stopped. The verdict is an entry of type
    `reproduction` in the ledger of `space`, also when the run could not be repeated.

    Args:
        space: Where the verdict is recorded.
        original: The run.
        listeners: Called with every event of the repetition.
        command: What a user types to resume an interrupted repetition.
        stop: Asked between stages and inside them.

    Raises:
        DataMissingError: A data file is missing or has another digest.
        InterruptedRunError: `stop` turned true; nothing is recorded.
        LockTimeoutError: Another process repeats this run.
        NepforgeError: The recipe cannot be read, or a stage failed.
    """
    space.prepare()
    space.ledger.verify()
    name = original.entry.hash[:SHOWN_DIGITS]
    with hold(space.lock(f"reproduce-{name}"), timeout=0.0):
        own = Workspace((space.hidden / "reproduce" / name).resolve())
        return _repeat(space, own, original, listeners, command, stop)


def _repeat(
    space: Workspace,
    own: Workspace,
    original: Original,
    listeners: Sequence[Listener],
    command: str,
    stop: StopFlag,
) -> Reproduction:
    folder = own.root
    recorded = original.artifacts.with_fetched(TRACE_FILE)  # a judgement must not fail on a network
    _clear_finished(own)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        plan = build(load_original(original, folder, DataFinder(original)))
        finished = walk.run(folder, plan, listeners, command=command, stop=stop)
    except InterruptedRunError:
        raise
    except NepforgeError as error:
        reason = without_machine(error.message, space.root)
        _record(space, original, unverifiable(reason), None)
        raise
    repetition = artifacts_of(own.ledger.find(finished.run_hash), own)
    judgement = judge(recorded, repetition)
    entry = _record(space, original, judgement, repetition)
    return Reproduction(judgement, entry, folder)


def _clear_finished(own: Workspace) -> None:
    """Remove an earlier repetition; one that was interrupted is kept and goes on."""
    runs = [entry for entry in own.ledger.entries() if entry.type == "run"]
    interrupted = bool(runs) and runs[-1].body["outcome"] == "interrupted"
    if own.root.exists() and not interrupted:
        make_removable(own.root)
        shutil.rmtree(own.root)


def _record(
    space: Workspace, original: Original, judgement: Judgement, repetition: Artifacts | None
) -> Entry:
    body: dict[str, Any] = {
        "name": original.body["name"],
        "outcome": judgement.verdict,
        "of": {"hash": original.entry.hash, "seq": original.entry.seq},
        "recipe": {"hash": original.body["recipe"]["hash"]},
        **judgement.to_json(),
        "environment": software(original.body["threads"]),
        "original_seconds": original.body["seconds"],
    }
    if repetition is not None:
        body["seconds"] = repetition.entry.body["seconds"]
    return space.ledger.append("reproduction", body)
