"""Parity plot: prediction against reference, with the errors of each set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from nepforge.plots.figure import GREY, drawing, legend_above, set_color

FloatArray = NDArray[np.float64]

MANY_POINTS = 3000  # above this, points overlap and a density shows more
HEXAGONS = 60  # across the axis
MARGIN = 0.04  # of the range, around the data


@frozen(eq=False)
class ParitySet:
    """Reference and prediction of one set ("train", "validation") in the unit of the figure."""

    name: str
    reference: FloatArray
    prediction: FloatArray

    @property
    def residual(self) -> FloatArray:
        return self.prediction - self.reference


def parity(path: Path, sets: Sequence[ParitySet], *, quantity: str, unit: str) -> None:
    """Write a parity plot with the residuals below it.

    Few points share one panel; many are shown as a density, one panel per set. Non-finite values
    (missing labels) are left out.

    Args:
        path: PNG file to write.
        sets: One entry per set; arrays of any shape are flattened. Sets without a value are
            skipped.
        quantity: What is compared: "Energy", "Force component", "Virial".
        unit: Unit of the values: "eV/atom", "eV/Å". Errors in eV/atom are shown in meV/atom.

    Raises:
        ValueError: No set has a value.
    """
    shown = [entry for entry in map(_finite, sets) if entry.reference.size]
    if not shown:
        raise ValueError(f"no finite {quantity.lower()} to plot")
    dense = max(entry.reference.size for entry in shown) > MANY_POINTS
    panels = [[entry] for entry in shown] if dense else [shown]
    limits = _limits(np.concatenate([[*e.reference, *e.prediction] for e in shown]))
    spread = 1.15 * max(float(np.abs(e.residual).max()) for e in shown) or 1.0
    with drawing(path, 0.7 + 2.9 * len(panels), 4.3 + 0.16 * len(panels[0])) as figure:
        axes = figure.subplots(
            2, len(panels), sharex=True, sharey="row", squeeze=False, height_ratios=[3.4, 1.0]
        )
        for column, members in enumerate(panels):
            top, bottom = axes[:, column]
            _draw_panel(top, bottom, members, dense=dense, limits=limits, spread=spread, unit=unit)
            bottom.set_xlabel(f"Reference ({unit})")
        axes[0, 0].set_ylabel(f"{quantity}, predicted ({unit})")
        axes[1, 0].set_ylabel(f"Residual\n({_error_unit(unit)[0]})")
        figure.align_ylabels(axes[:, 0])


def _draw_panel(
    top: Any,
    bottom: Any,
    members: Sequence[ParitySet],
    *,
    dense: bool,
    limits: tuple[float, float],
    spread: float,
    unit: str,
) -> None:
    factor = _error_unit(unit)[1]
    for idx, entry in enumerate(members):
        color = set_color(entry.name, idx)
        if dense:
            _density(top, entry.reference, entry.prediction, color, (*limits, *limits))
            extent = (*limits, -factor * spread, factor * spread)
            _density(bottom, entry.reference, factor * entry.residual, color, extent)
        else:
            _points(top, entry.reference, entry.prediction, color)
            _points(bottom, entry.reference, factor * entry.residual, color)
        top.plot([], [], "o", color=color, markersize=4, label=_errors(entry, unit))
    top.axline((limits[0], limits[0]), slope=1, color=GREY, linewidth=0.8, zorder=3)
    bottom.axhline(0.0, color=GREY, linewidth=0.8, zorder=3)
    top.set(xlim=limits, ylim=limits)
    top.set_box_aspect(1)
    bottom.set_ylim(-factor * spread, factor * spread)
    legend_above(top)


def _points(axes: Any, x: FloatArray, y: FloatArray, color: str) -> None:
    size, alpha = (14.0, 0.65) if x.size < MANY_POINTS / 10 else (6.0, 0.35)
    axes.scatter(x, y, s=size, alpha=alpha, color=color, linewidths=0)


def _density(
    axes: Any, x: FloatArray, y: FloatArray, color: str, extent: tuple[float, float, float, float]
) -> None:
    shades = LinearSegmentedColormap.from_list("shades", ["#D9DEE2", color, "#101418"])
    wide = extent[3] - extent[2] < extent[1] - extent[0]
    axes.hexbin(
        x,
        y,
        gridsize=(HEXAGONS, HEXAGONS // 5 if wide else HEXAGONS // 2),
        bins="log",
        mincnt=1,
        cmap=shades,
        extent=extent,
        linewidths=0.1,
    )


def _errors(entry: ParitySet, unit: str) -> str:
    shown_unit, factor = _error_unit(unit)
    rmse = factor * float(np.sqrt(np.mean(entry.residual**2)))
    mae = factor * float(np.mean(np.abs(entry.residual)))
    return f"{entry.name}: RMSE {_three_digits(rmse)}, MAE {_three_digits(mae)} {shown_unit}"


def _three_digits(value: float) -> str:
    return f"{value:#.3g}".rstrip(".")


def _error_unit(unit: str) -> tuple[str, float]:
    """Unit of the errors and the factor to it: energies per atom differ by meV."""
    return ("meV/atom", 1.0e3) if unit == "eV/atom" else (unit, 1.0)


def _finite(entry: ParitySet) -> ParitySet:
    reference = np.asarray(entry.reference, dtype=np.float64).ravel()
    prediction = np.asarray(entry.prediction, dtype=np.float64).ravel()
    kept = np.isfinite(reference) & np.isfinite(prediction)
    return ParitySet(entry.name, reference[kept], prediction[kept])


def _limits(values: FloatArray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = MARGIN * (high - low) or 0.5  # a single value still needs an axis
    return low - margin, high + margin
