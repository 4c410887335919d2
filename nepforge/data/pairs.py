"""Each pair of close atoms once, images included."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from vesin import NeighborList

from nepforge.data.frame import FloatArray, Frame, IntArray


@frozen(eq=False)
class Pairs:
    """Indices of the two atoms [n_pairs], r_second - r_first in Å [n_pairs, 3], and its length."""

    first: IntArray
    second: IntArray
    vectors: FloatArray
    distances: FloatArray


def find_pairs(frame: Frame, cutoff: float) -> Pairs:
    """Pairs closer than `cutoff` (Å); the cell must have a volume where it is periodic."""
    finder = NeighborList(cutoff=cutoff, full_list=False, n_threads=1)
    first, second, vectors, distances = finder.compute(
        points=frame.positions, box=frame.cell, periodic=list(frame.pbc), quantities="ijDd"
    )
    return Pairs(first.astype(np.int64), second.astype(np.int64), vectors, distances)
