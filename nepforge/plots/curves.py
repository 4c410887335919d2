"""Curves over time: errors during training, thermodynamics during MD."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter
from numpy.typing import NDArray

from nepforge.plots.figure import BLUE, GREY, ORANGE, SET_COLORS, drawing
from nepforge.quantities import QUANTITIES

FloatArray = NDArray[np.float64]

SETS = (("train", "train"), ("valid", "validation"))


def loss_curves(
    path: Path,
    epochs: Sequence[int],
    seconds: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    best_epoch: int | None = None,
) -> None:
    """Write the errors against epoch (left) and training time (right), on a logarithmic axis.

    Args:
        path: PNG file to write.
        epochs: Epoch numbers, shape [n_epochs].
        seconds: Training time at the end of each epoch in s, shape [n_epochs].
        series: Errors by their metric name (train_energy_rmse, valid_force_rmse, ...) in the unit
            of the quantity, each of shape [n_epochs]. A quantity without a finite value above 0
            gets no row.
        best_epoch: The epoch whose model was kept; marked.

    Raises:
        ValueError: No series has such a value.
    """
    rows = [quantity for quantity in QUANTITIES if has_values(series, quantity.metric)]
    if not rows:
        raise ValueError("no finite error above 0 to plot")
    with drawing(path, 6.4, 0.5 + 1.75 * len(rows)) as figure:
        axes = figure.subplots(len(rows), 2, sharex="col", sharey="row", squeeze=False)
        for quantity, (left, right) in zip(rows, axes, strict=True):
            for prefix, set_name in SETS:
                values = series.get(f"{prefix}_{quantity.metric}")
                if values is None:
                    continue
                style = {"color": SET_COLORS[set_name], "label": set_name}
                shown = quantity.shown_factor * np.asarray(values, dtype=np.float64)
                _line(left, epochs, shown, **style)
                _line(right, seconds, shown, **style)
            left.set_ylabel(f"{quantity.words.capitalize()} RMSE ({quantity.shown_unit})")
            _logarithmic(left)
        if best_epoch is not None:
            _mark_best(axes, epochs, seconds, best_epoch)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
        axes[-1, 0].set_xlabel("Epoch")
        axes[-1, 0].xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes[-1, 1].set_xlabel("Training time (s)")
        figure.align_ylabels(axes[:, 0])


@frozen(eq=False)
class MdColumn:
    """One quantity along a trajectory; `target` is what a thermostat or barostat aims at."""

    label: str  # "Temperature"
    unit: str  # "K"
    values: FloatArray  # [n_samples]
    target: float | None = None


def md_curves(
    path: Path, time_ps: FloatArray, columns: Sequence[MdColumn], counted: NDArray[np.bool_]
) -> None:
    """Write the quantities against time, stacked, each with its mean.

    Args:
        path: PNG file to write.
        time_ps: Times of the samples in ps, shape [n_samples].
        columns: The quantities, top to bottom.
        counted: Whether a sample counts for the mean, shape [n_samples]; the line of the mean is
            drawn over these alone, the time before them is shaded.

    Raises:
        ValueError: No column is given.
    """
    if not columns:
        raise ValueError("no column to plot")
    with drawing(path, 5.2, 0.45 + 1.35 * len(columns)) as figure:
        axes = figure.subplots(len(columns), 1, sharex=True, squeeze=False)[:, 0]
        for panel, column in zip(axes, columns, strict=True):
            panel.plot(time_ps, column.values, color=BLUE, linewidth=0.8)
            kept = column.values[counted]
            panel.plot(
                time_ps[counted][[0, -1]],
                [float(kept.mean())] * 2,
                color=ORANGE,
                linewidth=1.1,
                label=_mean_text(kept, column.unit),
            )
            if not counted.all():
                panel.axvspan(time_ps[0], time_ps[counted][0], color=GREY, alpha=0.15, linewidth=0)
            if column.target is not None:
                panel.axhline(
                    column.target,
                    color=GREY,
                    linestyle="--",
                    linewidth=1.0,
                    label=f"target {column.target:g} {column.unit}",
                )
            panel.set_ylabel(f"{column.label}\n({column.unit})")
            panel.ticklabel_format(axis="y", useOffset=False)
            panel.margins(x=0.01)
            panel.legend(loc="lower right", bbox_to_anchor=(1.01, 0.98), borderaxespad=0.0, ncols=2)
        axes[-1].set_xlabel("Time (ps)")
        figure.align_ylabels(axes)


def _mean_text(values: FloatArray, unit: str) -> str:
    """Mean ± standard deviation, to two digits of the latter."""
    mean, deviation = float(np.mean(values)), float(np.std(values))
    decimals = max(0, 1 - math.floor(math.log10(deviation))) if deviation > 0.0 else 3
    text = f"mean {mean:.{decimals}f} ± {deviation:.{decimals}f} {unit}"
    return text.replace("-", "−")


def has_values(series: Mapping[str, Sequence[float]], metric: str) -> bool:
    """Whether this metric has a value that a logarithmic axis can show."""
    return any(
        math.isfinite(value) and value > 0.0
        for prefix, _ in SETS
        for value in series.get(f"{prefix}_{metric}", ())
    )


def _line(axes: Any, x: Sequence[float], values: FloatArray, *, color: str, label: str) -> None:
    # markers keep a run of one epoch, or a validation every tenth, visible
    marker = "o" if np.isfinite(values).sum() <= 30 else None
    kept = np.isfinite(values)
    axes.plot(
        np.asarray(x, dtype=np.float64)[kept],
        values[kept],
        color=color,
        label=label,
        marker=marker,
        markersize=2.8,
    )


def _logarithmic(axes: Any) -> None:
    """Logarithmic errors with plain numbers: 0.05, not 5 x 10^-2."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _mark_best(axes: Any, epochs: Sequence[int], seconds: Sequence[float], best_epoch: int) -> None:
    best_second = dict(zip(epochs, seconds, strict=True)).get(best_epoch)
    for left, right in axes:
        left.axvline(best_epoch, color=GREY, linestyle=":", label=f"best epoch {best_epoch}")
        if best_second is not None:
            right.axvline(best_second, color=GREY, linestyle=":", label=f"best epoch {best_epoch}")
