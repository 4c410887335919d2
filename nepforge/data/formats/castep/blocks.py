"""Blocks of CASTEP's output: atoms, forces, stress, in the units printed."""

from __future__ import annotations

import re

import numpy as np
from attrs import frozen

from nepforge.data.formats.text.lines import Lines
from nepforge.data.formats.text.numbers import fixed
from nepforge.data.formats.text.words import atomic_number
from nepforge.data.frame import FloatArray

CONSTRAINED = "(cons'd)"
LONGEST_HEAD = 3  # lines between the title of a block and its unit
_UNIT = re.compile(r"Cartesian components\s*:?\s*\(?(?P<unit>[^)\s]+)\)?")
_POSITION = re.compile(r"\s*[x+]\s*(?P<label>[A-Z]\S*)\s+\d+\s(?P<numbers>[^x+]*)[x+]\s*$")
_FORCE = re.compile(r"\s*[*+]\s*(?P<label>[A-Z]\S*)\s+\d+\s(?P<numbers>[^*+]*)[*+]\s*$")
_STRESS = re.compile(r"\s*\*\s*[xyz]\s(?P<numbers>[^*]*)\*\s*$")


@frozen(eq=False)
class Rows:
    """Three numbers per atom, and whether any is marked as constrained."""

    labels: list[str]
    values: FloatArray  # [n_atoms, 3]
    is_constrained: bool = False

    def elements(self, where: str) -> list[int]:
        """Atomic numbers of the labels Fe, Fe:1, H:D.

        Raises:
            DataError: One is not of an element.
        """
        symbols = [re.sub(r"[^A-Za-z].*", "", label) for label in self.labels]
        return [atomic_number(symbol, where) for symbol in symbols]


def position_rows(lines: Lines, n_atoms: int, n_titles: int) -> Rows | None:
    """Fractional coordinates `x  Si  1  0.0 0.5 0.5  x`, on paths with `+` in place of `x`.

    Raises:
        BlockError: Rows are missing.
    """
    return _rows(lines, "positions", _POSITION, n_atoms, n_titles)


def force_rows(lines: Lines, n_atoms: int) -> Rows | None:
    """Forces `* Si  1  0.1 0.2(cons'd) 0.3 *`, on paths with `+` in place of `*`.

    Raises:
        BlockError: Rows are missing.
    """
    return _rows(lines, "forces", _FORCE, n_atoms, 4)


def stress_rows(lines: Lines) -> FloatArray:
    """The tensor, shape [3, 3].

    Raises:
        BlockError: Rows are missing.
    """

    def row(line: str) -> FloatArray | None:
        match = _STRESS.match(line)
        return None if match is None else fixed(match["numbers"], 3)

    return np.stack(lines.block("stress", 3, row, 4))


def unit_below(lines: Lines) -> str | None:
    """The unit in "Cartesian components (eV/A)" in the next lines; None if it is missing."""
    for _ in range(LONGEST_HEAD):
        match = _UNIT.search(next(lines, ""))
        if match is not None:
            return match["unit"]
    return None


def _rows(
    lines: Lines, name: str, pattern: re.Pattern[str], n_atoms: int, n_titles: int
) -> Rows | None:
    def row(line: str) -> tuple[str, FloatArray, bool] | None:
        match = pattern.match(line)
        if match is None:
            return None
        values = fixed(match["numbers"].replace(CONSTRAINED, " "), 3)
        return None if values is None else (match["label"], values, CONSTRAINED in line)

    rows = lines.block(name, n_atoms, row, n_titles)
    if not rows:
        return None
    labels, values, marks = zip(*rows, strict=True)
    return Rows(list(labels), np.stack(values), any(marks))
