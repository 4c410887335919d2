"""Numbers in the output of Fortran programs."""

from __future__ import annotations

import re

import numpy as np

from nepforge.data.frame import FloatArray

_FIXED = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+)(?:[eEdD][-+]?\d+)?", re.ASCII)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?", re.ASCII)


def fixed(text: str, n_numbers: int) -> FloatArray | None:
    """The numbers of a Fortran row; None if it is not such a row.

    Each has a decimal point, and they may touch.
    """
    if _FIXED.sub("", text).strip():
        return None
    values = np.array([_value(word) for word in _FIXED.findall(text)])
    return values if len(values) == n_numbers and np.isfinite(values).all() else None


def number(word: str) -> float | None:
    """One number, with a decimal point or not; None for other words, such as Fortran's stars."""
    if _NUMBER.fullmatch(word) is None:
        return None
    value = _value(word)
    return value if np.isfinite(value) else None


def _value(word: str) -> float:
    return float(word.replace("d", "e").replace("D", "e"))
