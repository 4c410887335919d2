"""The radial functions g_n(r) of a NEP model as curves and as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from nepforge.data.frame import FloatArray
from nepforge.formats.fine_tune import cut_down
from nepforge.formats.nep_file import NEPFile
from nepforge.formats.potential_file import NEPModel
from nepforge.models.nep.radial import radial_basis
from nepforge.plots.radial import radial_functions

MOST_SPECIES_SHOWN = 3  # in a figure, which has a panel per pair
POINTS = 400  # of a curve


def plot_radial_functions(opened: NEPFile, out: Path, species: Sequence[str] = ()) -> None:
    """Write a figure of the radial functions g_n(r) of every pair of species.

    Args:
        opened: The model.
        out: PNG file.
        species: Species to show; empty for the first few.

    Raises:
        ModelFileError: The model does not know a species.
    """
    shown = list(species) or list(opened.species[:MOST_SPECIES_SHOWN])
    radial_functions(out, shown, radial_curves(cut_down(opened.trained, shown, opened.name)))


def radial_curves(trained: NEPModel) -> dict[tuple[str, str], tuple[FloatArray, FloatArray]]:
    """Centre and neighbour -> distances [points] in Å and g_n [n_max + 1, points], radial part."""
    model = trained.model
    c = model.views(trained.parameters).c_radial.unflatten(2, (model.n_types, -1))
    cutoffs = model.pair_cutoffs()[0]
    curves = {}
    for i, center in enumerate(model.species):
        for j, neighbor in enumerate(model.species):
            cutoff = float(cutoffs[i, j])
            distance = torch.linspace(0.0, cutoff, POINTS, dtype=torch.float64)
            basis, _ = radial_basis(distance, cutoff, model.basis_size[0])
            curves[center, neighbor] = (distance.numpy(), np.asarray(c[i, :, j] @ basis.mT))
    return curves
