"""Farthest-point sampling: a few vectors that lie as far apart as possible."""

from __future__ import annotations

import numpy as np

from nepforge.data.frame import FloatArray


def farthest_points(vectors: FloatArray, n: int) -> list[int]:
    """Indices of `n` vectors [n_vectors, n_components] in the order in which they are chosen.

    The first is the one nearest to the mean, each following one the farthest from all before; ties
    go to the first in order. Fewer where the rest are copies of chosen ones, or there are no more.
    Components are divided by their range, so that all count equally.
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
