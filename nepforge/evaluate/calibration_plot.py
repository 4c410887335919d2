"""Calibration plot: errors against their predicted standard deviations, both as rms per bin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

from nepforge.evaluate.calibration import Calibration, ErrorBarReport
from nepforge.plots.figure import GREY, drawing, set_color

PANELS = {"energy": ("Energy", "meV/atom", 1.0e3), "force": ("Force component", "eV/Å", 1.0)}
TICKS = (1.0, 2.0, 5.0)  # per decade; an axis seldom spans more than one
MARGIN = 1.3  # factor beyond the outermost points of the logarithmic axes


def calibration(path: Path, report: ErrorBarReport, name: str = "validation") -> None:
    """Write one panel for energies and one for forces; a quantity without labels has none.

    Args:
        path: PNG file to write.
        report: Calibration on a set.
        name: The set, for its colour.

    Raises:
        ValueError: No label is known.
    """
    found = {"energy": report.energy, "force": report.force}
    shown = {quantity: entry for quantity, entry in found.items() if entry is not None}
    if not shown:
        raise ValueError("no known errors to plot")
    with drawing(path, 0.5 + 2.9 * len(shown), 3.4) as figure:
        panels = figure.subplots(1, len(shown), squeeze=False)[0]
        for axes, (quantity, entry) in zip(panels, shown.items(), strict=True):
            _draw(axes, entry, *PANELS[quantity], set_color(name, 0))


def _draw(
    axes: Any, entry: Calibration, quantity: str, unit: str, factor: float, color: str
) -> None:
    predicted = [factor * value for value in entry.predicted]
    found = [factor * value for value in entry.found]
    positive = [value for value in (*predicted, *found) if value > 0.0] or [1.0]
    limits = (min(positive) / MARGIN, max(positive) * MARGIN)
    axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=TICKS))
        axis.set_major_formatter(FormatStrFormatter("%g"))
        axis.set_minor_formatter(NullFormatter())
    axes.axline((limits[0], limits[0]), (limits[1], limits[1]), color=GREY, linewidth=0.8)
    axes.plot(predicted, found, "o", color=color, markersize=4)
    axes.set_box_aspect(1)
    axes.set_xlabel(f"Predicted standard deviation ({unit})")
    axes.set_ylabel(f"{quantity} error, rms ({unit})")
    axes.set_title(_summary(entry), loc="left", fontsize="small")


def _summary(entry: Calibration) -> str:
    shares = f"{entry.within_1_std:.0%} within 1σ, {entry.within_2_std:.0%} within 2σ"
    if entry.rank_correlation is None:
        return shares
    return f"{shares}\nrank correlation {entry.rank_correlation:.2f}"
