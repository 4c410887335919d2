"""PWmat's MOVEMENT (a trajectory) and atom.config (one structure): the same sections.

Energies are in eV; the label is Ep, the second of Etot, Ep, Ek (Etot holds the kinetic energy).
Positions are fractional. The block `Force (-force, eV/Angstrom)` holds minus the forces, and so
does the one that old versions call `Force (eV/Angstrom)`: energies along trajectories show it.
`stress (eV)` beside the lattice is minus the virial W = -dU/dstrain, as `Pressure Internal` beside
it shows, which is +W/V. pwdata writes +W there; its frames have asterisks for the numbers of
MD_INFO, and no `Pressure Internal`. Atomic energies are the first column of `Atomic-Energy,
Etot(eV), ...: dE(eV)= X`; they and X add up to Ep, and each atom gets its share X/n_atoms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import ase.units
import numpy as np

from nepforge.data.formats.notices import Notices
from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.words import open_text, to_count, to_floats
from nepforge.data.frame import FloatArray, Frame, IntArray
from nepforge.errors import DataError

_FRAME = re.compile(r"\s*(?P<n_atoms>\d+)\s*(atoms\b.*)?$", re.IGNORECASE)
_NEXT_FRAME = re.compile(r"\s*\d+\s*atoms\b", re.IGNORECASE)
_ATOM_ROW = re.compile(r"\s*[-+.\d]+\s+[-+.\d]")
_NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
_ENERGIES = re.compile(r"Etot\s*,\s*Ep\s*,\s*Ek\s*(?:\(eV\))?\s*=(?P<values>[^,]*)", re.IGNORECASE)
_STRESS = re.compile(r"stress\s*\(eV\)\s*:(?P<values>.*)", re.IGNORECASE)
_SHIFT = re.compile(r":\s*dE\(eV\)\s*=\s*(?P<value>\S+)")
_BLOCK = re.compile(
    r"\s*(lattice|position|force|atomic-energy|velocity|nonperiodic_position|md_info|pressure)\b",
    re.IGNORECASE,
)
_STARS = re.compile(r"[\s*]*\*[\s*]*")
LATTICE, POSITION, FORCE, ATOMIC_ENERGY = "lattice", "position", "force", "atomic-energy"
SKIPPED = ("velocity", "nonperiodic_position")  # blocks with one row per atom
MD_INFO, PRESSURE = "md_info", "pressure"
FORCE_TITLE, OLD_FORCE_TITLE = "force(-force,ev/angstrom)", "force(ev/angstrom)"  # without blanks
PRESSURE_UNIT = ase.units.Hartree / ase.units.Bohr**3
CLEARLY = 0.1  # a sign counts if the other one is ten times as far off
OTHER_LENGTHS = re.compile(r"bohr|cartes|nm\b", re.IGNORECASE)


def read_movement(path: Path, options: ReadOptions) -> list[Frame]:
    """Every frame of a MOVEMENT file, or the one of an atom.config file."""
    frames: list[Frame] = []
    notices = Notices()
    with open_text(path) as stream:
        head = next(stream, "")
        if not _FRAME.match(head):
            raise DataError(
                f'{path}: begins with "{head.strip()[:60]}", expected a number of atoms',
                hint="this is not a MOVEMENT or atom.config file",
            )
        while head:
            section = _Section(head, options.source(path, len(frames)), notices)
            head = section.read(stream)
            frames.append(section.frame())
    notices.tell(options.notice)
    return frames


class _Section:
    """One frame while it is read: title, lattice with stress, positions, forces."""

    def __init__(self, title: str, source: str, notices: Notices) -> None:
        match = _FRAME.match(title)
        if match is None:
            raise DataError(f'{source}: begins with "{title.strip()[:60]}"')
        self.source = source
        self.notices = notices
        self.n_atoms = to_count(match["n_atoms"], source)
        self.energy = _potential_energy(title, source)
        self.blocks: set[str] = set()
        self.has_stars = False
        self.cell: FloatArray | None = None
        self.stress: FloatArray | None = None
        self.pressure: FloatArray | None = None
        self.numbers: IntArray | None = None
        self.fractional: FloatArray | None = None
        self.forces: FloatArray | None = None
        self.atomic_energy: FloatArray | None = None

    def read(self, stream: Iterator[str]) -> str:
        """Read up to the title of the next frame and return it ("" at the end)."""
        before = ""  # the block before the line
        for line in stream:
            if _NEXT_FRAME.match(line):
                return line
            if not line.strip():
                continue
            if before == MD_INFO:
                self.has_stars = bool(_STARS.fullmatch(line))
            elif before and _ATOM_ROW.match(line):
                raise DataError(
                    f"{self.source}: {before} has more rows than the {self._n_rows(before)} "
                    "expected",
                    hint="the number of atoms in the title may be wrong",
                )
            before = self._read_block(line, stream)
        return ""

    def _read_block(self, title: str, stream: Iterator[str]) -> str:
        """Read the block with this title; returns its name, "" for skipped lines."""
        match = _BLOCK.match(title)
        name = match[1].lower() if match else FORCE if FORCE in title.lower() else ""
        if name and name in self.blocks and name not in (MD_INFO, PRESSURE):
            raise DataError(
                f"{self.source}: has two blocks of {name}", hint="a title may be missing"
            )
        self.blocks.add(name)
        if name == LATTICE:
            self._read_lattice(title, stream)
        elif name == POSITION:
            self._read_positions(title, stream)
        elif name == FORCE:
            self._read_forces(title, stream)
        elif name == ATOMIC_ENERGY:
            self._read_atomic_energy(title, stream)
        elif name == PRESSURE and "hartree/bohr^3" in title.lower():
            rows = self._rows(stream, 3, PRESSURE)
            self.pressure = self._numbers([row.split() for row in rows], PRESSURE, 3)
        elif name in SKIPPED:
            self._rows(stream, self.n_atoms, name)
        return "" if name == PRESSURE and self.pressure is None else name

    def frame(self) -> Frame:
        if self.cell is None or self.numbers is None or self.fractional is None:
            missing = "lattice" if self.cell is None else "positions"
            raise DataError(f"{self.source}: has no {missing}", hint="the file may be truncated")
        return Frame(
            numbers=self.numbers,
            positions=self.fractional @ self.cell,
            cell=self.cell,
            energy=self.energy,
            forces=self.forces,
            virial=self._virial(),
            source=self.source,
            atomic_energy=self.atomic_energy,
        )

    def _virial(self) -> FloatArray | None:
        if self.stress is None:
            return None
        if self._is_virial_of_pwdata():
            text = "stress (eV) has the sign of pwdata: read as the virial"
            self.notices.add(self.source, f"{text} and not as minus the virial, as PWmat has it")
            return self.stress
        return -self.stress

    def _is_virial_of_pwdata(self) -> bool:
        """Whether `Pressure Internal` is +stress/V, or without it, MD_INFO has no numbers."""
        if self.pressure is None or self.cell is None or self.stress is None:
            return self.has_stars and PRESSURE not in self.blocks
        virial = self.pressure * PRESSURE_UNIT * abs(np.linalg.det(self.cell))
        off, off_turned = abs(virial + self.stress).max(), abs(virial - self.stress).max()
        return bool(off_turned < CLEARLY * off)

    def _n_rows(self, name: str) -> int:
        return 3 if name in (LATTICE, PRESSURE) else self.n_atoms

    def _read_lattice(self, title: str, stream: Iterator[str]) -> None:
        self._refuse_other_lengths(title)
        rows = self._rows(stream, 3, LATTICE)
        self.cell = self._numbers([row.split()[:3] for row in rows], LATTICE, 3)
        found = [_STRESS.search(row) for row in rows]
        if any(found):
            stresses = [match["values"].split() if match else [] for match in found]
            self.stress = self._numbers(stresses, "stress", 3)
        elif any(len(row.split()) > 3 for row in rows):
            more = " ".join(rows[0].split()[3:])[:40]
            text = "what stands beside the lattice is left out, expected stress (eV): xx xy xz"
            self.notices.add(self.source, text, f"{title.strip()}: {more}")

    def _read_positions(self, title: str, stream: Iterator[str]) -> None:
        self._refuse_other_lengths(title)
        rows = [row.split()[:4] for row in self._rows(stream, self.n_atoms, POSITION)]
        table = self._numbers(rows, POSITION, 4)
        if (table[:, 0] != np.floor(table[:, 0])).any():
            raise DataError(f"{self.source}: {POSITION} does not begin with atomic numbers")
        self.numbers, self.fractional = table[:, 0].astype(np.int64), table[:, 1:]

    def _refuse_other_lengths(self, title: str) -> None:
        if OTHER_LENGTHS.search(title):
            raise DataError(
                f'{self.source}: a block is called "{title.strip()[:60]}", expected a lattice in '
                "Angstrom and positions in its vectors"
            )

    def _read_forces(self, title: str, stream: Iterator[str]) -> None:
        name = "".join(title.lower().split())
        if name not in (FORCE_TITLE, OLD_FORCE_TITLE):
            raise DataError(
                f'{self.source}: force block is called "{title.strip()[:60]}", expected '
                '"Force (-force, eV/Angstrom)" or "Force (eV/Angstrom)", which tell sign and unit'
            )
        if name == OLD_FORCE_TITLE:
            text = 'the block "Force (eV/Angstrom)" is read as minus the forces'
            self.notices.add(self.source, f"{text}, which old versions of PWmat write there")
        self.forces = -self._values_of_atoms(stream, FORCE, 3)

    def _read_atomic_energy(self, title: str, stream: Iterator[str]) -> None:
        values = self._values_of_atoms(stream, ATOMIC_ENERGY, 1)
        shift = _SHIFT.search(title)
        if shift is None:
            text = "atomic energies are left out: their title has no dE(eV)=, their zero is unknown"
            self.notices.add(self.source, text)
            return
        (total,) = to_floats([shift["value"]], f"{self.source}: {ATOMIC_ENERGY}")
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
                hint="the file may be truncated",
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
    if match is None and "etot" in title.lower():
        raise DataError(
            f'{source}: the title names energies as "{title.strip()[:80]}", expected '
            '"Etot,Ep,Ek (eV) = ..."'
        )
    if match is None:
        return None
    energies = _NUMBER.findall(match["values"])
    if len(energies) != 3:
        raise DataError(f"{source}: found {len(energies)} energies, expected Etot, Ep and Ek")
    return float(energies[1])
