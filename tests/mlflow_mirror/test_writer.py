"""The MLflow mirror: what the writer process stores, and that it never harms a run."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from nepforge.events import (
    EpochFinished,
    Event,
    PlannedStage,
    RunFinished,
    RunStarted,
    StageFinished,
    StageStarted,
)
from nepforge.mlflow_mirror.mirror import MlflowMirror

with warnings.catch_warnings():  # MLflow's own imports warn
    warnings.simplefilter("ignore")
    from mlflow import MlflowClient

    from nepforge.mlflow_mirror import writer as tracking

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow and SQLAlchemy deprecate each other

RECIPE_HASH = "3f" * 32
RUN_HASH = "a8" * 32
KEY = "9c" * 32
HEAD = "nepforge/a8a8a8a8a8a8a8a8\n13\nVJyN50GPk5SgcQ9vXJydr1t0KdGCTV6Fg07eTbc9nXM=\n\n"
PARAMETERS = {"optimizer.epochs": 1200, "md[0].steps": 500, "description": "x" * 7000}


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all tests: making its tables takes seconds."""
    root = tmp_path_factory.mktemp("workspace")
    (root / ".nepforge").mkdir()
    return root


@pytest.fixture
def client(workspace: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{workspace}/.nepforge/mlflow.db")


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """What the engine leaves for people, with one file that is too large to copy."""
    folder = tmp_path / "run"
    (folder / "md" / "npt-300K").mkdir(parents=True)
    (folder / "recipe.toml").write_text("schema = 1\n")
    (folder / "md" / "npt-300K" / "md.png").write_bytes(b"png")
    with (folder / "large.bin").open("wb") as file:
        file.truncate(tracking.LARGEST_ARTIFACT + 1)
    return folder


def _started(name: str, workspace: Path) -> RunStarted:
    stage = PlannedStage("train", "train", KEY, False, "no earlier result")
    return RunStarted(name, RECIPE_HASH, workspace, (stage,), PARAMETERS)


def _epoch(number: int) -> EpochFinished:
    metrics = {"valid_force_rmse": 1.0 / number, "valid_virial_rmse": float("nan")}
    return EpochFinished("train", number, 1200, float(number), metrics, True)


def _stage_finished(folder: Path, *, cached: bool = False) -> StageFinished:
    return StageFinished("train", "train", KEY, cached, 1.0, folder, {"best_epoch": 1200.0})


def _finished(folder: Path | None, outcome: Any = "finished") -> RunFinished:
    return RunFinished(outcome, RECIPE_HASH, RUN_HASH, 12, 9.0, {}, folder, tree_head=HEAD)


def _whole_run(name: str, workspace: Path, folder: Path) -> Iterator[Event]:
    yield _started(name, workspace)
    yield StageStarted("train", "train", KEY, "no earlier result")
    for number in range(1, 1201):
        yield _epoch(number)
    yield _stage_finished(folder)
    yield _finished(folder)


def _only_run(client: MlflowClient, name: str) -> Any:
    experiment = client.get_experiment_by_name(name)
    (run,) = client.search_runs([experiment.experiment_id])
    return run


def _mirrored(workspace: Path, events: Iterator[Event]) -> str:
    mirror = MlflowMirror(workspace)
    for event in events:
        mirror(event)
    return mirror.close()


def test_a_run_is_mirrored_whole(workspace: Path, client: MlflowClient, run_folder: Path) -> None:
    """Parameters, curves, final numbers, files and hashes, read back through MLflow's client."""
    assert _mirrored(workspace, _whole_run("whole", workspace, run_folder)) == ""
    run = _only_run(client, "whole")
    assert run.info.status == "FINISHED"
    assert run.data.params["md.0.steps"] == "500"
    assert len(run.data.params["description"]) == tracking.PARAM_LENGTH
    assert run.data.metrics["train.best_epoch"] == 1200.0
    assert "train/valid_virial_rmse" not in run.data.metrics
    curve = client.get_metric_history(run.info.run_id, "train/valid_force_rmse")
    assert [(point.step, point.value) for point in curve[:2]] == [(1, 1.0), (2, 0.5)]
    assert len(curve) == 1200
    assert run.data.tags["nepforge.recipe_hash"] == RECIPE_HASH
    assert run.data.tags["nepforge.run_hash"] == RUN_HASH
    assert run.data.tags["nepforge.ledger_seq"] == "12"
    assert run.data.tags["nepforge.tree_head"] == HEAD
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {"md", "recipe.toml"}
    (plot,) = client.list_artifacts(run.info.run_id, "md/npt-300K")
    assert plot.path == "md/npt-300K/md.png"
    assert (workspace / ".nepforge" / "mlartifacts" / "whole").is_dir()


def test_a_failed_run_keeps_what_its_stages_wrote(
    workspace: Path, client: MlflowClient, run_folder: Path
) -> None:
    """No run folder then: the files of each computed stage, under its name."""
    events = [
        _started("failed", workspace),
        StageStarted("train", "train", KEY, ""),
        _stage_finished(run_folder),
        _finished(None, "failed"),
    ]
    assert _mirrored(workspace, iter(events)) == ""
    run = _only_run(client, "failed")
    assert run.info.status == "FAILED"
    assert "train/recipe.toml" in {
        file.path for file in client.list_artifacts(run.info.run_id, "train")
    }


def test_a_killed_run_does_not_stay_running(workspace: Path, client: MlflowClient) -> None:
    """The records end without an "end"; the writer sees that and says so."""
    events = [_started("killed", workspace), StageStarted("train", "train", KEY, ""), _epoch(1)]
    assert _mirrored(workspace, iter(events)) == ""
    assert _only_run(client, "killed").info.status == "KILLED"


def test_a_run_from_the_cache_starts_no_process(tmp_path: Path) -> None:
    """It has nothing new to tell, and MLflow would take seconds of CPU."""
    mirror = MlflowMirror(tmp_path, command=lambda _: pytest.fail("a process was started"))
    mirror(_started("cached", tmp_path))
    mirror(_stage_finished(tmp_path, cached=True))
    mirror(_finished(tmp_path))
    assert not mirror.is_writing
    assert mirror.close() == ""


def test_runs_of_a_matrix_share_an_experiment(
    workspace: Path, client: MlflowClient, run_folder: Path
) -> None:
    """One process writes all that computed something, and their comparison; a cached run none."""
    mirror = MlflowMirror(workspace)
    for name in ("a", "b"):
        mirror(evolve(_started(f"matrix-{name}", workspace), experiment="matrix"))
        mirror(StageStarted("train", "train", KEY, ""))
        mirror(_epoch(1))
        mirror(_finished(run_folder))
    mirror(evolve(_started("matrix-cached", workspace), experiment="matrix"))
    mirror(_stage_finished(run_folder, cached=True))
    mirror(_finished(run_folder))
    mirror.add_comparison("matrix", {"a/valid_force_rmse": 0.5}, run_folder)
    assert mirror.close() == ""
    experiment = client.get_experiment_by_name("matrix")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    names = {f"matrix-{name}-{RECIPE_HASH[:12]}" for name in ("a", "b")}
    assert set(runs) == {*names, "matrix-comparison"}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert runs["matrix-comparison"].data.metrics == {"a/valid_force_rmse": 0.5}
    for name in names:
        assert len(client.get_metric_history(runs[name].info.run_id, "train/valid_force_rmse")) == 1


def test_a_comparison_of_cached_runs_starts_no_process(tmp_path: Path) -> None:
    """It is in the store already."""
    mirror = MlflowMirror(tmp_path, command=lambda _: pytest.fail("a process was started"))
    mirror.add_comparison("matrix", {}, tmp_path)
    assert not mirror.is_writing


def _broken(code: str, workspace: Path, longest_wait: float = 30.0) -> MlflowMirror:
    """A mirror whose writer process runs `code`, after a run was told to it."""
    (workspace / ".nepforge").mkdir()
    mirror = MlflowMirror(workspace, lambda _: [sys.executable, "-c", code], longest_wait)
    mirror(_started("broken", workspace))
    mirror(StageStarted("train", "train", KEY, ""))
    return mirror


def test_a_writer_that_fails_is_a_reason_and_no_error(tmp_path: Path) -> None:
    """The run goes on after the pipe broke; the last words of the writer are the reason."""
    mirror = _broken("raise SystemExit('OperationalError: database is locked')", tmp_path)
    while mirror._writer is not None and mirror._writer.poll() is None:
        time.sleep(0.01)
    for number in range(1, 200):
        mirror(_epoch(number))
    mirror(_finished(None))
    assert mirror.close().startswith("OperationalError: database is locked (log: ")


def test_a_writer_that_hangs_is_given_up(tmp_path: Path) -> None:
    """A user does not wait for MLflow without end."""
    mirror = _broken("import sys, time; sys.stdin.read(); time.sleep(600)", tmp_path, 0.2)
    mirror(_finished(None))
    assert mirror.close() == "it took longer than 0.2 s"


def test_a_store_that_is_no_database_is_a_reason(tmp_path: Path) -> None:
    """A damaged store costs the mirror, not the run."""
    (tmp_path / ".nepforge").mkdir()
    (tmp_path / ".nepforge" / "mlflow.db").write_text("not a database")
    events = [_started("x", tmp_path), StageStarted("train", "train", KEY, ""), _finished(None)]
    assert "not a database" in _mirrored(tmp_path, iter(events))
