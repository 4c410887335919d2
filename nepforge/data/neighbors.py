"""Neighbours of every atom of one frame, grouped by species and padded to a rectangle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import chemical_symbols
from attrs import frozen
from numpy.typing import NDArray
from vesin import NeighborList

from nepforge.data.frame import FloatArray, Frame, IntArray
from nepforge.errors import DataError

SHORTEST_DISTANCE = 1.0e-3  # Å; closer atoms share a position


@frozen(eq=False)
class FrameNeighbors:
    """All pairs within the cutoff, images included; atoms are sorted by type.

    `order[k]` is the frame's index of the k-th atom here. For neighbour type t, row k of
    `indices[t]` lists the neighbours of atom k (as indices here), `vectors[t]` is r_j - r_i in Å.
    Rows are padded with the atom itself and a vector longer than the cutoff.
    """

    order: IntArray  # [n_atoms]
    type_counts: IntArray  # [n_types]
    indices: tuple[NDArray[np.int64], ...]  # n_types arrays [n_atoms, n_neighbors(t)]
    vectors: tuple[FloatArray, ...]  # n_types arrays [n_atoms, n_neighbors(t), 3]


def type_indices(frame: Frame, species: Sequence[str]) -> IntArray:
    """Index into `species` of every atom, shape [n_atoms].

    Raises:
        DataError: The frame has an element that `species` lacks.
    """
    table = {chemical_symbols.index(symbol): idx for idx, symbol in enumerate(species)}
    missing = sorted({chemical_symbols[z] for z in frame.numbers.tolist() if z not in table})
    if missing:
        raise DataError(
            f"{frame.source or 'structure'}: has {', '.join(missing)}, the model knows "
            f"{', '.join(species)}",
            hint="add the element to data.species or take the frame out of the data",
        )
    return np.array([table[z] for z in frame.numbers.tolist()], dtype=np.int64)


def find_neighbors(frame: Frame, species: Sequence[str], cutoff: float) -> FrameNeighbors:
    """Every pair closer than `cutoff` (Å), each direction of it once.

    Raises:
        DataError: Unknown element, a periodic cell without volume, or two atoms sharing a position.
    """
    types = type_indices(frame, species)
    order = np.argsort(types, kind="stable")
    types = types[order]
    first, second, vectors = _pairs(frame, frame.positions[order], cutoff)
    n_types = len(species)
    group = first * n_types + types[second]
    by_group = np.lexsort((second, group))
    first, second, group = first[by_group], second[by_group], group[by_group]
    vectors = vectors[by_group]
    counts = np.bincount(group, minlength=frame.n_atoms * n_types)
    starts = np.cumsum(counts) - counts
    rank = np.arange(len(group)) - starts[group]
    indices, padded = [], []
    for t in range(n_types):
        width = int(counts[t::n_types].max(initial=0))
        index = np.repeat(np.arange(frame.n_atoms)[:, None], width, axis=1)
        vector = np.zeros((frame.n_atoms, width, 3))
        vector[:, :, 0] = 2.0 * cutoff
        chosen = types[second] == t
        index[first[chosen], rank[chosen]] = second[chosen]
        vector[first[chosen], rank[chosen]] = vectors[chosen]
        indices.append(index)
        padded.append(vector)
    return FrameNeighbors(
        order, np.bincount(types, minlength=n_types), tuple(indices), tuple(padded)
    )


def _pairs(
    frame: Frame, positions: FloatArray, cutoff: float
) -> tuple[IntArray, IntArray, FloatArray]:
    """First index, second index and r_j - r_i of all pairs."""
    if any(frame.pbc) and frame.volume < SHORTEST_DISTANCE:
        raise DataError(f"{frame.source or 'structure'}: is periodic but its cell has no volume")
    finder = NeighborList(cutoff=cutoff, full_list=True, sorted=True, n_threads=1)
    first, second, distances, vectors = finder.compute(
        points=positions, box=frame.cell, periodic=list(frame.pbc), quantities="ijdD"
    )
    if len(distances) and distances.min() < SHORTEST_DISTANCE:
        worst = int(np.argmin(distances))
        raise DataError(
            f"{frame.source or 'structure'}: two atoms are {distances[worst]:.2e} Å apart",
            hint="look for an atom listed twice",
        )
    return first.astype(np.int64), second.astype(np.int64), vectors
