"""Mean and spread of the validation errors of every variant."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from nepforge.events import RunFinished
from nepforge.quantities import QUANTITIES

# metric of the stage evaluate, on validation data -> its quantity, a column of epoch_valid.dat
ERRORS = {f"valid_{quantity.metric}": quantity for quantity in QUANTITIES}
HISTORY = Path("train") / "epoch_valid.dat"


@frozen(eq=False)
class ComparedRun:
    """A finished run: final errors of its best model, and errors after every epoch."""

    label: str  # "lkf, seed 2"
    variant: str  # "lkf"
    optimizer: str  # kind
    run_hash: str
    errors: Mapping[str, float]  # names of ERRORS
    history: Mapping[str, NDArray[np.float64]]  # columns of epoch_valid.dat

    @property
    def epochs(self) -> int:
        return len(self.history["epoch"])

    @property
    def seconds(self) -> float:
        """Wall time of training, validation excluded."""
        return float(self.history["seconds"][-1])


@frozen
class Spread:
    """Mean and sample standard deviation (None for a single value)."""

    mean: float
    deviation: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        several = len(values) > 1
        return cls(statistics.fmean(values), statistics.stdev(values) if several else None)


@frozen
class Row:
    """The runs of one variant; `errors` only for what all of them have."""

    variant: str
    optimizer: str
    n_runs: int
    epochs: Spread
    seconds: Spread
    errors: Mapping[str, Spread]


@frozen
class Lead:
    """The variant with the lowest error, and its ratio to the next one.

    The seconds are the training times after which each reached the best error of the second one,
    averaged over seeds; None for the first if it did not reach it in every run.
    """

    metric: str
    variant: str
    second: str
    ratio: float
    seconds: float | None
    second_seconds: float


def compared_run(
    label: str, variant: str, optimizer: str, finished: RunFinished, folder: Path
) -> ComparedRun:
    """Read what a finished run left in its run folder."""
    path = folder / HISTORY
    header = path.read_text(encoding="ascii").partition("\n")[0].lstrip("# ").split()
    columns = np.loadtxt(path, ndmin=2).T
    values = {name: finished.metrics.get(f"evaluate.{name}", math.nan) for name in ERRORS}
    return ComparedRun(
        label=label,
        variant=variant,
        optimizer=optimizer,
        run_hash=finished.run_hash,
        errors={name: value for name, value in values.items() if math.isfinite(value)},
        history=dict(zip(header, columns, strict=True)),
    )


def rows_of(runs: Sequence[ComparedRun]) -> list[Row]:
    """One row per variant, in the order of the matrix."""
    members: dict[str, list[ComparedRun]] = {}
    for run in runs:
        members.setdefault(run.variant, []).append(run)
    return [
        Row(
            variant=variant,
            optimizer=group[0].optimizer,
            n_runs=len(group),
            epochs=Spread.of([run.epochs for run in group]),
            seconds=Spread.of([run.seconds for run in group]),
            errors={
                name: Spread.of([run.errors[name] for run in group])
                for name in ERRORS
                if all(name in run.errors for run in group)
            },
        )
        for variant, group in members.items()
    ]


def leads_of(rows: Sequence[Row], runs: Sequence[ComparedRun]) -> list[Lead]:
    """The leading variant for every error that at least two variants have."""
    leads = []
    for name in ERRORS:
        ranked = sorted(
            (row for row in rows if name in row.errors), key=lambda row: row.errors[name].mean
        )
        if len(ranked) > 1:
            leads.append(_lead(name, ranked[0], ranked[1], runs))
    return leads


def _lead(name: str, first: Row, second: Row, runs: Sequence[ComparedRun]) -> Lead:
    column = ERRORS[name].metric
    own = [run.history for run in runs if run.variant == first.variant]
    others = [run.history for run in runs if run.variant == second.variant]
    lowest = [float(np.nanmin(history[column])) for history in others]
    reached = [_seconds_to(history, column, statistics.fmean(lowest)) for history in own]
    seconds = [value for value in reached if value is not None]
    return Lead(
        metric=name,
        variant=first.variant,
        second=second.variant,
        ratio=first.errors[name].mean / second.errors[name].mean,
        seconds=statistics.fmean(seconds) if len(seconds) == len(own) else None,
        second_seconds=statistics.fmean(
            float(history["seconds"][np.nanargmin(history[column])]) for history in others
        ),
    )


def _seconds_to(
    history: Mapping[str, NDArray[np.float64]], column: str, error: float
) -> float | None:
    """Training time after which the error was first as low."""
    there = np.flatnonzero(history[column] <= error)
    return float(history["seconds"][there[0]]) if len(there) else None


@frozen(eq=False)
class Comparison:
    """What was compared, and where its files are."""

    runs: tuple[ComparedRun, ...]
    rows: tuple[Row, ...]
    leads: tuple[Lead, ...]
    folder: Path

    @property
    def metrics(self) -> dict[str, float]:
        """ "lkf/valid_force_rmse" -> mean; ".../valid_force_rmse_deviation" where there is one."""
        metrics: dict[str, float] = {}
        for row in self.rows:
            for name, spread in row.errors.items():
                metrics[f"{row.variant}/{name}"] = spread.mean
                if spread.deviation is not None:
                    metrics[f"{row.variant}/{name}_deviation"] = spread.deviation
        return metrics

    def to_json(self) -> dict[str, Any]:
        """Errors in the units of their quantities, times in s."""
        return {
            "variants": [attrs.asdict(row) for row in self.rows],
            "leads": [attrs.asdict(lead) for lead in self.leads],
            "runs": [
                {
                    "label": run.label,
                    "variant": run.variant,
                    "run_hash": run.run_hash,
                    "epochs": run.epochs,
                    "seconds": run.seconds,
                    "errors": dict(run.errors),
                }
                for run in self.runs
            ],
        }
