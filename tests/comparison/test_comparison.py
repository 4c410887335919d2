"""The runs of a matrix side by side: mean and spread, who is ahead, files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import attrs
import numpy as np
import pytest

from nepforge.comparison.table import ComparedRun, Spread, compared_run, leads_of, rows_of
from nepforge.comparison.text import cells, lead_text, spread_text
from nepforge.comparison.write import write_comparison
from nepforge.events import RunFinished

HISTORY = """\
# epoch     energy_rmse      force_rmse     virial_rmse            loss         seconds
      1    3.000000e-02    2.000000e-01             nan    9.000000e-01    1.500000e+00
      2    1.000000e-02    1.000000e-01             nan    4.000000e-01    3.000000e+00
"""


def run_of(folder: Path, variant: str, seed: int, force: float, kind: str = "lkf") -> ComparedRun:
    """A finished run as the engine leaves it."""
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "epoch_valid.dat").write_text(HISTORY)
    metrics = {"evaluate.valid_energy_rmse": 0.01, "evaluate.valid_force_rmse": force}
    finished = RunFinished("finished", "0" * 64, f"{seed}" * 64, 1, 9.0, metrics, folder)
    return compared_run(f"{variant}, seed {seed}", variant, kind, finished, folder)


def run_with(run: ComparedRun, *, seconds: float = 1.5, force: float = 1.0) -> ComparedRun:
    """The run with epochs of `seconds`, and its force errors times `force`."""
    history = dict(run.history)
    history["seconds"] = seconds * history["epoch"]
    history["force_rmse"] = force * history["force_rmse"]
    return attrs.evolve(run, history=history)


@pytest.fixture
def runs(tmp_path: Path) -> list[ComparedRun]:
    return [
        run_of(tmp_path / "1", "lkf", 1, 0.09),
        run_of(tmp_path / "2", "adam", 1, 0.20),
        run_of(tmp_path / "3", "lkf", 2, 0.11),
        run_of(tmp_path / "4", "snes", 1, 0.50, "snes"),
    ]


def test_a_run_is_read_from_its_folder(tmp_path: Path) -> None:
    """Columns by their names in the file; errors that were not found are left out."""
    run = run_of(tmp_path, "lkf", 1, 0.09)
    assert (run.epochs, run.seconds) == (2, 3.0)
    assert run.history["force_rmse"].tolist() == [0.2, 0.1]
    assert np.isnan(run.history["virial_rmse"]).all()
    assert set(run.errors) == {"valid_energy_rmse", "valid_force_rmse"}


def test_seeds_of_a_variant_give_mean_and_deviation(runs: list[ComparedRun]) -> None:
    """In the order of the matrix; a single run has no deviation."""
    rows = rows_of(runs)
    assert [(row.variant, row.n_runs) for row in rows] == [("lkf", 2), ("adam", 1), ("snes", 1)]
    force = rows[0].errors["valid_force_rmse"]
    assert force.mean == pytest.approx(0.10)
    assert force.deviation == pytest.approx(0.02 / math.sqrt(2))
    assert rows[1].errors["valid_force_rmse"].deviation is None
    head, lkf, *_ = cells(rows)
    assert lkf == ["lkf", "2", "2", "3", "10", "0.100 ± 0.014", "-"]
    assert head[4:] == ["energy RMSE, meV/atom", "force RMSE, eV/Å", "virial RMSE, meV/atom"]


def test_the_leader_is_named_with_its_lead(runs: list[ComparedRun]) -> None:
    """The lowest mean, as a share of the next one, and when it had the next one's best."""
    faster = [run_with(run, seconds=0.1) if run.variant == "lkf" else run for run in runs]
    leads = {lead.metric: lead for lead in leads_of(rows_of(faster), faster)}
    assert lead_text(leads["valid_force_rmse"]) == (
        "lowest force RMSE: lkf, 0.50 of adam, whose best it had after 0.200 s of training "
        "instead of 3 s"
    )
    assert "valid_virial_rmse" not in leads


def test_no_time_is_given_for_an_error_that_was_not_reached(runs: list[ComparedRun]) -> None:
    """A lead by the best model that the errors of the epochs do not show."""
    slower = [run_with(run, force=2.0) if run.label == "lkf, seed 2" else run for run in runs]
    (lead,) = [x for x in leads_of(rows_of(slower), slower) if x.metric == "valid_force_rmse"]
    assert lead.seconds is None
    assert lead_text(lead) == "lowest force RMSE: lkf, 0.50 of adam"


@pytest.mark.parametrize(
    ("spread", "text"),
    [
        (Spread(0.09123, 0.00214), "0.0912 ± 0.0021"),
        (Spread(1234.5, 20.0), "1234 ± 20"),
        (Spread(40.0, 0.0), "40"),
        (Spread(0.5, None), "0.500"),
    ],
)
def test_a_spread_is_written_with_the_digits_of_the_mean(spread: Spread, text: str) -> None:
    """Three of them."""
    assert spread_text(spread, 1.0) == text


def test_the_files_of_a_comparison_replace_older_ones(
    tmp_path: Path, runs: list[ComparedRun]
) -> None:
    """JSON for programs, a table and a plot for people; nothing else stays behind."""
    parent = tmp_path / "runs" / "hfo2"
    for _ in range(2):
        comparison = write_comparison(parent, runs)
    assert [path.name for path in parent.iterdir()] == ["comparison"]
    content = json.loads((comparison.folder / "comparison.json").read_text())
    assert [run["run_hash"][0] for run in content["runs"]] == ["1", "1", "2", "1"]
    assert str(tmp_path) not in json.dumps(content)
    assert "| lkf | 2 |" in (comparison.folder / "comparison.md").read_text()
    assert (comparison.folder / "comparison.png").stat().st_size > 10_000
    assert comparison.metrics["lkf/valid_force_rmse"] == pytest.approx(0.10)
    assert "adam/valid_force_rmse_deviation" not in comparison.metrics
