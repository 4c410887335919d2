"""All runs of a [matrix], one after the other, then their comparison."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from nepforge.commands.matrix import run_matrix
from nepforge.errors import DivergenceError, InterruptedRunError, StageError
from nepforge.events import RunFinished
from nepforge.recipe.load import LoadedRecipe, load_recipes

RECIPE = """\
schema = 1
name = "toy"
threads = 1
data = { species = ["Hf", "O"], train = ["frames.xyz"], validation = 0.2 }
export = { layouts = ["nep5"] }

[model]
kind = "nep"
cutoff = [6.0, 5.0]
n_max = [4, 4]
basis_size = [8, 8]
l_max = 4
invariants = []
neurons = 4

[optimizer]
kind = "snes"
epochs = 2
batch_size = 4
weights = { energy = 1.0, force = 1.0, virial = 0.0 }

[matrix]
"model.neurons" = [4, 8]
seed = [1, 2]
"""
HISTORY = "# epoch energy_rmse force_rmse virial_rmse loss seconds\n1 0.1 0.2 nan 0.3 4.0\n"


@pytest.fixture
def runs(tmp_path: Path) -> tuple[LoadedRecipe, ...]:
    (tmp_path / "frames.xyz").write_text("frames")
    (tmp_path / "toy.toml").write_text(RECIPE)
    return load_recipes(tmp_path / "toy.toml")


class Runner:
    """Leaves a run folder for each run; those in `errors` fail instead."""

    def __init__(self, folder: Path, errors: dict[str, Exception] | None = None) -> None:
        self.folder = folder
        self.errors = errors or {}
        self.names: list[str] = []

    def __call__(self, loaded: LoadedRecipe) -> RunFinished:
        name = loaded.recipe.name
        self.names.append(name)
        if name in self.errors:
            raise self.errors[name]
        folder = self.folder / name
        (folder / "train").mkdir(parents=True)
        (folder / "train" / "epoch_valid.dat").write_text(HISTORY)
        metrics = {"evaluate.valid_force_rmse": 0.2 / len(self.names)}
        return RunFinished("finished", loaded.hash, "a" * 64, 1, 1.0, metrics, folder)


def run_all(runs: Sequence[LoadedRecipe], runner: Runner, folder: Path, mode: str = "plain") -> int:
    """The number of runs in the comparison."""
    comparison = run_matrix(runs, runner, workspace=folder, mirror=None, mode=mode)  # type: ignore[arg-type]
    return len(comparison.runs)


def test_all_runs_are_done_and_compared(
    runs: tuple[LoadedRecipe, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the order of the matrix, with a table of the variants at the end."""
    runner = Runner(tmp_path)
    assert run_all(runs, runner, tmp_path) == 4
    assert runner.names[:2] == ["toy-neurons-4-seed-1", "toy-neurons-4-seed-2"]
    shown = capsys.readouterr()
    assert "run 4 of 4: toy-neurons-8-seed-2" in shown.err
    assert "lowest force RMSE: neurons 8" in shown.out
    assert (tmp_path / "runs" / "toy" / "comparison" / "comparison.png").exists()


def test_a_failed_run_does_not_stop_the_others(
    runs: tuple[LoadedRecipe, ...], tmp_path: Path
) -> None:
    """They are run and compared, and the command fails with the first error."""
    runner = Runner(tmp_path, {"toy-neurons-4-seed-2": DivergenceError("nan", hint="lower it")})
    with pytest.raises(StageError, match="1 of 4 runs failed, the first is toy-neurons-4-seed-2"):
        run_all(runs, runner, tmp_path)
    assert len(runner.names) == 4
    path = tmp_path / "runs" / "toy" / "comparison" / "comparison.json"
    assert len(json.loads(path.read_text())["runs"]) == 3


def test_when_all_runs_fail_the_first_error_is_shown(
    runs: tuple[LoadedRecipe, ...], tmp_path: Path
) -> None:
    """There is nothing to compare."""
    errors = {run.recipe.name: DivergenceError(run.recipe.name) for run in runs}
    with pytest.raises(DivergenceError, match="toy-neurons-4-seed-1"):
        run_all(runs, Runner(tmp_path, errors), tmp_path)
    assert not (tmp_path / "runs").exists()


def test_an_interruption_stops_the_matrix(runs: tuple[LoadedRecipe, ...], tmp_path: Path) -> None:
    """Nothing is started after it."""
    runner = Runner(tmp_path, {"toy-neurons-4-seed-2": InterruptedRunError("stopped")})
    with pytest.raises(InterruptedRunError):
        run_all(runs, runner, tmp_path)
    assert len(runner.names) == 2


def test_json_ends_with_the_comparison(
    runs: tuple[LoadedRecipe, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, with an event name like those of the runs."""
    run_all(runs, Runner(tmp_path), tmp_path, "json")
    line = json.loads(capsys.readouterr().out)
    assert (line["v"], line["event"], len(line["runs"])) == (1, "Comparison", 4)
    assert [row["variant"] for row in line["variants"]] == ["neurons 4", "neurons 8"]
