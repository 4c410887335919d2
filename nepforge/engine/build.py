"""Give a stage its result: from the cache, or built under the lock of its key."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from nepforge.engine.call import call_stage, read_metrics
from nepforge.engine.outlook import stage_content, why
from nepforge.engine.state import begin_state, keep_end
from nepforge.errors import InterruptedRunError, NepforgeError, UnfitDataError
from nepforge.events import Listener, Message, StageStarted
from nepforge.interrupt import StopFlag
from nepforge.plan.kinds import StageKind
from nepforge.plan.places import located
from nepforge.plan.stage import Plan, Stage, key_of, lineage_of
from nepforge.shared_disk.locks import hold
from nepforge.shared_disk.work import noted
from nepforge.stages.context import StageContext
from nepforge.store.cache import Damage, Published, differing_files
from nepforge.store.fetching import fetch, remote_of
from nepforge.store.last import LastResult
from nepforge.store.run_record import StageRecord
from nepforge.store.workspace import Workspace


class Builder:
    """Builds the stages of one run; a result that another process builds is waited for."""

    def __init__(
        self,
        space: Workspace,
        plan: Plan,
        kinds: Mapping[str, StageKind],
        emit: Listener,
        stop: StopFlag,
        lock_timeout: float,
    ) -> None:
        self._space = space
        self._plan = plan
        self._kinds = kinds
        self._emit = emit
        self._stop = stop
        self._lock_timeout = lock_timeout
        self._remote = remote_of(space)

    def record_of(
        self,
        stage: Stage,
        done: Mapping[str, Published],
        last: LastResult | None,
        known: Published | None,
    ) -> StageRecord:
        """Find the result of a stage, or build and publish it.

        Args:
            stage: The stage.
            done: Stage name -> result of every stage that this one reads.
            last: Its last result, to tell why it runs and whether it repeats itself.
            known: The result, when it was found and checked before.

        Raises:
            InterruptedRunError: The run is to stop.
            LockTimeoutError: Another process built it for too long.
            NepforgeError: What the stage raises.
        """
        content = stage_content(stage, done, self._kinds, self._plan.threads)
        key = key_of(content)
        found = known or self._space.cache.inspect(key)
        if isinstance(found, Published):
            return self._hit(stage, found)
        self._refuse_when_stopping()
        with self._build_lock(stage, key):
            found = self._space.cache.inspect(key)
            if isinstance(found, Published):
                return self._hit(stage, found)  # another process built it while we waited
            if found is not None:
                self._set_aside(stage, found)
            fetched = self._fetch(stage, key)
            if fetched is not None:
                return self._hit(stage, fetched)
            reason = why(stage, self._plan, content, last, found)
            with noted(self._space.lock(key), self._plan.name, stage.name):
                record = self._build(stage, content, _input_files(stage, done), reason)
        self._compare(stage, last, record.published)
        return record

    def _hit(self, stage: Stage, published: Published) -> StageRecord:
        shutil.rmtree(self._state(published.content), ignore_errors=True)  # of a killed run
        metrics = read_metrics(stage.name, published.folder)
        return StageRecord(stage, published, cached=True, resumed=False, metrics=metrics)

    def _build_lock(self, stage: Stage, key: str) -> AbstractContextManager[None]:
        def waiting(holder: str) -> None:
            self._emit(Message("info", f"waits for {holder}, which builds it", stage.name))

        return hold(
            self._space.lock(key),
            timeout=self._lock_timeout,
            waiting=waiting,
            cancelled=self._stop,
        )

    def _set_aside(self, stage: Stage, damage: Damage) -> None:
        folder = self._space.cache.set_aside(damage)
        text = f"cached result {damage.key[:12]} is damaged ({damage.reason}); moved to {folder}"
        self._emit(Message("warning", text, stage.name))

    def _fetch(self, stage: Stage, key: str) -> Published | None:
        """The result from the remote store, when it is there and sound."""
        if self._remote is None:
            return None
        try:
            found = fetch(self._space, self._remote, key)
        except NepforgeError as error:
            self._remote = None
            text = f"{error.message}; goes on without it ({error.hint})"
            self._emit(Message("warning", text, stage.name))
            return None
        if isinstance(found, Damage):
            text = f"the copy at {self._space.remote} is damaged ({found.reason}) and is not used"
            self._emit(Message("warning", text, stage.name))
            return None
        if found is not None:
            self._emit(Message("info", f"fetched from {self._space.remote}", stage.name))
        return found

    def _build(
        self, stage: Stage, content: Mapping[str, Any], inputs: Mapping[str, Path], reason: str
    ) -> StageRecord:
        """Run a stage and publish what it wrote; the caller holds the lock of its key."""
        key = key_of(content)
        scratch, state = self._space.scratch(key, os.getpid()), self._state(content)
        self._space.drop_scratch(key)
        scratch.mkdir()
        begin_state(self._space, state)
        resumed = any(state.iterdir())
        self._emit(StageStarted(stage.name, stage.kind, key, reason, resumed))
        started = time.monotonic()
        try:
            self._call(stage, inputs, scratch, state)
            metrics = read_metrics(stage.name, scratch)
            published = self._publish(stage, content, scratch, time.monotonic() - started)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if self._kinds[stage.kind].endings:
            keep_end(self._space, state)
        shutil.rmtree(state, ignore_errors=True)
        return StageRecord(stage, published, cached=False, resumed=resumed, metrics=metrics)

    def _state(self, content: Mapping[str, Any]) -> Path:
        """The state folder of the stage with this content."""
        endings = self._kinds[content["stage"]].endings
        return self._space.state(key_of(content), lineage_of(content, endings) if endings else "")

    def _call(self, stage: Stage, inputs: Mapping[str, Path], scratch: Path, state: Path) -> None:
        ctx = StageContext(
            stage=stage.name,
            out=scratch,
            state=state,
            threads=self._plan.threads,
            emit=self._emit,
            stopping=self._stop,
        )
        log = self._space.log(scratch.name)
        try:
            call_stage(self._kinds[stage.kind].function, stage, inputs, ctx, log)
        except UnfitDataError as error:
            raise located(error, self._plan) from error

    def _publish(
        self, stage: Stage, content: Mapping[str, Any], scratch: Path, seconds: float
    ) -> Published:
        volatile = self._kinds[stage.kind].volatile
        published, conflict = self._space.cache.publish(
            scratch, content, volatile=volatile, seconds=seconds
        )
        if conflict is not None:
            self._report_nondeterminism(stage, published.key, conflict.files)
        return published

    def _compare(self, stage: Stage, last: LastResult | None, published: Published) -> None:
        """A result that was lost and built again must have the same bytes."""
        if last is not None and last.key == published.key:
            differing = differing_files(last.files, published.files, published.volatile)
            if differing:
                self._report_nondeterminism(stage, published.key, differing)

    def _report_nondeterminism(
        self, stage: Stage, key: str, files: Mapping[str, tuple[str, str]]
    ) -> None:
        """Two builds of one key differ: warn, and record it in the ledger."""
        listed = {
            name: {"first": first, "second": second} for name, (first, second) in files.items()
        }
        body = {"recipe": self._plan.name, "stage": stage.name, "key": key, "files": listed}
        self._space.ledger.append("nondeterminism", body)
        text = f"two builds of {key[:12]} differ in {', '.join(files)}"
        self._emit(Message("warning", text, stage.name))

    def _refuse_when_stopping(self) -> None:
        if self._stop():
            raise InterruptedRunError("stopped between two stages")


def _input_files(stage: Stage, done: Mapping[str, Published]) -> dict[str, Path]:
    """Input name -> published file or source of the user."""
    published = {
        name: done[source.stage].folder / source.file for name, source in stage.inputs.items()
    }
    return {**published, **{name: source.path for name, source in stage.sources.items()}}
