"""Numbers and elements from words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers

from nepforge.data.frame import FloatArray
from nepforge.errors import DataError
from nepforge.files.content import open_text

__all__ = ["atomic_number", "open_text", "to_count", "to_floats"]

MOST_DIGITS = 9  # of a number of atoms


def to_floats(words: Sequence[str], where: str) -> FloatArray:
    """Decimal numbers, shape [len(words)]; underscores are not allowed.

    Raises:
        DataError: One of the words is not a finite number.
    """
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError:
        numbers = None
    if numbers is None or "_" in "".join(words) or not np.isfinite(numbers).all():
        wrong = next(word for word in words if not _is_number(word))
        raise DataError(f'{where}: found "{wrong}", expected a finite number')
    return numbers


def _is_number(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word))) and "_" not in word
    except ValueError:
        return False


def to_count(word: str, where: str) -> int:
    """A number of atoms.

    Raises:
        DataError: It is not an integer, or is below 1.
    """
    if not (word.isascii() and word.isdigit() and len(word) <= MOST_DIGITS):
        raise DataError(f'{where}: found "{word}", expected a number of atoms')
    if int(word) < 1:
        raise DataError(f"{where}: has no atoms")
    return int(word)


def atomic_number(symbol: str, where: str) -> int:
    """Atomic number of a chemical symbol.

    Raises:
        DataError: It is not an element.
    """
    number = int(atomic_numbers.get(symbol, 0))
    if number == 0:
        raise DataError(f'{where}: "{symbol}" is not a chemical symbol')
    return number
