"""Checked arguments of an evaluator: a structure and how to evaluate it.

Nothing is coerced silently: a number that C would truncate or wrap around is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from nepforge.errors import DataError, UsageError

MOST_THREADS = 4096  # more than any machine has; OpenMP would try to start them
LARGEST_NUMBER = 2**31 - 1  # of C's int; the model decides which are elements
FARTHEST = 1.0e9  # Å: wrapping such a position into a cell loses 1e-7 Å
LONGEST_SKIN = 100.0  # Å; no cutoff is longer

FloatArray = NDArray[np.float64]


@frozen(eq=False)
class StructureArrays:
    """One structure, as passed to C or torch."""

    numbers: NDArray[np.intc]  # [n_atoms]
    positions: FloatArray  # [n_atoms, 3] Å
    cell: FloatArray  # [3, 3] Å, rows are vectors
    periodic: NDArray[np.intc]  # [3] 0 or 1


def checked_threads(threads: Any) -> int:
    """A number of threads; 0 for the default of OpenMP or torch.

    Raises:
        UsageError: Not a whole number from 0 to MOST_THREADS.
    """
    is_whole = isinstance(threads, int | np.integer) and type(threads) is not bool
    if is_whole and 0 <= threads <= MOST_THREADS:
        return int(threads)
    raise UsageError(
        f"threads: found {threads!r}, expected a whole number from 0 to {MOST_THREADS}",
        hint="0 uses OMP_NUM_THREADS",
    )


def checked_skin(skin: Any) -> float:
    """A skin in Å.

    Raises:
        UsageError: Not a number from 0 to LONGEST_SKIN.
    """
    is_real = isinstance(skin, int | float | np.integer | np.floating) and type(skin) is not bool
    if is_real and 0.0 <= skin <= LONGEST_SKIN:
        return float(skin)
    raise UsageError(
        f"skin: found {skin!r}, expected a number from 0 to {LONGEST_SKIN:g} (Å)",
        hint="0 rebuilds the neighbour list each time, 1 is usual",
    )


def checked_structure(
    numbers: ArrayLike, positions: ArrayLike, cell: ArrayLike, pbc: Sequence[bool]
) -> StructureArrays:
    """The arrays of one structure.

    Args:
        numbers: Atomic numbers, [n_atoms].
        positions: Å, [n_atoms, 3].
        cell: Å, [3, 3], rows are vectors; rows of non-periodic directions may be zero.
        pbc: Which directions are periodic.

    Raises:
        DataError: A wrong shape, a value that is not a finite number, an atomic number that is not
            whole, or a position too far away for a periodic cell.
    """
    atomic_numbers = _atomic_numbers(numbers)
    places, vectors = _real("positions", positions), _real("cell", cell)
    n_atoms = len(atomic_numbers)
    if n_atoms == 0 and places.size == 0:
        places = places.reshape(0, 3)
    if places.shape != (n_atoms, 3) or vectors.shape != (3, 3):
        raise DataError(
            f"found positions of shape {places.shape} and a cell of shape {vectors.shape}, "
            f"expected ({n_atoms}, 3) and (3, 3)"
        )
    if not np.isfinite(places).all():
        atom = int(np.argmin(np.isfinite(places).all(axis=1)))
        raise DataError(f"the position of atom {atom} is not finite: {places[atom].tolist()}")
    if not np.isfinite(vectors).all():
        raise DataError(f"the cell is not finite: {vectors.tolist()}")
    periodic = _flags(pbc)
    if periodic.any() and n_atoms and np.abs(places).max() >= FARTHEST:
        atom = int(np.argmax(np.abs(places).max(axis=1)))
        raise DataError(
            f"the position of atom {atom} is {places[atom].tolist()}: beyond {FARTHEST:g} Å "
            "rounding loses its place in a periodic cell"
        )
    return StructureArrays(atomic_numbers, places, vectors, periodic)


def _array(name: str, values: object, kinds: str, expected: str) -> NDArray[Any]:
    """An array of one of numpy's dtype kinds ("iu" are integers)."""
    try:
        found = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name}: {error}, expected {expected}") from error
    if found.size and found.dtype.kind not in kinds:
        raise DataError(f"{name}: found an array of {found.dtype}, expected {expected}")
    return found


def _real(name: str, values: object) -> FloatArray:
    found = _array(name, values, "fiu", "real numbers in Å")
    return np.ascontiguousarray(found, dtype=np.float64)


def _atomic_numbers(values: object) -> NDArray[np.intc]:
    found = _array("numbers", values, "iu", "whole atomic numbers")
    if found.ndim != 1:
        raise DataError(f"numbers: found shape {found.shape}, expected (n_atoms,)")
    if found.size and not 0 <= found.min() <= found.max() <= LARGEST_NUMBER:
        wrong = int(np.flatnonzero((found < 0) | (found > LARGEST_NUMBER))[0])
        raise DataError(f"atom {wrong} is of atomic number {found[wrong]}")
    return np.ascontiguousarray(found, dtype=np.intc)


def _flags(pbc: object) -> NDArray[np.intc]:
    expected = "three flags, one per direction"
    found = _array("pbc", pbc, "biu", expected)
    if found.shape != (3,) or not {*found.tolist()} <= {0, 1}:
        raise DataError(f"pbc: found {found.tolist()}, expected {expected}")
    return np.ascontiguousarray(found, dtype=np.intc)
