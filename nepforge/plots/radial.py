"""Radial functions g_n(r) of a NEP model, one panel for each pair of species."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from nepforge.plots.figure import GREY, drawing

FloatArray = NDArray[np.float64]

PANEL_WIDTH, PANEL_HEIGHT = 2.4, 1.7  # inches
SHADES = "viridis"
DARKEST, LIGHTEST = 0.0, 0.85  # of the shades: yellow on white is hard to see


def radial_functions(
    path: Path,
    species: Sequence[str],
    curves: Mapping[tuple[str, str], tuple[FloatArray, FloatArray]],
) -> None:
    """Write the figure.

    Args:
        path: PNG file to write.
        species: Chemical symbols; rows are centres, columns neighbours.
        curves: (centre, neighbour) -> distances [points] in Å and g_n [n_max + 1, points].
    """
    n = len(species)
    with drawing(path, 0.9 + PANEL_WIDTH * n, 0.7 + PANEL_HEIGHT * n) as figure:
        panels = figure.subplots(n, n, sharex=True, sharey=True, squeeze=False)
        for i, center in enumerate(species):
            for j, neighbor in enumerate(species):
                distance, values = curves[center, neighbor]
                colors = colormaps[SHADES](np.linspace(DARKEST, LIGHTEST, len(values)))
                for order, (row, color) in enumerate(zip(values, colors, strict=True)):
                    panels[i, j].plot(distance, row, color=color, label=f"n = {order}")
                panels[i, j].axhline(0.0, color=GREY, linewidth=0.6, zorder=1)
                panels[i, j].set_title(f"{center} - {neighbor}")
        for panel in panels[-1]:
            panel.set_xlabel("Distance (Å)")
        for panel in panels[:, 0]:
            panel.set_ylabel("g$_n$(r)")
        figure.legend(
            *panels[0, 0].get_legend_handles_labels(), loc="outside right center", frameon=False
        )
