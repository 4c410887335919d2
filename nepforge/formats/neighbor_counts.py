"""Neighbour counts of a model: what they are and where they come from, one rule for every file.

They are the largest numbers of neighbours that any training of the model met, that of the model
which it started from included: GPUMD reserves memory for 1.25 times as many. A trained model
records them, every layout and nep_model.ckpt keep them, and a model cut down to fewer species
keeps those of the whole. Where they were never recorded (GPUMD before August 2022, early
nep_model.ckpt), a file that needs them gets bounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from attrs import frozen

from nepforge.data.neighbors import FrameNeighbors
from nepforge.models.nep.network import NEP

DENSEST = 0.2  # atoms/Å³: more than diamond (0.176) has


@frozen
class NeighborCounts:
    """Largest numbers of neighbours met in training, (radial, angular): memory hints of GPUMD."""

    radial: int
    angular: int

    def or_more(self, other: NeighborCounts | None) -> NeighborCounts:
        """The larger of both, each for itself."""
        if other is None:
            return self
        return NeighborCounts(max(self.radial, other.radial), max(self.angular, other.angular))


def count_neighbors(model: NEP, frames: Iterable[FrameNeighbors]) -> NeighborCounts:
    """Largest numbers of neighbours within the largest cutoffs of the model over the frames."""
    largest = NeighborCounts(0, 0)
    for frame in frames:
        distances = np.linalg.norm(np.concatenate(frame.vectors, axis=1), axis=2)
        radial, angular = (
            int((distances < cutoff).sum(axis=1).max(initial=0)) for cutoff in model.max_cutoff
        )
        largest = largest.or_more(NeighborCounts(radial, angular))
    return largest


def neighbor_bounds(model: NEP) -> NeighborCounts:
    """Counts that no structure at ambient pressure exceeds, where none were recorded."""
    radial, angular = (
        math.ceil(DENSEST * 4.0 / 3.0 * math.pi * cutoff**3) for cutoff in model.max_cutoff
    )
    return NeighborCounts(radial, angular)
