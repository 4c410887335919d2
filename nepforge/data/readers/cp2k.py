"""Output of CP2K: single points, or several of them in one file.

Energies are in hartree, forces in hartree/bohr; the printed stress is positive when compressed, so
W = +stress · V. Three generations of CP2K write these blocks under different titles.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from ase.units import Bohr, Hartree
from attrs import define, field

from nepforge.data.frame import FloatArray, Frame
from nepforge.data.readers.options import ReadOptions
from nepforge.data.readers.text import atomic_number, open_text, to_floats
from nepforge.errors import DataError
from nepforge.units import BAR_PER_GPA, EV_PER_A3_IN_GPA

ATOM_TITLE = re.compile(r"ATOMIC COORDINATES IN (?P<unit>angstrom|bohr)", re.IGNORECASE)
STRESS_TITLE = re.compile(r"(?:STRESS\|.*tensor|STRESS TENSOR) \[(?P<unit>\w+)\]", re.IGNORECASE)
FORCE_TITLES = ("ATOMIC FORCES in [a.u.]", "FORCES| Atomic forces [hartree/bohr]")
LONGEST_TITLE = 4  # lines between a title and its first row
GPA = {"GPa": 1.0, "bar": 1.0 / BAR_PER_GPA, "kbar": 0.1}


def read_cp2k(path: Path, options: ReadOptions) -> list[Frame]:
    """Every energy of the output with the coordinates, forces and stress printed with it.

    Raises:
        DataError: Coordinates are missing, as in the output of molecular dynamics: CP2K prints
            them there into files of their own.
    """
    frames: list[Frame] = []
    point = _Point()
    with open_text(path) as stream:
        lines = iter(stream)
        for line in lines:
            source = options.source(path, len(frames))
            if ATOM_TITLE.search(line) and point.energy is not None:
                frames.append(point.frame(source))
                point = _Point(cell=point.cell)
            point.read(line, lines, source)
    if point.energy is not None:
        frames.append(point.frame(options.source(path, len(frames))))
    return frames


@define
class _Point:
    """One single-point calculation while it is read."""

    cell: dict[str, FloatArray] = field(factory=dict)  # "a" -> vector in Å
    symbols: list[str] = field(factory=list)
    positions: list[FloatArray] = field(factory=list)
    energy: float | None = None  # eV
    forces: list[FloatArray] = field(factory=list)
    stress_gpa: list[FloatArray] = field(factory=list)

    def read(self, line: str, lines: Iterator[str], source: str) -> None:
        """Take what a line says, and the block below it."""
        words = line.split()
        if len(words) > 3 and words[:2] == ["CELL|", "Vector"]:
            self.cell[words[2]] = _cell_vector(words, source)
        elif match := ATOM_TITLE.search(line):
            unit = 1.0 if match["unit"].lower() == "angstrom" else Bohr
            for row in _block(lines, lambda row: len(row) >= 7 and row[0].isdigit()):
                self.symbols.append(row[2])
                self.positions.append(unit * to_floats(row[4:7], f"{source}: coordinates"))
        elif line.startswith(" ENERGY| Total FORCE_EVAL"):
            if self.energy is not None:
                raise _no_coordinates(source)
            self.energy = Hartree * float(to_floats(words[-1:], f"{source}: energy")[0])
        elif any(title in line for title in FORCE_TITLES):
            self._read_forces(line, lines, source)
        elif match := STRESS_TITLE.search(line):
            self._read_stress(match["unit"], lines, source)

    def _read_forces(self, title: str, lines: Iterator[str], source: str) -> None:
        width = 6  # atom kind element fx fy fz, or FORCES| atom fx fy fz |f|
        first = 2 if "FORCES|" in title else 3
        rows = _block(lines, lambda row: len(row) == width and row[1].isdigit())
        self.forces = [
            Hartree / Bohr * to_floats(row[first : first + 3], f"{source}: forces") for row in rows
        ]

    def _read_stress(self, unit: str, lines: Iterator[str], source: str) -> None:
        if unit not in GPA:
            raise DataError(
                f"{source}: stress is in {unit}, expected one of {', '.join(GPA)}",
                hint="set STRESS_UNIT GPa",
            )
        rows = _block(lines, lambda row: len(row) >= 4 and row[-4].lower() in ("x", "y", "z"))
        self.stress_gpa = [GPA[unit] * to_floats(row[-3:], f"{source}: stress") for row in rows]

    def frame(self, source: str) -> Frame:
        if not self.symbols:
            raise _no_coordinates(source)
        if sorted(self.cell) != ["a", "b", "c"]:
            raise DataError(f"{source}: has no cell vectors (CELL| Vector a)")
        cell = np.stack([self.cell[name] for name in "abc"])
        if self.forces and len(self.forces) != len(self.symbols):
            raise DataError(
                f"{source}: has {len(self.forces)} forces for {len(self.symbols)} atoms",
                hint="the file may be cut",
            )
        if self.stress_gpa and len(self.stress_gpa) != 3:
            raise DataError(f"{source}: the stress has {len(self.stress_gpa)} rows, expected 3")
        volume = abs(np.linalg.det(cell))
        return Frame(
            numbers=np.array([atomic_number(s, source) for s in self.symbols], dtype=np.int64),
            positions=np.stack(self.positions),
            cell=cell,
            energy=self.energy,
            forces=np.stack(self.forces) if self.forces else None,
            virial=np.stack(self.stress_gpa) / EV_PER_A3_IN_GPA * volume
            if self.stress_gpa
            else None,
            source=source,
        )


def _cell_vector(words: Sequence[str], source: str) -> FloatArray:
    """From `CELL| Vector a [angstrom]: x y z |a| = length`; the length has more digits."""
    start = next((idx + 1 for idx, word in enumerate(words) if word.endswith("]:")), len(words))
    vector = to_floats(words[start : start + 3], f"{source}: cell")
    if len(vector) != 3:
        raise DataError(f"{source}: a cell vector has {len(vector)} numbers, expected 3")
    if words[-2] == "=" and (length := np.linalg.norm(vector)) > 0:
        vector = vector * (to_floats(words[-1:], f"{source}: cell")[0] / length)
    return vector


def _block(lines: Iterator[str], is_row: Callable[[list[str]], bool]) -> list[list[str]]:
    """The rows of words below a title, after at most a few lines of column titles."""
    rows: list[list[str]] = []
    for n_read, line in enumerate(lines):
        words = line.split()
        if is_row(words):
            rows.append(words)
        elif rows or n_read >= LONGEST_TITLE:
            break
    return rows


def _no_coordinates(source: str) -> DataError:
    return DataError(
        f"{source}: the output has an energy without coordinates",
        hint="output of CP2K dynamics has its coordinates in *-pos-*.xyz: convert these with their "
        "forces and cells to extended XYZ",
    )
