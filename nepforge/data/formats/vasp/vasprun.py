"""VASP's vasprun.xml: every <calculation> with the structure, forces and stress inside it.

The energy is `e_fr_energy` of the calculation, which the forces derive from and which includes
dispersion; with PSTRESS it is an enthalpy, and p·V is subtracted. The stress is in kbar and
positive in compression. The machine-learned force field writes its results beside the
calculations; they are not labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

import numpy as np
from attrs import define, field

from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.words import open_text, to_floats
from nepforge.data.formats.vasp.potentials import (
    FIXED_CHARGE,
    KBAR_IN_EV_PER_A3,
    LEARNED,
    elements,
    kept_frames,
)
from nepforge.data.frame import FloatArray, Frame, IntArray
from nepforge.errors import DataError

PROLOG = "<?xml"
UNREAD = {"dos", "eigenvalues", "projected", "dielectricfunction", "kpoints"}  # large: not kept
SAME_VOLUME = 1.0e-6  # relative
SAME_ENERGY = (
    1.0e-3  # eV; if closer to the energy of the last electronic step, it is not an enthalpy
)
CONVERGENCE = './/separator[@name="electronic convergence"]/i[@name="NELM"]'


def read_vasprun(path: Path, options: ReadOptions) -> list[Frame]:
    """Every calculation with a structure and an energy, of one run or of several in the file.

    Raises:
        DataError: It is not XML before its end, a number cannot be read, arrays are not as long as
            the list of atoms, or there is no such calculation.
    """
    name = options.label or path.name
    frames: list[Frame] = []
    left_out: list[str] = []
    n_unknown = 0
    with open_text(path) as stream:
        for pieces in _documents(stream):
            run = _Run(name, frames)
            _parse(pieces, run)
            left_out += run.left_out()
            n_unknown += run.n_unknown
    return kept_frames(name, frames, left_out, n_unknown, options.notice)


def _documents(stream: IO[str]) -> Iterator[Iterator[str]]:
    """The texts of the runs in a file, one after the other, piece by piece."""
    rest = [next(stream, "")]

    def pieces() -> Iterator[str]:
        yield rest.pop()
        for line in stream:
            before, prolog, after = line.partition(PROLOG)
            yield before
            if prolog:
                rest.append(prolog + after)
                return

    while rest:
        yield pieces()


def _parse(pieces: Iterator[str], run: _Run) -> None:
    """Feed the elements of a document to the run; an early end is not an error."""
    parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
    tags: list[str] = []
    n_lines = 0
    try:
        for piece in pieces:
            n_lines += 1
            parser.feed(piece)
            for event, element in cast(Iterator[tuple[str, Element]], parser.read_events()):
                if event == "start":
                    tags.append(element.tag)
                    continue
                tags.pop()
                run.take(tags, element)
                if element.tag in UNREAD or not UNREAD.isdisjoint(tags):
                    element.clear()
    except ParseError as error:
        raise DataError(f"{run.name}: is not XML: {error}", hint="the file is damaged") from error
    run.is_cut = bool(tags) or not n_lines


@define
class _Calculation:
    """One <calculation> while it is read."""

    n_iterations: int = 0  # electronic steps
    last_energy: float | None = None  # eV, of the last of them, without dispersion
    structure: Element | None = None
    forces: FloatArray | None = None  # [n_ions, 3] eV/Å
    kbar: FloatArray | None = None  # [3, 3]
    energy: float | None = None  # eV


@define
class _Run:
    """One document while it is read."""

    name: str
    frames: list[Frame]  # of all documents; appended to
    numbers: IntArray | None = None
    nelm: int = 0  # 0 if it is missing
    icharg: int = 0
    pressure: float = 0.0  # PSTRESS, kbar
    is_cut: bool = False
    calculation: _Calculation = field(factory=_Calculation)
    n_calculations: int = 0
    n_bare: int = 0  # calculations without structure or energy
    n_learned: int = 0
    n_unknown: int = 0  # frames whose convergence is not printed

    def take(self, parents: Sequence[str], element: Element) -> None:
        """A closed element; `parents` are the tags around it, outermost first."""
        if len(parents) == 1:
            self._take_part(element)
        elif len(parents) == 2 and parents[1] == "calculation":
            self._take_result(element)

    def left_out(self) -> list[str]:
        """What is left out of the run, as phrases."""
        texts = []
        if self.is_cut:
            if self.calculation.energy is not None:  # only eigenvalues and the like are cut
                self._end_calculation()
            texts.append(f"the end of a run, which is cut after calculation {self.n_calculations}")
        if self.n_bare:
            texts.append(f"{self.n_bare} calculations without structure or energy")
        if self.n_learned:
            texts.append(LEARNED.format(self.n_learned))
        return texts

    def _take_part(self, element: Element) -> None:
        match element.tag:
            case "calculation":
                self._end_calculation()
                element.clear()
            case "incar" | "parameters":
                self._take_settings(element)
            case "atominfo":
                self.numbers = _numbers(element, self.name)
            case "varray" if element.get("name") == "forces":
                self.n_learned += 1

    def _take_settings(self, element: Element) -> None:
        """Settings of INCAR, then those that VASP used, which count."""
        nelm = element.find(CONVERGENCE)
        if nelm is None:
            nelm = element.find('i[@name="NELM"]')
        if nelm is not None:
            self.nelm = int(_number(nelm, self.name))
        for item in element.iter("i"):
            if item.get("name") == "ICHARG":
                self.icharg = int(_number(item, self.name))
            elif item.get("name") == "PSTRESS":
                self.pressure = _number(item, self.name)

    def _take_result(self, element: Element) -> None:
        """A child of <calculation>; each occurs once, except electronic steps."""
        calculation, name = self.calculation, element.get("name", "")
        where = f"{self.name}: calculation {self.n_calculations + 1}"
        match element.tag:
            case "scstep":
                calculation.n_iterations += calculation.energy is None
                calculation.last_energy = _free_energy(element.find("energy"), where)
            case "structure":
                _once(calculation.structure, "structure", where)
                calculation.structure = element
            case "varray" if name == "forces":
                _once(calculation.forces, name, where)
                calculation.forces = _rows(element, f"{where}: forces")
            case "varray" if name == "stress":
                _once(calculation.kbar, name, where)
                calculation.kbar = _rows(element, f"{where}: stress")
            case "energy":
                _once(calculation.energy, "energy", where)
                calculation.energy = _free_energy(element, where)

    def _end_calculation(self) -> None:
        """Make a frame of the calculation, or count it as one that gives none."""
        calculation, self.calculation = self.calculation, _Calculation()
        self.n_calculations += 1
        if calculation.energy is None or calculation.structure is None:
            self.n_bare += 1
        else:
            self.frames.append(self._frame(calculation, calculation.structure, calculation.energy))

    def _frame(self, calculation: _Calculation, structure: Element, energy: float) -> Frame:
        source = f"{self.name}:{len(self.frames)}"
        if self.numbers is None:
            raise DataError(f"{source}: has no list of atoms (atominfo)")
        cell, positions = _cell_and_positions(structure, source)
        volume = float(abs(np.linalg.det(cell)))
        for rows, name, n_rows in (
            (positions, "positions", len(self.numbers)),
            (calculation.forces, "forces", len(self.numbers)),
            (calculation.kbar, "rows of stress", 3),
        ):
            if rows is not None and len(rows) != n_rows:
                raise DataError(f"{source}: has {len(rows)} {name}, expected {n_rows}")
        self.n_unknown += not (self.nelm and calculation.n_iterations)
        virial = None
        if calculation.kbar is not None:
            virial = calculation.kbar * KBAR_IN_EV_PER_A3 * volume
        return Frame(
            numbers=self.numbers,
            positions=positions,
            cell=cell,
            energy=self._without_pressure(energy, calculation.last_energy, volume),
            forces=calculation.forces,
            virial=virial,
            source=source,
            converged=self._is_converged(calculation),
        )

    def _without_pressure(self, energy: float, last: float | None, volume: float) -> float:
        """The enthalpy minus p·V, unless the last electronic step shows that it is an energy."""
        without = energy - self.pressure * KBAR_IN_EV_PER_A3 * volume
        if last is not None and abs(energy - last) < min(SAME_ENERGY, abs(without - last)):
            return energy
        return without

    def _is_converged(self, calculation: _Calculation) -> bool:
        if self.icharg >= FIXED_CHARGE:
            return False
        return not self.nelm or calculation.n_iterations < self.nelm


def _numbers(atominfo: Element, where: str) -> IntArray:
    """Atomic number of every atom; its potential decides if the symbol is not an element."""
    rows = [_cells(row) for row in atominfo.findall('array[@name="atoms"]/set/rc')]
    kinds = [_cells(row) for row in atominfo.findall('array[@name="atomtypes"]/set/rc')]
    titles = {str(idx + 1): cells[-1] for idx, cells in enumerate(kinds) if len(cells) == 5}
    found: dict[tuple[str, ...], int] = {}
    for cells in rows:
        if tuple(cells) not in found:
            if len(cells) != 2:
                raise DataError(f"{where}: an atom has {cells}, expected element and type")
            title = titles.get(cells[1], cells[0])
            found[tuple(cells)] = elements([title], [cells[0]], where)[0]
    count = atominfo.findtext("atoms", "").strip()
    if count and count != str(len(rows)):
        raise DataError(f"{where}: names {len(rows)} atoms, expected {count}")
    return np.array([found[tuple(cells)] for cells in rows], dtype=np.int64)


def _cells(row: Element) -> list[str]:
    return [(cell.text or "").strip() for cell in row.findall("c")]


def _cell_and_positions(structure: Element, source: str) -> tuple[FloatArray, FloatArray]:
    """Cell and positions in Å; the volume must be the one in the file."""
    basis = structure.find('crystal/varray[@name="basis"]')
    fractions = structure.find('varray[@name="positions"]')
    if basis is None or fractions is None:
        raise DataError(f"{source}: a structure lacks its basis or its positions")
    cell = _rows(basis, f"{source}: basis")
    if len(cell) != 3:
        raise DataError(f"{source}: the basis has {len(cell)} rows, expected 3")
    written = structure.find('crystal/i[@name="volume"]')
    if written is not None:
        found, expected = abs(np.linalg.det(cell)), _number(written, source)
        if abs(found - expected) > SAME_VOLUME * expected:
            raise DataError(f"{source}: the cell has {found:.6f} Å³, the file has {expected:.6f}")
    return cell, _rows(fractions, f"{source}: positions") @ cell


def _rows(array: Element, where: str) -> FloatArray:
    """Vectors of three, [n, 3]."""
    rows = [(row.text or "").split() for row in array.findall("v")]
    wrong = next((row for row in rows if len(row) != 3), None)
    if wrong is not None:
        raise DataError(f'{where}: found "{" ".join(wrong)}", expected three numbers')
    words = [word for row in rows for word in row]
    return to_floats(words, where).reshape(-1, 3)


def _free_energy(energy: Element | None, where: str) -> float | None:
    item = None if energy is None else energy.find('i[@name="e_fr_energy"]')
    return None if item is None else _number(item, f"{where}: e_fr_energy")


def _number(item: Element, where: str) -> float:
    words = (item.text or "").split()
    if len(words) != 1:
        raise DataError(f"{where}: found {len(words)} numbers, expected one")
    return float(to_floats(words, where)[0])


def _once(before: object, name: str, where: str) -> None:
    if before is not None:
        raise DataError(f"{where}: a second {name} in one calculation")
