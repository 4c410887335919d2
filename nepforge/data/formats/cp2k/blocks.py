"""The content of an output of CP2K as a sequence of items, one per relevant line or block."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from ase.units import Bohr, Hartree
from attrs import frozen

from nepforge.data.formats.text.lines import Lines
from nepforge.data.formats.text.marks import items_of_runs
from nepforge.data.formats.text.words import atomic_number, to_floats
from nepforge.data.frame import FloatArray
from nepforge.errors import DataError
from nepforge.units import BAR_PER_GPA

ATOM_TITLE = re.compile(r"ATOMIC COORDINATES IN (?P<unit>angstrom|bohr)", re.IGNORECASE)
STRESS_TITLE = re.compile(
    r"^\s*(?:STRESS\| )?(?:(?:Analytical|Numerical) )?stress tensor \[(?P<unit>\S+)\]\s*$",
    re.IGNORECASE,
)
RUN_MARKS = ("CP2K| version", " PROGRAM STARTED AT", " DBCSR| ")
ATOM_WIDTH, FORCE_WIDTH = 9, 6  # words of a row
FORCE_SUMS = ("SUM OF ATOMIC FORCES", "FORCES| Sum")
ROW_ENDS = (*FORCE_SUMS, "STRESS| 1/3 Trace")
ENERGY = re.compile(
    r"ENERGY\| Total FORCE_EVAL \( (?P<kind>\w+) \) energy "
    r"[\[(](?P<unit>[^\])]+)[\])]:?\s+(?P<value>\S+)"
)
CONVERGED = re.compile(r"SCF run converged|outer SCF loop converged")
NOT_CONVERGED = re.compile(r"SCF.*\bNOT converged|outer SCF loop FAILED", re.IGNORECASE)
ATOM_COUNT = re.compile(r" +- Atoms: +([0-9]{1,9})\s*$")
AXES = re.compile(r"(?P<of>CELL|POISSON)\| Periodicity\s+(?P<axes>\w+)")
HARTREE_UNITS = ("a.u.", "hartree")
GPA = {"gpa": 1.0, "bar": 1.0 / BAR_PER_GPA, "kbar": 0.1, "mpa": 1.0e-3, "pa": 1.0e-9}
LONGEST_TITLE = 4  # lines between a title and its first row
ENERGY_DECIMALS = 12  # at least; a number at the end of a truncated file may have lost some
SUM_TOLERANCE = 1.0e-8  # hartree/bohr for each atom: half a printed digit, twice


@frozen
class RunBegins:
    """The header of a run."""


@frozen
class CellVector:
    """`name` is a, b or c; `vector` in Å."""

    name: str
    vector: FloatArray


@frozen
class Periodicity:
    """Axes "XYZ", "XY", "NONE", of the cell and of electrostatics; "" if not printed."""

    cell: str = ""
    poisson: str = ""

    def with_(self, other: Periodicity) -> Periodicity:
        """This one, updated by the other."""
        return Periodicity(other.cell or self.cell, other.poisson or self.poisson)

    @property
    def pbc(self) -> tuple[bool, bool, bool]:
        """Periodicity of the cell; old versions do not print it, the default is all."""
        axes = self.cell or self.poisson or "XYZ"
        return "X" in axes, "Y" in axes, "Z" in axes


@frozen
class AtomCount:
    """The number of atoms, printed before their coordinates."""

    value: int


@frozen
class Atoms:
    """Symbols and positions in Å, [n_atoms, 3]."""

    symbols: tuple[str, ...]
    positions: FloatArray


@frozen
class Converged:
    """Whether the electronic steps converged so far."""

    yes: bool


@frozen
class Energy:
    """eV; `evaluation` is the kind of FORCE_EVAL, "QS"."""

    value: float
    evaluation: str
    where: str


@frozen
class Forces:
    """[n_atoms, 3] eV/Å; `is_last` if the run ends after the rows, which may be truncated there."""

    values: FloatArray
    where: str
    is_last: bool


@frozen
class Stress:
    """[3, 3] GPa, positive in compression."""

    gpa: FloatArray
    where: str


Item = (
    RunBegins
    | CellVector
    | Periodicity
    | AtomCount
    | Atoms
    | Converged
    | Energy
    | Forces
    | Stress
    | DataError
)


def items(lines: Lines) -> Iterator[Item]:
    """Everything relevant, in the order of the file; errors as of `items_of_runs`."""
    return items_of_runs(lines, _begins_run, RunBegins(), _item)


def _begins_run(line: str) -> bool:
    return any(mark in line for mark in RUN_MARKS)


def _item(lines: Lines) -> Item | None:
    line = lines.line
    if match := ATOM_COUNT.match(line):
        return AtomCount(int(match[1]))
    text = line.lstrip()
    mark = next((mark for mark in READERS if text.startswith(mark)), None)
    if mark is not None:
        return READERS[mark](lines)
    if "SCF" in line:
        return _convergence(line)
    if match := ATOM_TITLE.search(line):
        return _atoms(match["unit"], lines)
    if match := STRESS_TITLE.search(line):
        return _stress(match["unit"], lines)
    return None


def _convergence(line: str) -> Converged | None:
    if NOT_CONVERGED.search(line):
        return Converged(yes=False)
    return Converged(yes=True) if CONVERGED.search(line) else None


def _axes(lines: Lines) -> Periodicity | None:
    match = AXES.search(lines.line)
    return Periodicity(**{match["of"].lower(): match["axes"].upper()}) if match else None


def _cell_vector(lines: Lines) -> CellVector | None:
    """From `CELL| Vector a [angstrom]: x y z |a| = length`; the length has more digits."""
    where = f"{lines.where}: cell"
    words = lines.line.split()
    start = next((idx + 1 for idx, word in enumerate(words) if word.endswith("]:")), len(words))
    vector = to_floats(words[start : start + 3], where)
    if len(vector) != 3:
        raise DataError(f"{where}: a cell vector has {len(vector)} numbers, expected 3")
    if words[-2] == "=" and (length := np.linalg.norm(vector)) > 0:
        vector = vector * (to_floats(words[-1:], where)[0] / length)
    return CellVector(words[2], vector)


def _energy(lines: Lines) -> Energy:
    where = f"{lines.where}: energy"
    match = ENERGY.search(lines.line)
    if match is None or match["unit"].lower() not in HARTREE_UNITS:
        raise DataError(
            f'{where}: found "{lines.line.strip()}", expected an energy in hartree or a.u.',
            hint="energies in other units are not read",
        )
    if lines.is_cut and len(match["value"].partition(".")[2]) < ENERGY_DECIMALS:
        raise DataError(f"{where}: is cut")
    return Energy(Hartree * float(to_floats([match["value"]], where)[0]), match["kind"], where)


def _atoms(unit: str, lines: Lines) -> Atoms:
    """Rows `atom kind element number x y z charge mass` of Quickstep; FIST has no numbers."""
    rows = _block(lines, lambda row: len(row) == ATOM_WIDTH and row[3].isdecimal())
    where = f"{lines.where}: coordinates"
    if not rows:
        raise DataError(
            f"{where}: no rows as Quickstep prints them, atom kind element number x y z"
        )
    _count_up([row[0] for row in rows], where)
    for row in rows:
        if str(atomic_number(row[2], where)) != row[3]:
            raise DataError(f"{where}: found {row[2]} {row[3]}, expected an atomic number")
    factor = 1.0 if unit.lower() == "angstrom" else Bohr
    positions = np.array([to_floats(row[4:7], where) for row in rows]).reshape(-1, 3)
    return Atoms(tuple(row[2] for row in rows), factor * positions)


def _forces(lines: Lines) -> Forces:
    """Rows `atom kind element fx fy fz`, or `FORCES| atom fx fy fz |f|`, and their sum."""
    is_new = "FORCES|" in lines.line
    at_atom, at_x, at_sum = (1, 2, 2) if is_new else (0, 3, 4)
    rows = _block(lines, lambda row: len(row) == FORCE_WIDTH and row[1].isdigit())
    where = f"{lines.where}: forces"
    _count_up([row[at_atom] for row in rows], where)
    words = [word for row in rows for word in row[at_x : at_x + 3]]
    forces = to_floats(words, where).reshape(-1, 3)
    is_last = lines.has_ended or lines.is_cut or _begins_run(lines.line)
    if not is_last and any(title in lines.line for title in FORCE_SUMS):
        expected = to_floats(lines.line.split()[at_sum : at_sum + 3], where)
        allowed = SUM_TOLERANCE * (len(forces) + abs(forces).sum())
        if len(expected) != 3 or (abs(forces.sum(axis=0) - expected) > allowed).any():
            raise DataError(f"{where}: do not add up to the sum printed below")
    return Forces(Hartree / Bohr * forces, where, is_last)


def _stress(unit: str, lines: Lines) -> Stress:
    """Rows `x xx xy xz` and so on, and a third of the trace."""
    where = f"{lines.where}: stress"
    if unit.lower() not in GPA:
        raise DataError(
            f"{where}: is in {unit}, expected one of {', '.join(GPA)}", hint="set STRESS_UNIT GPa"
        )
    rows = _block(lines, lambda row: len(row) >= 4 and row[-4].lower() in ("x", "y", "z"))
    if [row[-4].lower() for row in rows] != ["x", "y", "z"]:
        raise DataError(f"{where}: has {len(rows)} rows, expected x, y and z")
    gpa = GPA[unit.lower()] * np.array([to_floats(row[-3:], where) for row in rows])
    return Stress(gpa, where)


def _count_up(words: Sequence[str], where: str) -> None:
    """Atoms are numbered 1, 2, ... without a gap."""
    if list(words) != [str(idx + 1) for idx in range(len(words))]:
        raise DataError(f"{where}: the atoms are not numbered 1 to {len(words)}, rows are missing")


def _block(lines: Lines, is_row: Callable[[list[str]], bool]) -> list[list[str]]:
    """The rows of words below a title, after at most a few lines of column titles.

    Raises:
        DataError: The last row is truncated, or is not followed by a sum or an empty line.
    """
    rows: list[list[str]] = []
    for n_read, line in enumerate(lines):
        words = line.split()
        if is_row(words):
            rows.append(words)
            if lines.is_cut:
                raise DataError(f"{lines.where}: the row is cut")
        elif rows:
            _check_end(line, lines)
            break
        elif n_read >= LONGEST_TITLE:
            lines.put_back()
            break
    return rows


def _check_end(line: str, lines: Lines) -> None:
    """Check the line below the rows; put it back unless it is a row cut by the end of the file."""
    if not lines.is_cut:
        lines.put_back()
        if line.strip() and not line.lstrip().startswith(ROW_ENDS) and not _begins_run(line):
            raise DataError(f'{lines.where}: found "{line.strip()}", expected a row as above it')


READERS: dict[str, Callable[[Lines], Item | None]] = {
    "CELL| Vector": _cell_vector,
    "CELL| Periodicity": _axes,
    "POISSON| Periodicity": _axes,
    "ENERGY| Total FORCE_EVAL": _energy,
    "ATOMIC FORCES in [a.u.]": _forces,
    "FORCES| Atomic forces [hartree/bohr]": _forces,
}
