"""Walk a plan: key -> in the cache? -> else run in a scratch folder -> publish -> record -> tell.

A result is published before it is recorded and recorded before it is shown, so a kill at any
moment leaves a cache without half results and a ledger without invented entries.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from nepforge.engine.build import Builder
from nepforge.engine.outlook import look_ahead
from nepforge.errors import InterruptedRunError, NepforgeError, StageError
from nepforge.events import (
    Event,
    Listener,
    Message,
    Outcome,
    RunFinished,
    RunStarted,
    StageFinished,
)
from nepforge.interrupt import StopFlag
from nepforge.ledger.entry import Entry
from nepforge.plan.kinds import KINDS, StageKind
from nepforge.plan.stage import Plan, Stage
from nepforge.shared_disk.locks import NO_TIME_LIMIT
from nepforge.store.cache import Published
from nepforge.store.last import LastResult, read_last, write_last
from nepforge.store.run_folder import write_run_folder
from nepforge.store.run_record import Failure, RunRecord, StageRecord, flat, run_body
from nepforge.store.software import pin_threads
from nepforge.store.workspace import Workspace, open_workspace


def run(
    workspace: Path,
    plan: Plan,
    listeners: Sequence[Listener],
    *,
    command: str,
    stop: StopFlag,
    lock_timeout: float = NO_TIME_LIMIT,
    store: Path | None = None,
    remote: str = "",
    kinds: Mapping[str, StageKind] = KINDS,
) -> RunFinished:
    """Compute what is not cached, record the run in the ledger, write the run folder.

    Every run that passes the checks at its start leaves one ledger entry, whatever its outcome.

    Args:
        workspace: The folder from `find_workspace`.
        plan: The stages, in an order that satisfies their inputs.
        listeners: Called with every event; one that raises is dropped with a warning.
        command: What a user types to resume an interrupted run.
        stop: Asked between stages and inside them; see `StopFlag.listening`.
        lock_timeout: Longest wait in s for another process that builds the same stage.
        store: A shared folder of results instead of the workspace's own.
        remote: Address of results that others published; read only.
        kinds: Stage kind -> its function, version and packages.

    Raises:
        StageError: A stage failed. Other errors of ours that a stage raises pass unchanged.
        InterruptedRunError: `stop` turned true, or a second signal came.
        LockTimeoutError: Another process built the same stage for longer than `lock_timeout`.
        IntegrityError: The ledger is damaged.
        NepforgeError: Cache or ledger cannot be written; found before anything is computed.
    """
    started = time.monotonic()
    space = open_workspace(workspace, store, remote)
    space.prepare()
    space.ledger.verify()
    pin_threads(plan.threads)
    walk = _Walk(space, plan, kinds, _Broadcast(listeners), stop, lock_timeout)
    try:
        walk.all_stages()
    except BaseException as error:
        explained = _explained(error, walk.current_stage, stop, command)
        walk.close_unfinished(explained, command, time.monotonic() - started)
        if explained is error:
            raise
        raise explained from error
    return walk.close_finished(time.monotonic() - started)


class _Broadcast:
    """Hands events to the listeners. They are mirrors: a broken one must not stop a run."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = list(listeners)

    def __call__(self, event: Event) -> None:
        failures = []
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception as error:
                self._listeners.remove(listener)
                failures.append(f"a listener stopped: {type(error).__name__}: {error}")
        for failure in failures:
            self(Message("warning", failure))


class _Walk:
    """One run: the stages that are done, and how to do the next one."""

    def __init__(
        self,
        space: Workspace,
        plan: Plan,
        kinds: Mapping[str, StageKind],
        emit: Listener,
        stop: StopFlag,
        lock_timeout: float,
    ) -> None:
        self.current_stage = ""
        self._space = space
        self._plan = plan
        self._kinds = kinds
        self._emit = emit
        self._builder = Builder(space, plan, kinds, emit, stop, lock_timeout)
        self._last: dict[str, LastResult] = {}
        self._done: dict[str, Published] = {}
        self._records: list[StageRecord] = []
        self._seconds: dict[str, float] = {}  # stage -> s spent in this run

    def all_stages(self) -> None:
        index = self._space.last(self._plan.name)
        self._last = read_last(index, self._space.ledger.entries(), self._plan.name)
        outlooks = look_ahead(self._space.cache, self._plan, self._kinds, self._last)
        self._emit(
            RunStarted(
                name=self._plan.name,
                recipe_hash=self._plan.recipe_hash,
                workspace=self._space.root,
                stages=tuple(outlook.planned for outlook in outlooks),
                parameters=dict(flat(self._plan.resolved)),
                experiment=self._plan.experiment,
            )
        )
        for stage, outlook in zip(self._plan.stages, outlooks, strict=True):
            self.current_stage = stage.name
            started = time.monotonic()
            last = self._last.get(stage.name)
            record = self._builder.record_of(stage, self._done, last, outlook.published)
            self._accept(record, time.monotonic() - started)

    def _accept(self, record: StageRecord, seconds: float) -> None:
        stage, published = record.stage, record.published
        self._done[stage.name] = published
        self._records.append(record)
        self._seconds[stage.name] = seconds
        self._remember(stage, published)
        self._emit(
            StageFinished(
                stage=stage.name,
                kind=stage.kind,
                key=published.key,
                cached=record.cached,
                seconds=seconds,
                folder=published.folder,
                metrics=record.metrics,
            )
        )

    def _remember(self, stage: Stage, published: Published) -> None:
        result = LastResult(published.key, published.content, published.files)
        if self._last.get(stage.name) != result:
            self._last[stage.name] = result
            write_last(self._space.last(self._plan.name), self._last)

    def close_finished(self, seconds: float) -> RunFinished:
        run_record = self._record("finished", seconds, None)
        entry = self._space.ledger.append("run", run_body(run_record, self._space.root))
        folder = self._run_folder(run_record, entry)
        finished = self._finished(run_record, entry, folder, "", "")
        self._emit(finished)
        return finished

    def close_unfinished(self, error: NepforgeError, command: str, seconds: float) -> None:
        interrupted = isinstance(error, InterruptedRunError)
        failure = Failure(self.current_stage, type(error).__name__, error.message)
        run_record = self._record("interrupted" if interrupted else "failed", seconds, failure)
        try:
            body = run_body(run_record, self._space.root)
            entry = self._space.ledger.append("run", body)
        except NepforgeError as unwritten:
            self._emit(Message("error", f"this run is not in the ledger: {unwritten.message}"))
            entry = None
        resume = command if interrupted else ""
        self._emit(self._finished(run_record, entry, None, error.message, resume))

    def _record(self, outcome: Outcome, seconds: float, failure: Failure | None) -> RunRecord:
        return RunRecord(self._plan, outcome, seconds, tuple(self._records), failure)

    def _run_folder(self, run_record: RunRecord, entry: Entry) -> Path | None:
        try:
            return write_run_folder(self._space.runs(self._plan.name), run_record, entry)
        except OSError as error:
            text = f"no run folder: {error}; the files are in the cache"
            self._emit(Message("warning", text))
            return None

    def _finished(
        self,
        run_record: RunRecord,
        entry: Entry | None,
        folder: Path | None,
        message: str,
        resume_command: str,
    ) -> RunFinished:
        computed = sum(not record.cached for record in self._records)
        head = None if entry is None else self._space.ledger.heads.last()
        return RunFinished(
            outcome=run_record.outcome,
            recipe_hash=self._plan.recipe_hash,
            run_hash="" if entry is None else entry.hash,
            ledger_seq=-1 if entry is None else entry.seq,
            seconds=run_record.seconds,
            metrics=run_record.metrics,
            folder=folder,
            message=message,
            computed=computed,
            cached=len(self._records) - computed,
            resume_command=resume_command,
            stage_seconds=dict(self._seconds),
            tree_head="" if head is None else head.text,
        )


def _explained(error: BaseException, stage: str, stop: StopFlag, command: str) -> NepforgeError:
    """An error that tells the user what to do next."""
    where = f"stage {stage}: " if stage else ""
    if isinstance(error, InterruptedRunError | KeyboardInterrupt):
        text = error.message if isinstance(error, InterruptedRunError) else "stopped at once"
        return InterruptedRunError(
            f"{where}{text}", exit_code=stop.exit_code, hint=f"resume with: {command}"
        )
    if isinstance(error, NepforgeError):
        return error
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return StageError(
            f"{where}no space left on the disk",
            hint="free space and run again: finished stages are kept in the cache",
        )
    return StageError(f"{where}{type(error).__name__}: {error}")
