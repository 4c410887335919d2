"""Validation errors of several runs against epoch and against training time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from numpy.typing import NDArray

from nepforge.plots.figure import BLUE, GREEN, GREY, ORANGE, PINK, drawing
from nepforge.quantities import QUANTITIES, Quantity

FloatArray = NDArray[np.float64]
COLORS = (BLUE, ORANGE, GREEN, PINK, GREY, "#56B4E9", "#E69F00")  # the last two of Okabe and Ito
FEW_EPOCHS = 12  # up to here each is marked
LONG_AXIS = 6.0  # ratio of the longest to the shortest run from which the axis is logarithmic


@frozen(eq=False)
class Curve:
    """Validation errors of one run after each epoch, all of shape [n_epochs]."""

    variant: str  # runs of one variant share colour and label
    epochs: FloatArray
    seconds: FloatArray  # of training so far
    errors: Mapping[str, FloatArray]  # RMSE by name and in the unit of the quantity, nan: unknown
    has_floor: bool = False  # whether its lowest error is drawn as a dashed line


def comparison_curves(path: Path, curves: Sequence[Curve]) -> None:
    """Write the errors of each quantity (rows) against epoch and training time (columns).

    Args:
        path: PNG file to write.
        curves: The runs; the lowest error of those with a floor is drawn as a dashed line.

    Raises:
        ValueError: No curve has a finite error.
    """
    variants = list(dict.fromkeys(curve.variant for curve in curves))
    rows = [
        quantity
        for quantity in QUANTITIES
        if any(np.isfinite(curve.errors.get(quantity.name, np.nan)).any() for curve in curves)
    ]
    if not rows:
        raise ValueError("no finite error to plot")
    with drawing(path, 6.6, 0.6 + 2.1 * len(rows)) as figure:
        axes = figure.subplots(len(rows), 2, sharex="col", sharey="row", squeeze=False)
        for quantity, panels in zip(rows, axes, strict=True):
            for panel, x_name in zip(panels, ("epochs", "seconds"), strict=True):
                for idx, variant in enumerate(variants):
                    color = COLORS[idx % len(COLORS)]
                    members = [curve for curve in curves if curve.variant == variant]
                    _draw(panel, members, x_name, quantity, color)
            panels[0].set_ylabel(f"{quantity.words.capitalize()} RMSE ({quantity.shown_unit})")
            _logarithmic(panels[0])
        for panel, x_name, label in zip(
            axes[-1], ("epochs", "seconds"), ("Epoch", "Training time (s)"), strict=True
        ):
            panel.set_xlabel(label)
            ends = [float(getattr(curve, x_name)[-1]) for curve in curves]
            if max(ends) > LONG_AXIS * min(ends):
                panel.set_xscale("log")
                panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
                panel.xaxis.set_minor_formatter(NullFormatter())
        handles, labels = axes[0, 0].get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True))
        figure.legend(
            unique.values(), unique.keys(), loc="outside upper center", ncols=min(len(unique), 4)
        )
        figure.align_ylabels(axes[:, 0])


def _draw(
    panel: Any, members: Sequence[Curve], x_name: str, quantity: Quantity, color: str
) -> None:
    """The curves of one variant, and its floor."""
    lowest = math.inf
    for curve in members:
        if quantity.name not in curve.errors:
            continue
        values = quantity.shown_factor * curve.errors[quantity.name]
        kept = np.isfinite(values)
        if not kept.any():
            continue
        lowest = min(lowest, float(values[kept].min()))
        marker = "o" if kept.sum() <= FEW_EPOCHS else None
        x = np.asarray(getattr(curve, x_name), dtype=np.float64)[kept]
        panel.plot(
            x, values[kept], color=color, label=curve.variant, linewidth=1.1, marker=marker, ms=2.5
        )
    if members[0].has_floor and math.isfinite(lowest):
        label = f"lowest of {members[0].variant}"
        panel.axhline(lowest, color=color, linestyle="--", linewidth=0.9, label=label)


def _logarithmic(axes: Any) -> None:
    """Logarithmic errors with plain numbers: 0.05, not 5 x 10^-2."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
