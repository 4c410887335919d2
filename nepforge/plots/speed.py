"""Speed of molecular dynamics against system size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import frozen
from matplotlib.ticker import EngFormatter, NullLocator

from nepforge.plots.figure import BLUE, GREEN, GREY, ORANGE, PINK, drawing

COLORS = (BLUE, ORANGE, GREEN, PINK, GREY, "#56B4E9", "#E69F00")  # the last two of Okabe and Ito
LEGEND_COLUMNS = 2
ROW_HEIGHT = 0.17  # inches of the legend
WIDE_RANGE = 10.0  # ratio of speeds from which their axis is logarithmic


@frozen
class SpeedCurve:
    """One setting at increasing sizes."""

    label: str
    family: str  # settings of one family share a colour
    is_mixed: bool  # drawn dashed
    n_atoms: Sequence[int]
    atom_steps_per_s: Sequence[float]
    ns_per_day: Sequence[float]


def speed_against_size(path: Path, curves: Sequence[SpeedCurve]) -> None:
    """Write atom-steps per second (left) and simulated time per day (right).

    Args:
        path: PNG file to write.
        curves: The settings.
    """
    sizes = sorted({size for curve in curves for size in curve.n_atoms})
    families = list(dict.fromkeys(curve.family for curve in curves))
    n_rows = -(-len(curves) // LEGEND_COLUMNS)
    with drawing(path, 6.6, 2.8 + ROW_HEIGHT * n_rows) as figure:
        left, right = figure.subplots(1, 2, sharex=True)
        for curve in curves:
            look = {
                "color": COLORS[families.index(curve.family) % len(COLORS)],
                "linestyle": "--" if curve.is_mixed else "-",
                "marker": "o",
                "markersize": 3.0,
                "label": curve.label,
            }
            left.plot(curve.n_atoms, curve.atom_steps_per_s, **look)
            right.plot(curve.n_atoms, curve.ns_per_day, **look)
        left.set_ylabel("Speed (atom-steps/s)")
        right.set_ylabel("Simulated time (ns/day)")
        for panel in (left, right):
            panel.set_xlabel("Atoms")
            panel.set_xscale("log")
            panel.set_xticks(sizes, [str(size) for size in sizes])
            panel.xaxis.set_minor_locator(NullLocator())
        right.set_yscale("log")
        speeds = [speed for curve in curves for speed in curve.atom_steps_per_s]
        if max(speeds) > WIDE_RANGE * min(speeds):
            left.set_yscale("log")
        else:
            left.set_ylim(bottom=0.0)
            left.yaxis.set_major_formatter(EngFormatter(sep=""))
        figure.legend(
            *left.get_legend_handles_labels(), loc="outside upper center", ncols=LEGEND_COLUMNS
        )
