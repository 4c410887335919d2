"""The look of every figure: size, fonts, colours, and a PNG whose bytes depend on the data alone.

Figures are made through matplotlib's object interface with the Agg canvas: no display, no pyplot
state. Colours are those of Okabe and Ito, which colour-blind readers can distinguish; train is
always blue, validation always orange.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#6E6E6E"
SET_COLORS = {"train": BLUE, "validation": ORANGE}
OTHER_COLORS = (GREEN, PINK)

DOTS_PER_INCH = 200
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same figure on every machine
    "font.size": 8.5,
    "axes.titlesize": 9.0,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "lines.linewidth": 1.3,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
}


@contextmanager
def drawing(path: Path, width: float, height: float) -> Iterator[Any]:
    """Yield a figure of `width` x `height` inches, then write it to `path` as PNG."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
        yield figure
        # matplotlib writes its own version into the file unless told otherwise
        FigureCanvasAgg(figure).print_png(path, metadata={"Software": None})


def set_color(name: str, idx: int) -> str:
    """Colour of the set `name`, the `idx`-th of its figure."""
    return SET_COLORS.get(name, OTHER_COLORS[idx % len(OTHER_COLORS)])


def legend_above(axes: Any) -> None:
    """Put the legend above the axes, where it hides no data."""
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        borderaxespad=0.1,
        handletextpad=0.4,
        labelspacing=0.25,
    )
