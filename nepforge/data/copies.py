"""Copies of structures, found by distance and not by rounding.

Two frames are the same structure when they have the same elements and periodicity, when their cells
agree within `TOLERANCE` in every component, and when their atoms can be paired with atoms of the
same element whose coordinates, up to lattice vectors of their own cell, agree within it too.
Order of the atoms and periodic images do not matter; a rotation of the cell or a translation of
all atoms makes another structure. Only periodic directions of the cell count.

Copies of copies are copies: a group holds all frames that such pairs connect.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, maximum_bipartite_matching

from nepforge.data.frame import FloatArray, Frame, IntArray

# Å in every coordinate. Five decimals, as an OUTCAR prints them, stay inside (half a unit of the
# last one); the first steps of a slow trajectory, 1e-5 Å apart in real data, stay outside.
TOLERANCE = 6.0e-6
WEIGHTS = np.array([1.0, 0.83, 0.71])  # of the three directions in the mark of an atom
PHASES = np.array([0.4, 1.7, 2.9])  # rad; no symmetry of a cell maps them onto one another
BLOCK = 256  # candidates compared at once
SAFETY = 1.2  # of the bounds below, which are of first order; more costs time and no copies


def group_copies(frames: Sequence[Frame]) -> list[list[int]]:
    """Indices of the frames in groups of one structure, in the order of their first frames."""
    twins = _identical(frames)
    first = [group[0] for group in twins]
    structures = [_standard(frames[idx]) for idx in first]
    kinds: dict[tuple[bytes, bytes, int], list[int]] = {}
    for place, (idx, one) in enumerate(zip(first, structures, strict=True)):
        kind = (one.numbers.tobytes(), bytes(frames[idx].pbc), len(one.lattice))
        kinds.setdefault(kind, []).append(place)
    pairs = [
        (places[a], places[b])
        for places in kinds.values()
        for a, b in _same_pairs([structures[place] for place in places])
    ]
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(first), len(first)))
    _, labels = connected_components(graph, directed=False)
    groups: dict[int, list[int]] = {}
    for group, label in zip(twins, labels.tolist(), strict=True):
        groups.setdefault(label, []).extend(group)
    return [sorted(group) for group in groups.values()]


def _identical(frames: Sequence[Frame]) -> list[list[int]]:
    """Frames with identical bytes: a thousand copies of one frame are compared once."""
    groups: dict[tuple[bytes, ...], list[int]] = {}
    for idx, frame in enumerate(frames):
        arrays = (frame.numbers, frame.positions, frame.cell)
        key = (bytes(frame.pbc), *(np.ascontiguousarray(array).tobytes() for array in arrays))
        groups.setdefault(key, []).append(idx)
    return list(groups.values())


@frozen(eq=False)
class _Standard:
    """A structure with atoms inside the cell, sorted by element and then by mark.

    The mark of an atom is a smooth function of its place that lattice vectors leave alone. Places
    that differ by at most the tolerance have marks that differ by at most `reach`, and so have the
    sorted marks of two copies, one by one, because sorting brings two lists no further apart.
    """

    numbers: IntArray  # [n_atoms]
    positions: FloatArray  # [n_atoms, 3] Å
    order: IntArray  # [n_atoms] of the frame's atoms
    lattice: FloatArray  # [n_periodic, 3] Å, the periodic vectors of the cell
    inverse: FloatArray  # [3, n_periodic] 1/Å, positions to fractions of these
    marks: FloatArray  # [n_atoms]
    reach: float


def _standard(frame: Frame) -> _Standard:
    lattice = frame.cell[np.array(frame.pbc)]
    rank = np.linalg.matrix_rank(lattice) if len(lattice) else 0  # numpy 2.0 has no empty rank
    if rank < len(lattice):
        lattice = np.zeros((0, 3))  # a cell without volume has no images; the doctor rejects it
    inverse = np.linalg.pinv(lattice)
    fractional = frame.positions @ inverse
    across = frame.positions - fractional @ lattice  # the part outside all periodic directions
    fractional -= np.floor(fractional)
    n_periodic = len(lattice)
    waves = np.cos(2.0 * np.pi * fractional + PHASES[:n_periodic]) @ WEIGHTS[:n_periodic]
    marks = waves + across @ WEIGHTS
    order = np.lexsort((marks, frame.numbers))
    return _Standard(
        numbers=frame.numbers[order],
        positions=(across + fractional @ lattice)[order],
        order=order,
        lattice=lattice,
        inverse=inverse,
        marks=marks[order],
        reach=_reach(fractional, across, inverse),
    )


def _reach(fractional: FloatArray, across: FloatArray, inverse: FloatArray) -> float:
    """How far the marks of one atom in two copies can lie apart: gradient times displacement.

    From s = r L^-1: |ds_k| <= |L^-1_k| (|dr| + sum_j |s_j| |dL_j|), and the direction across turns
    by |dL| |L^-1|.
    """
    moved = np.sqrt(3.0) * TOLERANCE * (1.0 + np.abs(fractional).sum(axis=1).max(initial=0.0))
    steepness = 2.0 * np.pi * float(WEIGHTS[: inverse.shape[1]] @ np.linalg.norm(inverse, axis=0))
    if inverse.shape[1] < 3:
        turn = float(np.abs(across).sum(axis=1).max(initial=0.0) * np.linalg.norm(inverse))
        steepness += float(np.linalg.norm(WEIGHTS)) * (1.0 + turn)
    return SAFETY * float(moved) * steepness


def _same_pairs(structures: Sequence[_Standard]) -> Iterator[tuple[int, int]]:
    """Pairs of copies among structures of one composition; enough of them to connect each group.

    Candidates have close cells and close sorted marks; sorted by the mark that varies most, they
    lie beside one another.
    """
    cells = np.stack([one.lattice.ravel() for one in structures])
    marks = np.stack([one.marks for one in structures])
    reaches = np.array([one.reach for one in structures])
    key = marks[:, int(np.argmax(marks.std(axis=0)))]
    order = np.argsort(key, kind="stable")
    starts = np.searchsorted(key[order], key[order] - reaches[order])
    group = np.arange(len(structures))  # the group that each is known to belong to
    for place, idx in enumerate(order.tolist()):
        for stop in range(place, starts[place], -BLOCK):
            near = order[max(stop - BLOCK, starts[place]) : stop]
            near = near[group[near] != group[idx]]
            near = near[(np.abs(cells[near] - cells[idx]) <= TOLERANCE).all(axis=1)]
            near = near[(np.abs(marks[near] - marks[idx]) <= reaches[idx]).all(axis=1)]
            for other in near[::-1].tolist():
                if group[other] != group[idx] and _are_same(structures[other], structures[idx]):
                    group[group == group[other]] = group[idx]
                    yield other, idx


def _are_same(first: _Standard, second: _Standard) -> bool:
    """The definition above, for two of one composition and one cell."""
    n = len(first.numbers)
    unsorted = np.empty((2, n), dtype=np.int64)
    unsorted[0, first.order], unsorted[1, second.order] = np.arange(n), np.arange(n)
    if _are_paired(first, second, unsorted[0], unsorted[1]).all():
        return True
    one, two = _close_marks(first, second)
    paired = _are_paired(first, second, one, two)
    graph = coo_array((np.ones(paired.sum()), (one[paired], two[paired])), shape=(n, n)).tocsr()
    partners = maximum_bipartite_matching(graph)
    return bool((partners >= 0).all())


def _close_marks(first: _Standard, second: _Standard) -> tuple[IntArray, IntArray]:
    """Pairs of atoms whose marks leave open whether they share a position."""
    reach = max(first.reach, second.reach)
    gap = 4.0 * (abs(np.concatenate([first.marks, second.marks])).max() + reach)
    one, two = first.marks + gap * first.numbers, second.marks + gap * second.numbers
    starts = np.searchsorted(two, one - reach)
    counts = np.searchsorted(two, one + reach) - starts
    rows = np.repeat(np.arange(len(one)), counts)
    columns = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + starts[rows]
    return rows, columns


def _are_paired(
    first: _Standard, second: _Standard, one: IntArray, two: IntArray
) -> NDArray[np.bool_]:
    """Whether atoms `one` and `two` have the same element and share a position, [n_pairs]."""
    moves = first.positions[one] - second.positions[two]
    moves -= np.round(moves @ first.inverse) @ first.lattice
    alike: NDArray[np.bool_] = first.numbers[one] == second.numbers[two]
    return alike & _within(moves).all(axis=1)


def _within(values: FloatArray) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = np.abs(values) <= TOLERANCE
    return result
