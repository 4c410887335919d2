"""Farthest-point sampling: few vectors that lie as far from one another as they can."""

from __future__ import annotations

import numpy as np

from nepforge.data.frame import FloatArray


def farthest_points(vectors: FloatArray, n: int) -> list[int]:
    """Indices of `n` vectors [n_vectors, n_components] in the order in which they are taken.

    The first is the one nearest to the mean, each following one the farthest from all before; of
    equals the first in order. Fewer where the rest are copies of what is taken, or there are no
    more. Components are divided by their range, so that each counts alike.
    """
    width = np.ptp(vectors, axis=0)
    scaled = vectors[:, width > 0.0] / width[width > 0.0]
    nearest = _distances(scaled, scaled.mean(axis=0))
    taken = [int(np.argmin(nearest))]
    gaps = _distances(scaled, scaled[taken[0]])
    while len(taken) < n and gaps.max(initial=0.0) > 0.0:
        taken.append(int(np.argmax(gaps)))
        gaps = np.minimum(gaps, _distances(scaled, scaled[taken[-1]]))
    return taken


def _distances(vectors: FloatArray, point: FloatArray) -> FloatArray:
    """Squared, [n_vectors]."""
    away = vectors - point
    return np.asarray(np.einsum("ij,ij->i", away, away))
