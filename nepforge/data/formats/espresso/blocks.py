"""Blocks of pw.x's output: species, cells, positions, forces, stress, as they are printed."""

from __future__ import annotations

import re

import numpy as np

from nepforge.data.formats.espresso.species import element
from nepforge.data.formats.text.lines import Lines
from nepforge.data.formats.text.numbers import fixed, number
from nepforge.data.frame import FloatArray

_CELL_UNIT = re.compile(r"CELL_PARAMETERS\s*[({]?\s*(?P<unit>[a-z]*)\s*(?:=\s*(?P<alat>[\d.]+))?")
_POSITION_UNIT = re.compile(r"ATOMIC_POSITIONS\s*[({]?\s*(?P<unit>[a-z_]*)")
_SPECIES = re.compile(r"\s*(?P<label>\S+)\s+[\d.]+\s+[\d.*]+\s+(?P<element>[A-Za-z]+)\s*\(")
_AXIS = re.compile(r".*=\s*\((?P<numbers>[^)]*)\)")
_SITE = re.compile(r"\s*\S+\s+(?P<label>\S+)\s+tau\([^)]*\)\s*=\s*\((?P<numbers>[^)]*)\)")
_POSITION = re.compile(r"\s*(?P<label>[A-Za-z]\S*)\s(?P<numbers>.*?)(?:\s[01]\s+[01]\s+[01])?\s*$")
_FORCE = re.compile(r"\s*atom\s*\S+\s+type\s+(?P<type>\d+)\s+force\s*=(?P<numbers>.*)")

Labelled = list[tuple[str, FloatArray]]  # label of the species and three numbers of each atom


def cell_unit(title: str) -> tuple[str, float | None]:
    """The unit of `CELL_PARAMETERS (alat= 10.2)` and the lattice parameter in bohr, if any."""
    match = _CELL_UNIT.search(title)
    if match is None:
        return "", None
    return match["unit"], None if match["alat"] is None else number(match["alat"])


def position_unit(title: str) -> str:
    """The unit of `ATOMIC_POSITIONS (crystal)`."""
    match = _POSITION_UNIT.search(title)
    return "" if match is None else match["unit"]


def species_rows(lines: Lines) -> dict[str, int]:
    """Label -> atomic number, in the order of the types.

    Raises:
        DataError: A label is not of an element.
    """
    species = {}
    for line in lines:
        match = _SPECIES.match(line)
        if match is None:
            lines.put_back()
            break
        species[match["label"]] = element(match["label"], match["element"], lines.where)
    return species


def axis_rows(lines: Lines) -> FloatArray:
    """Rows `a(1) = ( 1.0 0.0 0.0 )`, [3, 3].

    Raises:
        BlockError: Rows are missing; as in the following functions.
    """
    return np.stack(lines.block("crystal axes", 3, lambda line: _numbers(_AXIS.match(line)), 0))


def cell_rows(lines: Lines) -> FloatArray:
    """Rows of a cell, [3, 3]."""
    return np.stack(lines.block("CELL_PARAMETERS", 3, lambda line: fixed(line, 3), 0))


def site_rows(lines: Lines, n_atoms: int) -> Labelled:
    """Rows `1  Si  tau(   1) = (  0.0  0.0  0.0 )` of the head of a run."""
    return _labelled_rows(lines, _SITE, n_atoms)


def position_rows(lines: Lines, n_atoms: int) -> Labelled:
    """Rows `Si  0.0  0.0  0.0`, perhaps with three flags of constraints."""
    return _labelled_rows(lines, _POSITION, n_atoms)


def force_rows(lines: Lines, n_atoms: int) -> list[tuple[int, FloatArray]]:
    """Type, counted from 1, and force of each atom."""

    def row(line: str) -> tuple[int, FloatArray] | None:
        match = _FORCE.match(line)
        values = _numbers(match)
        return None if match is None or values is None else (int(match["type"]), values)

    return lines.block("forces", n_atoms, row, 3)


def stress_rows(lines: Lines) -> FloatArray:
    """The tensor, [3, 3]; the same in kbar stands beside it."""
    return np.stack(lines.block("stress", 3, lambda line: fixed(line, 6), 0))[:, :3]


def _labelled_rows(lines: Lines, pattern: re.Pattern[str], n_atoms: int) -> Labelled:
    def row(line: str) -> tuple[str, FloatArray] | None:
        match = pattern.match(line)
        values = _numbers(match)
        return None if match is None or values is None else (match["label"], values)

    return lines.block("positions", n_atoms, row, 0)


def _numbers(match: re.Match[str] | None) -> FloatArray | None:
    return None if match is None else fixed(match["numbers"], 3)
