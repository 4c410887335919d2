"""ABACUS's running_*.log: single points and relaxations, every step whose structure is printed.

The energy is `final etot`, which contains -TS and is what the forces derive from. Forces are in
eV/Å, the stress is in kbar, positive in compression. A log of molecular dynamics prints only the
first structure: its other steps are left out, with a notice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from ase.units import Bohr
from attrs import define, field

from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.words import atomic_number, open_text, to_count, to_floats
from nepforge.data.frame import FloatArray, Frame, IntArray
from nepforge.errors import DataError
from nepforge.units import EV_PER_A3_IN_GPA

KBAR = 0.1 / EV_PER_A3_IN_GPA  # eV/Å³
SAME_VOLUME = 1.0e-3  # relative, between the cell and the volume that is printed
FIRST_ITERATION = re.compile(r"ELEC *= *1 *-")
CARTESIAN = re.compile(r"CARTESIAN COORDINATES \( UNIT = (\S+) Bohr")
NOT_CONVERGED = re.compile(r"convergence has not been achieved|scf is not converged", re.IGNORECASE)


@define
class _Step:
    """One self-consistent calculation, as far as it was read."""

    positions: FloatArray | None  # [n_atoms, 3] Å; None where the log does not print them
    cell: FloatArray  # [3, 3] Å
    energy: float | None = None
    forces: FloatArray | None = None
    stress: FloatArray | None = None  # eV/Å³, positive in compression
    converged: bool = True


@define
class _Log:
    """The state of the reader: what was printed last."""

    source: str
    labels: list[str] = field(factory=list)  # of the types
    counts: list[int] = field(factory=list)
    unit: float = 0.0  # Å, lattice constant
    cell: FloatArray | None = None
    volume: float | None = None  # Å³, as printed
    coordinates: FloatArray | None = None
    names: list[str] = field(factory=list)  # of the atoms, as in the coordinates
    unit_of_coordinates: float | None = None  # Å; None for fractions of the cell
    is_fresh: bool = False  # whether coordinates were printed since the last step began
    last_energy: float | None = None  # of an iteration, eV
    steps: list[_Step] = field(factory=list)

    @property
    def n_atoms(self) -> int:
        return sum(self.counts)


def read_abacus(path: Path, options: ReadOptions) -> list[Frame]:
    """Every finished step whose structure is known.

    Raises:
        DataError: Blocks of the wrong size, no structure, a cell that contradicts the volume.
    """
    log = _Log(options.label or path.name)
    with open_text(path) as stream:
        for line in stream:
            _read_line(line, stream, log)
    return _frames(log, options, path)


def _read_line(line: str, stream: Iterator[str], log: _Log) -> None:
    text = line.strip()
    name, _, value = (part.strip() for part in text.partition("="))
    if name == "atom label":
        log.labels.append(value)
    elif name == "number of atom for this type":
        log.counts.append(to_count(value, log.source))
    elif name == "lattice constant (Bohr)":
        log.unit = Bohr * _number([value], f"{log.source}: {name}")
    elif name == "Volume (A^3)":
        log.volume = _number(value.split(), f"{log.source}: {name}")
    elif text.startswith("Lattice vectors:"):
        log.cell = log.unit * _rows(stream, 3, f"{log.source}: lattice vectors")
    elif text.startswith(("DIRECT COORDINATES", "CARTESIAN COORDINATES")):
        _read_coordinates(text, stream, log)
    elif FIRST_ITERATION.search(text):
        _begin_step(log)
    elif log.steps:
        _read_label(text, stream, log)


def _read_label(text: str, stream: Iterator[str], log: _Log) -> None:
    """Labels of the current step."""
    step, words = log.steps[-1], text.split()
    if text.startswith("E_KohnSham") and len(words) == 3:
        log.last_energy = _number(words[2:], f"{log.source}: E_KohnSham")
    elif text.startswith("final etot is"):
        step.energy = _number(words[3:], f"{log.source}: final etot")
    elif NOT_CONVERGED.search(text):
        step.converged, step.energy = False, log.last_energy
    elif text.startswith("TOTAL-FORCE (eV/Angstrom)"):
        where = f"{log.source}: TOTAL-FORCE"
        names, step.forces = _atom_rows(stream, log.n_atoms, where)
        if names != log.names:
            raise DataError(f"{where} names different atoms than the coordinates")
    elif text.startswith("TOTAL-STRESS (KBAR)"):
        step.stress = KBAR * _rows(stream, 3, f"{log.source}: TOTAL-STRESS")


def _number(words: Sequence[str], where: str) -> float:
    """The first word."""
    if not words:
        raise DataError(f"{where} has no number", hint="the file may be truncated")
    return float(to_floats(words[:1], where)[0])


def _rows(stream: Iterator[str], n_rows: int, where: str) -> FloatArray:
    """Three numbers of each of the next rows, [n_rows, 3]."""
    words = [word for row in _next_rows(stream, n_rows, 3, where) for word in row[:3]]
    return to_floats(words, where).reshape(n_rows, 3)


def _atom_rows(stream: Iterator[str], n_atoms: int, where: str) -> tuple[list[str], FloatArray]:
    """Names of the atoms and three numbers of each, [n_atoms, 3]."""
    rows = _next_rows(stream, n_atoms, 4, where)
    numbers = to_floats([word for row in rows for word in row[1:4]], where)
    return [row[0] for row in rows], numbers.reshape(n_atoms, 3)


def _next_rows(stream: Iterator[str], n_rows: int, n_words: int, where: str) -> list[list[str]]:
    """Words of the next rows, below rules and column titles."""
    found: list[list[str]] = []
    for line in stream:
        words = line.split()
        is_title = not any(character.isdigit() for character in line)
        if is_title and not found:
            continue
        if len(words) < n_words:
            break
        found.append(words)
        if len(found) == n_rows:
            return found
    raise DataError(
        f"{where} has {len(found)} rows, expected {n_rows}", hint="the file may be truncated"
    )


def _read_coordinates(text: str, stream: Iterator[str], log: _Log) -> None:
    cartesian = CARTESIAN.match(text)
    where = f"{log.source}: coordinates"
    names, log.coordinates = _atom_rows(stream, log.n_atoms, where)
    log.names = [name.partition("_")[2] for name in names]
    log.unit_of_coordinates = Bohr * _number([cartesian[1]], where) if cartesian else None
    log.is_fresh = True


def _begin_step(log: _Log) -> None:
    if log.coordinates is None or log.cell is None:
        raise DataError(f"{log.source}: a calculation begins before structure and cell are printed")
    volume = abs(float(np.linalg.det(log.cell)))
    if log.volume is not None and abs(volume - log.volume) > SAME_VOLUME * log.volume:
        raise DataError(
            f"{log.source}: the cell has {volume:.6g} Å³, the file prints {log.volume:.6g}"
        )
    unit = log.unit_of_coordinates
    positions = log.coordinates @ log.cell if unit is None else unit * log.coordinates
    log.steps.append(_Step(positions if log.is_fresh else None, log.cell))
    log.is_fresh, log.last_energy = False, None


def _numbers(log: _Log) -> IntArray:
    if len(log.labels) != len(log.counts):
        raise DataError(f"{log.source}: {len(log.labels)} atom labels, {len(log.counts)} counts")
    symbols = [re.match(r"[A-Z][a-z]?", label) for label in log.labels]
    numbers = [
        atomic_number(symbol[0] if symbol else label, log.source)
        for symbol, label in zip(symbols, log.labels, strict=True)
    ]
    return np.repeat(np.array(numbers, dtype=np.int64), log.counts)


def _frames(log: _Log, options: ReadOptions, path: Path) -> list[Frame]:
    """The complete steps; reports how many are not, and why."""
    numbers = _numbers(log)
    known = [step for step in log.steps if step.positions is not None]
    if len(known) < len(log.steps):
        options.notice(
            f"{log.source}: {len(log.steps) - len(known)} of {len(log.steps)} steps are left out, "
            "the log does not print their structure (ABACUS writes it to MD_dump)"
        )
    if known and _is_cut(known):
        options.notice(f"{log.source}: the last step is not finished, left out")
        del known[-1]
    lost = [step for step in known if step.energy is None]
    if lost:
        raise DataError(f"{log.source}: {len(lost)} of {len(known)} steps print no energy")
    frames: list[Frame] = []
    for step in known:
        stress = step.stress
        virial = None if stress is None else stress * abs(np.linalg.det(step.cell))
        frames.append(
            Frame(
                numbers=numbers,
                positions=np.asarray(step.positions),
                cell=step.cell,
                energy=step.energy,
                forces=step.forces,
                virial=virial,
                source=options.source(path, len(frames)),
                converged=step.converged,
            )
        )
    return frames


def _is_cut(steps: Sequence[_Step]) -> bool:
    """Whether the last step lacks a label that the others have."""
    last, others = steps[-1], steps[:-1]
    lacks_forces = last.forces is None and any(step.forces is not None for step in others)
    lacks_stress = last.stress is None and any(step.stress is not None for step in others)
    return last.energy is None or lacks_forces or lacks_stress
