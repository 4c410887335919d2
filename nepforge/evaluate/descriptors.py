"""Descriptors of whole frames, to measure how far apart two frames are.

Without a model: the neighbour sums of a NEP of fixed shape, each basis function by itself (the
coefficients c are the unit matrix), so that nothing is random or trained. With a model: its scaled
descriptors. A frame has the means over the atoms of each element, concatenated.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from ase.data import chemical_symbols

from nepforge.data.batch import make_batch
from nepforge.data.frame import FloatArray, Frame
from nepforge.data.neighbors import find_neighbors
from nepforge.formats.open_model import open_nep
from nepforge.formats.potential_file import NEPModel
from nepforge.models.nep.descriptor import descriptor
from nepforge.models.nep.moments import moments_of_type
from nepforge.models.nep.network import NEP
from nepforge.models.nep.states import type_states

CUTOFF = (6.0, 4.0)  # radial, angular, Å: NEP's usual neighbourhoods
BASIS_SIZE = (6, 4)
L_MAX = 4


def frame_descriptors(frames: Sequence[Frame], model: Path | None = None) -> FloatArray:
    """Descriptors of frames, shape [n_frames, n_species * n_components]; zero for absent elements.

    Raises:
        DataError: Two atoms that share a position, a periodic cell without volume, an element
            that the model lacks.
        ModelFileError: The model cannot be read.
    """
    if model is not None:
        trained = open_nep(model).trained
        return np.stack([_of_model(frame, trained) for frame in frames])
    numbers = sorted({int(z) for frame in frames for z in frame.numbers})
    species = tuple(chemical_symbols[z] for z in numbers)
    shape = NEP(species, CUTOFF, (0, 0), BASIS_SIZE, L_MAX, (), 1)
    return np.stack([_of_shape(frame, shape) for frame in frames])


def _of_shape(frame: Frame, shape: NEP) -> FloatArray:
    batch = make_batch([frame], [find_neighbors(frame, shape.species, shape.neighbor_cutoff)])
    moments = shape.pair_kernels(batch).moments()
    parts = [moments_of_type(batch, moments, t) for t in range(shape.n_types)]
    return _means([descriptor(shape, part.radial, part.angular) for part in parts])


def _of_model(frame: Frame, trained: NEPModel) -> FloatArray:
    model = trained.model
    batch = make_batch([frame], [find_neighbors(frame, model.species, model.neighbor_cutoff)])
    moments = model.pair_kernels(batch).moments()
    states = type_states(model, trained.parameters, trained.q_scaler, batch, moments)
    return _means([state.q for state in states])


def _means(of_types: Sequence[torch.Tensor]) -> FloatArray:
    """Means over the atoms of each type, [n_types * n_components]; zero for absent types."""
    means = [values.sum(dim=0) / max(len(values), 1) for values in of_types]
    return np.asarray(torch.cat(means).numpy(), dtype=np.float64)
