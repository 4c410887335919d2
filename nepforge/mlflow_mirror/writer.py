"""The only importer of MLflow: a process that writes runs into the store, one after the other.

    python -m nepforge.mlflow_mirror.writer .nepforge  < records

`mirror.py` starts it and sends records, one JSON object per line: "start", "metrics", "artifacts",
"end". When the records stop before "end", the run that sent them was killed, and its MLflow run
is marked so.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from nepforge.mlflow_mirror.mirror import ARTIFACTS_FOLDER, STORE_FILE

# Limits of MLflow's REST API, which its stores share.
METRICS_A_BATCH = 1000
PARAMS_A_BATCH = 100
PARAM_LENGTH = 6000  # characters; the rest is cut
LARGEST_ARTIFACT = 50_000_000  # bytes; a larger file stays in the cache

NICENESS = 10  # training goes first
KILLED = "KILLED"

Item = TypeVar("Item")
Record = Mapping[str, Any]


class TrackedRun:
    """One MLflow run in the store of `hidden` (a workspace's .nepforge)."""

    def __init__(self, hidden: Path, header: Record) -> None:
        self._client = MlflowClient(f"sqlite:///{hidden / STORE_FILE}")
        experiment = self._experiment(header["experiment"], hidden / ARTIFACTS_FOLDER)
        run = self._client.create_run(
            experiment,
            start_time=header["time"],
            run_name=header["run_name"],
            tags=dict(header["tags"]),
        )
        self.run_id: str = run.info.run_id
        params = [Param(name, value[:PARAM_LENGTH]) for name, value in header["params"].items()]
        for batch in _batches(params, PARAMS_A_BATCH):
            self._client.log_batch(self.run_id, params=batch)

    def log_metrics(self, rows: Iterable[Sequence[Any]]) -> None:
        """Rows are name, value, time in ms since 1970, step."""
        for batch in _batches([Metric(*row) for row in rows], METRICS_A_BATCH):
            self._client.log_batch(self.run_id, metrics=batch)

    def log_folder(self, folder: Path, place: str) -> None:
        """Copy the files of a folder, except too large ones, to `place` among the artifacts."""
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.stat().st_size <= LARGEST_ARTIFACT:
                target = Path(place) / path.relative_to(folder).parent
                name = "" if target == Path() else target.as_posix()
                self._client.log_artifact(self.run_id, str(path), name or None)

    def end(self, status: str, tags: Mapping[str, str], time_ms: int | None) -> None:
        self._client.log_batch(self.run_id, tags=[RunTag(*tag) for tag in tags.items()])
        self._client.set_terminated(self.run_id, status, time_ms)

    def _experiment(self, name: str, artifacts: Path) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(name, (artifacts / name).as_uri()))


def write(hidden: Path, records: Iterator[list[Record]]) -> None:
    """Carry out records, which come in lists of what was sent meanwhile."""
    run: TrackedRun | None = None
    for record in _with_joined_metrics(records):
        if record["do"] == "start":
            run = TrackedRun(hidden, record)
        if run is None:
            continue  # between two runs
        match record["do"]:
            case "metrics":
                run.log_metrics(record["metrics"])
            case "artifacts":
                run.log_folder(Path(record["folder"]), record["place"])
            case "end":
                run.end(record["status"], record["tags"], record["time"])
                run = None
    if run is not None:
        run.end(KILLED, {}, None)  # MLflow takes the time of now


def _with_joined_metrics(source: Iterable[list[Record]]) -> Iterator[Record]:
    """The same records in the same order, metrics that follow each other in one."""
    for records in source:
        rows: list[Any] = []
        for record in records:
            if record["do"] == "metrics":
                rows += record["metrics"]
                continue
            yield {"do": "metrics", "metrics": rows}
            rows = []
            yield record
        yield {"do": "metrics", "metrics": rows}


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch


def _received(lines: Iterable[str]) -> Iterator[list[Record]]:
    """Records as they come, each time all that are there.

    A thread reads, so that the sender never waits while a batch is being written.
    """
    queue: SimpleQueue[Record | None] = SimpleQueue()

    def read() -> None:
        try:
            for line in lines:
                queue.put(json.loads(line))
        finally:
            queue.put(None)  # also after half a line: the sender was killed

    threading.Thread(target=read, daemon=True).start()
    while True:
        waiting = [queue.get()]
        while not queue.empty():
            waiting.append(queue.get())
        records = [record for record in waiting if record is not None]
        if records:
            yield records
        if len(records) < len(waiting):
            return


def main() -> None:
    """Read records from the standard input until it ends; the last line written is the reason."""
    os.nice(NICENESS)
    try:
        write(Path(sys.argv[1]).resolve(), _received(sys.stdin))
    except Exception as error:
        traceback.print_exception(error)
        first_line, _, _ = str(error).partition("\n")
        sys.exit(f"{type(error).__name__}: {first_line}")


if __name__ == "__main__":
    main()
