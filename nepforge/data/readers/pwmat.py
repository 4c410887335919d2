"""PWmat's MOVEMENT (a trajectory) and atom.config (one structure): the same sections.

Energies are in eV; the label is Ep, the second of Etot, Ep, Ek (Etot holds the kinetic energy).
Positions are fractional. The block `Force (-force, eV/Angstrom)` holds minus the forces, and
`stress (eV)` beside the lattice minus the virial W = -dU/dstrain: so says `Pressure Internal`
beside it, which is +W/V. Atomic energies are the first column of `Atomic-Energy, Etot(eV), ...:
dE(eV)= X`; they and X add up to Ep, and each atom gets its share X/n_atoms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from nepforge.data.frame import FloatArray, Frame, IntArray
from nepforge.data.readers.options import ReadOptions
from nepforge.data.readers.text import open_text, to_count, to_floats
from nepforge.errors import DataError

_FRAME = re.compile(r"\s*(?P<n_atoms>\d+)\s*(atoms\b.*)?$", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
_ENERGIES = re.compile(r"Etot\s*,\s*Ep\s*,\s*Ek\s*\(eV\)\s*=(?P<values>[^,]*)", re.IGNORECASE)
_SHIFT = re.compile(r":\s*dE\(eV\)\s*=\s*(?P<value>\S+)")
LATTICE, POSITION, FORCE, ATOMIC_ENERGY = "lattice", "position", "force", "atomic-energy"
FORCE_SIGN = "-force"


def read_movement(path: Path, options: ReadOptions) -> list[Frame]:
    """Every frame of a MOVEMENT file, or the one of an atom.config file."""
    frames: list[Frame] = []
    with open_text(path) as stream:
        head = next(stream, "")
        if not _FRAME.match(head):
            raise DataError(
                f'{path}: begins with "{head.strip()[:60]}", expected a number of atoms',
                hint="this is no MOVEMENT or atom.config file",
            )
        while head:
            section = _Section(head, options.source(path, len(frames)))
            head = section.read(stream)
            frames.append(section.frame())
    return frames


class _Section:
    """One frame while it is read: title, lattice with stress, positions, forces."""

    def __init__(self, title: str, source: str) -> None:
        match = _FRAME.match(title)
        assert match is not None
        self.source = source
        self.n_atoms = to_count(match["n_atoms"], source)
        self.energy = _potential_energy(title, source)
        self.cell: FloatArray | None = None
        self.virial: FloatArray | None = None
        self.numbers: IntArray | None = None
        self.fractional: FloatArray | None = None
        self.forces: FloatArray | None = None
        self.atomic_energy: FloatArray | None = None

    def read(self, stream: Iterator[str]) -> str:
        """Read up to the title of the next frame, and return that ("" at the end)."""
        for line in stream:
            words = line.lower().split()
            if len(words) > 1 and words[1].startswith("atoms") and _FRAME.match(line):
                return line
            if not words:
                continue
            if words[0].startswith(LATTICE):
                self._read_lattice(stream)
            elif words[0].startswith(POSITION):
                self._read_positions(stream)
            elif words[0].startswith(FORCE):
                self._read_forces(line, stream)
            elif words[0].startswith(ATOMIC_ENERGY):
                self._read_atomic_energy(line, stream)
        return ""

    def frame(self) -> Frame:
        if self.cell is None or self.numbers is None or self.fractional is None:
            missing = "lattice" if self.cell is None else "positions"
            raise DataError(f"{self.source}: has no {missing}", hint="the file may be cut")
        return Frame(
            numbers=self.numbers,
            positions=self.fractional @ self.cell,
            cell=self.cell,
            energy=self.energy,
            forces=self.forces,
            virial=self.virial,
            source=self.source,
            atomic_energy=self.atomic_energy,
        )

    def _read_lattice(self, stream: Iterator[str]) -> None:
        rows = self._rows(stream, 3, LATTICE)
        self.cell = self._numbers([row.split()[:3] for row in rows], LATTICE, 3)
        stresses = [row.partition("stress (eV):")[2].split() for row in rows]
        if any(stresses):
            self.virial = -self._numbers(stresses, "stress", 3)

    def _read_positions(self, stream: Iterator[str]) -> None:
        rows = [row.split()[:4] for row in self._rows(stream, self.n_atoms, POSITION)]
        table = self._numbers(rows, POSITION, 4)
        self.numbers, self.fractional = table[:, 0].astype(np.int64), table[:, 1:]

    def _read_forces(self, title: str, stream: Iterator[str]) -> None:
        if FORCE_SIGN not in title:
            raise DataError(
                f'{self.source}: force block is called "{title.strip()[:60]}", expected '
                f'"Force ({FORCE_SIGN}, eV/Angstrom)", which tells the sign'
            )
        self.forces = -self._values_of_atoms(stream, FORCE, 3)

    def _read_atomic_energy(self, title: str, stream: Iterator[str]) -> None:
        shift = _SHIFT.search(title)
        if shift is None:
            return  # without it they have an unknown zero
        (total,) = to_floats([shift["value"]], f"{self.source}: {ATOMIC_ENERGY}")
        values = self._values_of_atoms(stream, ATOMIC_ENERGY, 1)
        self.atomic_energy = values[:, 0] + total / self.n_atoms

    def _values_of_atoms(self, stream: Iterator[str], name: str, width: int) -> FloatArray:
        """The first columns after the element, [n_atoms, width]."""
        rows = [row.split()[: width + 1] for row in self._rows(stream, self.n_atoms, name)]
        table = self._numbers(rows, name, width + 1)
        if self.numbers is None or not np.array_equal(table[:, 0], self.numbers):
            raise DataError(f"{self.source}: {name} and positions list different elements")
        return table[:, 1:]

    def _rows(self, stream: Iterator[str], n_rows: int, name: str) -> list[str]:
        rows = list(islice(stream, n_rows))
        if len(rows) < n_rows:
            raise DataError(
                f"{self.source}: {name} ends after {len(rows)} of {n_rows} lines",
                hint="the file may be cut",
            )
        return rows

    def _numbers(self, rows: list[list[str]], name: str, width: int) -> FloatArray:
        for idx, row in enumerate(rows):
            if len(row) != width:
                raise DataError(
                    f"{self.source}: line {idx} of {name} has {len(row)} numbers, expected {width}"
                )
        words = [word for row in rows for word in row]
        return to_floats(words, f"{self.source}: {name}").reshape(-1, width)


def _potential_energy(title: str, source: str) -> float | None:
    match = _ENERGIES.search(title)
    if match is None:
        return None
    energies = _NUMBER.findall(match["values"])
    if len(energies) != 3:
        raise DataError(f"{source}: found {len(energies)} energies, expected Etot, Ep and Ek")
    return float(energies[1])
