"""Copies of a cell that give about as many atoms as asked for."""

from __future__ import annotations

from itertools import product

import ase
import numpy as np


def replication(cell: ase.Atoms, n_atoms: int) -> tuple[int, int, int]:
    """Copies along the cell vectors that come nearest to `n_atoms`, then to a cube."""
    lengths = cell.cell.lengths()
    wanted = max(1.0, n_atoms / len(cell))
    edge = (wanted * np.prod(lengths)) ** (1 / 3)
    ranges = [range(1, int(2 * edge / length) + 2) for length in lengths]

    def badness(counts: tuple[int, ...]) -> tuple[float, float]:
        edges = np.array(counts) * lengths
        return abs(float(np.prod(counts)) - wanted), float(edges.max() / edges.min())

    first, second, third = min(product(*ranges), key=badness)
    return first, second, third
