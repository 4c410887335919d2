"""Neighbour lists against ASE's, and how they are laid out."""

import ase
import numpy as np
import pytest
from ase.neighborlist import neighbor_list

from nepforge.data.frame import Frame
from nepforge.data.neighbors import FrameNeighbors, find_neighbors, type_indices
from nepforge.errors import DataError

CUTOFF = 4.0
SPECIES = ("Hf", "O")


def make_frame(seed: int, pbc: tuple[bool, bool, bool], *, scale: float = 4.0) -> Frame:
    """Atoms in and out of a skewed cell that is smaller than the cutoff."""
    rng = np.random.default_rng(seed)
    cell = scale * np.eye(3) + rng.normal(0, 0.4, (3, 3))
    return Frame(
        numbers=rng.choice([72, 8], 6),
        positions=rng.uniform(-scale, 2 * scale, (6, 3)),
        cell=cell,
        pbc=pbc,
    )


def sorted_pairs(neighbors: FrameNeighbors) -> np.ndarray:
    """(i, j, vector) of every real pair in the frame's own indices, sorted."""
    rows = []
    for index, vector in zip(neighbors.indices, neighbors.vectors, strict=True):
        real = np.linalg.norm(vector, axis=2) < CUTOFF
        first, column = np.nonzero(real)
        second = index[first, column]
        rows.append(
            np.column_stack([neighbors.order[first], neighbors.order[second], vector[real]])
        )
    found = np.concatenate(rows).round(9)
    return found[np.lexsort(found.T[::-1])]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "pbc", [(True, True, True), (True, True, False), (False, False, False), (False, True, False)]
)
def test_pairs_equal_ase(seed: int, pbc: tuple[bool, bool, bool]) -> None:
    """All images along periodic directions count, also in cells smaller than the cutoff."""
    frame = make_frame(seed, pbc)
    atoms = ase.Atoms(
        numbers=frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc
    )
    first, second, vector = neighbor_list("ijD", atoms, CUTOFF)
    expected = np.column_stack([first, second, vector]).round(9)
    expected = expected[np.lexsort(expected.T[::-1])]
    found = sorted_pairs(find_neighbors(frame, SPECIES, CUTOFF))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


def test_atoms_are_sorted_by_type_and_columns_hold_one_type() -> None:
    """`order` sorts by type; the neighbours in indices[t] are of type t."""
    frame = make_frame(1, (True, True, True))
    neighbors = find_neighbors(frame, SPECIES, CUTOFF)
    types = type_indices(frame, SPECIES)[neighbors.order]
    assert (np.diff(types) >= 0).all()
    for t, (index, vector) in enumerate(zip(neighbors.indices, neighbors.vectors, strict=True)):
        real = np.linalg.norm(vector, axis=2) < CUTOFF
        assert (types[index[real]] == t).all()


def test_an_isolated_atom_has_no_neighbour() -> None:
    """A single atom without periodicity gives empty columns."""
    frame = Frame(numbers=np.array([8]), positions=np.zeros((1, 3)), cell=np.zeros((3, 3)),
                  pbc=(False, False, False))  # fmt: skip
    neighbors = find_neighbors(frame, SPECIES, CUTOFF)
    assert [index.shape for index in neighbors.indices] == [(1, 0), (1, 0)]


def test_unknown_element_is_named() -> None:
    """The message has the frame, the element and what the model knows."""
    frame = Frame(
        numbers=np.array([8, 14]), positions=np.eye(2, 3), cell=9 * np.eye(3), source="a:3"
    )
    with pytest.raises(DataError, match="a:3: has Si, the model knows Hf, O"):
        find_neighbors(frame, SPECIES, CUTOFF)


def test_two_atoms_on_one_place_are_refused() -> None:
    """Coinciding atoms are an error, not an infinite force."""
    frame = Frame(numbers=np.array([8, 8]), positions=np.zeros((2, 3)), cell=9 * np.eye(3))
    with pytest.raises(DataError, match="apart"):
        find_neighbors(frame, SPECIES, CUTOFF)


def test_a_periodic_cell_without_volume_is_refused() -> None:
    """A flat cell is named instead of searched forever."""
    frame = Frame(numbers=np.array([8]), positions=np.zeros((1, 3)), cell=np.zeros((3, 3)))
    with pytest.raises(DataError, match="no volume"):
        find_neighbors(frame, SPECIES, CUTOFF)
