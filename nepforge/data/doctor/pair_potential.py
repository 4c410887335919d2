"""A pair potential fitted to the forces, and the virials and energies that it predicts.

It needs no trained model and no finite difference: forces, virial and energy come from the same
pair forces g(r), F_i = -sum_j g(r_ij) e_ij, W = sum_pairs g(r) r e⊗e and
U = sum_pairs int_r^cutoff g, so a fit to the labelled forces predicts sign and size of the labelled
virials and energies. It is coarse, but wrong signs and units make large differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations_with_replacement

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from nepforge.data.frame import FloatArray, Frame, IntArray
from nepforge.data.pairs import Pairs, find_pairs

CUTOFF = 6.0  # Å
N_FUNCTIONS = 12  # radial functions for each pair of elements
SHORTEST_DISTANCE = 1.0e-3  # Å
GRID = 2401  # points of the table of integrals
RIDGE = 1.0e-6  # relative to the largest diagonal element


@frozen(eq=False)
class PairPotential:
    """`coefficients` [n_pair_types * N_FUNCTIONS] of g(r) in eV/Å."""

    elements: tuple[int, ...]
    coefficients: FloatArray

    def virial(self, frame: Frame) -> FloatArray:
        """W = -dU/dstrain in eV, [3, 3]."""
        virial: FloatArray = _design(frame, self.elements)[1] @ self.coefficients
        return virial.reshape(3, 3)

    def energy(self, frame: Frame) -> float:
        """U in eV, up to a constant for each composition."""
        pairs = find_pairs(frame, CUTOFF)
        integrals = _pair_energies(pairs.distances)
        energy = 0.0
        for kind, chosen in enumerate(_pairs_of_kinds(frame, pairs, self.elements)):
            columns = slice(kind * N_FUNCTIONS, (kind + 1) * N_FUNCTIONS)
            energy += float(integrals[chosen].sum(axis=0) @ self.coefficients[columns])
        return energy


def fit_pair_potential(frames: Sequence[Frame]) -> PairPotential:
    """Least squares to the forces of frames that have some."""
    elements = tuple(sorted({int(z) for frame in frames for z in frame.numbers}))
    n_pair_types = len(elements) * (len(elements) + 1) // 2
    n = n_pair_types * N_FUNCTIONS
    normal, right = np.zeros((n, n)), np.zeros(n)
    for frame in frames:
        if frame.forces is not None:
            design, _ = _design(frame, elements)
            normal += design.T @ design
            right += design.T @ frame.forces.ravel()
    ridge = RIDGE * max(normal.diagonal().max(), 1.0)
    return PairPotential(elements, np.linalg.solve(normal + ridge * np.eye(n), right))


def _design(frame: Frame, elements: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Forces [3 n_atoms, n] and virial [9, n] for unit coefficients."""
    pairs = find_pairs(frame, CUTOFF)
    lengths = np.maximum(pairs.distances, SHORTEST_DISTANCE)[:, None]
    unit = pairs.vectors / lengths  # zero where two atoms share a position
    kinds = _pairs_of_kinds(frame, pairs, elements)
    n = len(kinds) * N_FUNCTIONS
    forces = np.zeros((frame.n_atoms, 3, n))
    virial = np.zeros((9, n))
    tensor = np.einsum("pa,pb->pab", pairs.vectors, unit).reshape(-1, 9)
    values = _radial(pairs.distances)
    for kind, chosen in enumerate(kinds):
        columns = slice(kind * N_FUNCTIONS, (kind + 1) * N_FUNCTIONS)
        contribution = unit[chosen, :, None] * values[chosen, None, :]  # [n_pairs, 3, functions]
        _add_by_atom(forces[:, :, columns], pairs.first[chosen], -contribution)
        _add_by_atom(forces[:, :, columns], pairs.second[chosen], contribution)
        virial[:, columns] = tensor[chosen].T @ values[chosen]
    return forces.reshape(-1, n), virial


def _pairs_of_kinds(
    frame: Frame, pairs: Pairs, elements: tuple[int, ...]
) -> list[NDArray[np.bool_]]:
    """Which of the pairs belong to each pair of elements."""
    numbers = np.sort(
        np.column_stack([frame.numbers[pairs.first], frame.numbers[pairs.second]]), axis=1
    )
    return [(numbers == kind).all(axis=1) for kind in combinations_with_replacement(elements, 2)]


def _add_by_atom(total: FloatArray, atoms: IntArray, values: FloatArray) -> None:
    """total[atom] += values of its pairs; much faster than numpy's add.at."""
    if len(atoms) == 0:
        return
    order = np.argsort(atoms, kind="stable")
    starts = np.flatnonzero(np.diff(atoms[order], prepend=-1))
    total[atoms[order][starts]] += np.add.reduceat(values[order], starts, axis=0)


def _radial(distances: FloatArray) -> FloatArray:
    """Smooth functions of r that vanish at the cutoff, [n_pairs, N_FUNCTIONS].

    Powers of 1/r for the steep repulsion would mix badly; Gaussians of equal width do not.
    """
    centers = np.linspace(0.5, CUTOFF, N_FUNCTIONS)
    width = centers[1] - centers[0]
    gaussians = np.exp(-(((distances[:, None] - centers) / width) ** 2))
    taper = 0.5 * (1.0 + np.cos(np.pi * distances / CUTOFF))
    return np.asarray(gaussians * taper[:, None])


def _pair_energies(distances: FloatArray) -> FloatArray:
    """Integrals of the functions from r to the cutoff, [n_pairs, N_FUNCTIONS]."""
    grid, table = _integrals()
    columns = [np.interp(distances, grid, column) for column in table.T]
    return np.stack(columns, axis=1)


@cache
def _integrals() -> tuple[FloatArray, FloatArray]:
    """A grid of distances and the integrals there, by the trapezoidal rule."""
    grid = np.linspace(0.0, CUTOFF, GRID)
    values = _radial(grid)
    steps = 0.5 * (values[1:] + values[:-1]) * (grid[1] - grid[0])
    below = np.vstack([np.zeros(N_FUNCTIONS), np.cumsum(steps, axis=0)])
    return grid, below[-1] - below
