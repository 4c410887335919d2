"""The run as MLflow sees it: a listener that feeds a writer process (`writer.py`).

MLflow takes seconds of CPU to import and brings threads, so it lives in a process of its own:
training keeps its interpreter, its numerics and its Ctrl-C, and a broken or locked MLflow store
costs a run nothing but a warning. The process starts with the first stage that computes
something. A run that takes every stage from the cache starts none and leaves no MLflow run: its
numbers are already in the MLflow run that computed them, and its ledger entry says so.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from nepforge.events import (
    EpochFinished,
    Event,
    Outcome,
    RunFinished,
    RunStarted,
    StageFinished,
    StageStarted,
)
from nepforge.store.workspace import HIDDEN

STORE_FILE = "mlflow.db"
ARTIFACTS_FOLDER = "mlartifacts"
LOG_FILE = "mlflow.log"
LONGEST_WAIT = 120.0  # s; a new store alone takes 10 s to set up on a slow disk
SHOWN_DIGITS = 12

_STATUS: dict[Outcome, str] = {
    "finished": "FINISHED",
    "failed": "FAILED",
    "interrupted": "KILLED",
}


def writer_command(workspace: Path) -> list[str]:
    """How the writer process is started."""
    return [sys.executable, "-m", "nepforge.mlflow_mirror.writer", str(workspace / HIDDEN)]


class MlflowMirror:
    """A listener that copies runs, one after the other, into the MLflow store of a workspace."""

    def __init__(
        self,
        workspace: Path,
        command: Callable[[Path], list[str]] = writer_command,
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        self._workspace = workspace
        self._command = command
        self._longest_wait = longest_wait
        self._writer: subprocess.Popen[str] | None = None
        self._before_start: list[dict[str, Any]] = []  # of a run that has computed nothing yet
        self._is_told = False  # whether the store is told of the run in progress
        self._computed: list[StageFinished] = []

    def __call__(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._before_start, self._computed, self._is_told = [], [], False
                self._send(_header(event))
            case StageStarted() if not self._is_told:
                self._tell()
            case EpochFinished():
                self._send(_epoch(event))
            case StageFinished():
                self._send(_stage(event))
                if not event.cached:
                    self._computed.append(event)
            case RunFinished():
                self._finish(event)
            case _:
                pass

    @property
    def is_writing(self) -> bool:
        """Whether there is anything to wait for."""
        return self._writer is not None

    def close(self) -> str:
        """Wait until everything is in the store; the reason when it is not, else ""."""
        if self._writer is None:
            return ""
        _close_pipe(self._writer.stdin)
        try:
            status = self._writer.wait(self._longest_wait)
        except subprocess.TimeoutExpired:
            self._writer.kill()
            self._writer.wait()
            return f"it took longer than {self._longest_wait:g} s"
        return "" if status == 0 else self._last_words()

    def add_comparison(self, experiment: str, metrics: Mapping[str, float], folder: Path) -> None:
        """Add a run that compares those before it; nothing when none of them computed anything."""
        if self._writer is None:
            return
        self._is_told = True
        self._send(_comparison_header(experiment))
        self._send(_metrics(metrics, 0))
        self._send(_artifacts(folder, ""))
        self._send({"do": "end", "time": _now(), "status": _STATUS["finished"], "tags": {}})

    def _tell(self) -> None:
        """Begin the run in the store, with everything that was kept back so far."""
        self._is_told = True
        if self._writer is None:
            self._start_writer()
        waiting, self._before_start = self._before_start, []
        for record in waiting:
            self._send(record)

    def _start_writer(self) -> None:
        log = self._workspace / HIDDEN / LOG_FILE
        with log.open("w", encoding="utf-8") as log_file:
            self._writer = subprocess.Popen(
                self._command(self._workspace),
                stdin=subprocess.PIPE,
                stdout=log_file,
                stderr=log_file,
                text=True,
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C in the terminal is not meant for it
                env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
            )

    def _send(self, record: dict[str, Any]) -> None:
        if not self._is_told or self._writer is None:
            self._before_start.append(record)
            return
        pipe = self._writer.stdin
        if pipe is None or pipe.closed:
            return
        try:
            pipe.write(json.dumps(record) + "\n")
            pipe.flush()
        except BrokenPipeError:
            _close_pipe(pipe)  # the writer ended early; `close` tells why

    def _finish(self, event: RunFinished) -> None:
        if event.folder is not None:
            self._send(_artifacts(event.folder, ""))
        else:
            for stage in self._computed:
                self._send(_artifacts(stage.folder, stage.stage.replace(":", "/")))
        self._send(_end(event))

    def _last_words(self) -> str:
        log = self._workspace / HIDDEN / LOG_FILE
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
        said = [line for line in lines if line.strip()]
        return f"{said[-1].strip() if said else 'it ended silently'} (log: {log})"


def _header(event: RunStarted) -> dict[str, Any]:
    return {
        "do": "start",
        "time": _now(),
        "experiment": event.experiment or event.name,
        "run_name": f"{event.name}-{event.recipe_hash[:SHOWN_DIGITS]}",
        "params": {_param_name(name): str(value) for name, value in event.parameters.items()},
        "tags": {"nepforge.recipe_hash": event.recipe_hash, "mlflow.source.name": "nepforge run"},
    }


def _comparison_header(experiment: str) -> dict[str, Any]:
    return {
        "do": "start",
        "time": _now(),
        "experiment": experiment,
        "run_name": f"{experiment}-comparison",
        "params": {},
        "tags": {"mlflow.source.name": "nepforge run"},
    }


def _epoch(event: EpochFinished) -> dict[str, Any]:
    """Curves: "train/valid_force_rmse" with step = epoch."""
    metrics = {f"{event.stage}/{name}": value for name, value in event.metrics.items()}
    return _metrics(metrics, event.epoch)


def _stage(event: StageFinished) -> dict[str, Any]:
    """Final numbers under their name in the ledger: "evaluate.valid_force_rmse"."""
    return _metrics({f"{event.stage}.{name}": value for name, value in event.metrics.items()}, 0)


def _metrics(metrics: Mapping[str, float], step: int) -> dict[str, Any]:
    now = _now()
    return {
        "do": "metrics",
        "metrics": [
            [_metric_name(name), value, now, step]
            for name, value in metrics.items()
            if math.isfinite(value)  # MLflow would turn infinity into 1.8e308
        ],
    }


def _artifacts(folder: Path, place: str) -> dict[str, Any]:
    return {"do": "artifacts", "folder": str(folder), "place": place}


def _end(event: RunFinished) -> dict[str, Any]:
    recorded = event.ledger_seq >= 0
    tags = {
        "nepforge.run_hash": event.run_hash,
        "nepforge.ledger_seq": str(event.ledger_seq),
        "nepforge.tree_head": event.tree_head,
    }
    return {
        "do": "end",
        "time": _now(),
        "status": _STATUS[event.outcome],
        "tags": tags if recorded else {},
    }


def _now() -> int:
    """Time in ms since 1970, as MLflow counts."""
    return time.time_ns() // 1_000_000


def _param_name(name: str) -> str:
    """ "md[0].steps" -> "md.0.steps": MLflow refuses brackets."""
    return _metric_name(re.sub(r"\[(\d+)\]", r".\1", name))


def _metric_name(name: str) -> str:
    return re.sub(r"[^\w.\-:/ ]", "_", name)


def _close_pipe(pipe: IO[str] | None) -> None:
    if pipe is None:
        return
    try:
        pipe.close()
    except BrokenPipeError:
        return  # what was not flushed is lost with the writer that should have read it
