"""Output of CP2K: the structures of a file that are printed with their energy.

Energies are in hartree, forces in hartree/bohr; the printed stress is positive in compression,
so W = +stress · V. Three generations of CP2K print these blocks under different titles. Dynamics
and optimizations print only their first structure, the others go into separate files: what comes
after the first energy is left out with a notice. The forces derive from
`ENERGY| Total FORCE_EVAL`, which contains the entropy of smeared electrons.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from attrs import define, field

from nepforge.data.formats.cp2k.blocks import (
    AtomCount,
    Atoms,
    CellVector,
    Converged,
    Energy,
    Forces,
    Item,
    Periodicity,
    RunBegins,
    Stress,
    items,
)
from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.lines import Lines
from nepforge.data.formats.text.words import atomic_number, open_text
from nepforge.data.frame import FloatArray, Frame
from nepforge.errors import DataError
from nepforge.units import EV_PER_A3_IN_GPA

COMPOSED = {"MIXED", "EMBED", "QMMM"}  # energies of several force evaluations, each with its atoms


def read_cp2k(path: Path, options: ReadOptions) -> list[Frame]:
    """Every energy with coordinates, and the forces and stress printed with it.

    Raises:
        DataError: No energy has coordinates, rows are missing in the middle of the file, or the
            energy is composed of several force evaluations.
    """
    run = _Reading(options.label or path.name)
    with open_text(path) as stream:
        for item in items(Lines(stream, run.name)):
            run.take(item)
    left_out = run.end()
    if not run.frames:
        raise DataError(
            f"{run.name}: holds no energy with coordinates; left out: {'; '.join(left_out)}",
            hint="output of CP2K dynamics has its coordinates in *-pos-*.xyz: convert these with "
            "their forces and cells to extended XYZ",
        )
    for text in left_out:
        options.notice(f"{run.name}: left out {text}")
    return run.frames


@define
class _Point:
    """One structure and its labels while they are read."""

    atoms: Atoms
    cell: FloatArray | None  # [3, 3] Å
    pbc: tuple[bool, bool, bool]
    n_atoms: int  # as printed before, 0 if not printed
    energy: float | None = None  # eV
    forces: FloatArray | None = None  # [n_atoms, 3] eV/Å
    stress_gpa: FloatArray | None = None  # [3, 3]
    converged: bool = True

    def frame(self, source: str) -> Frame:
        n_rows = len(self.atoms.symbols)
        if self.n_atoms not in (0, n_rows):
            raise DataError(
                f"{source}: has coordinates of {n_rows} atoms, expected {self.n_atoms}",
                hint="rows are missing, or the atoms are those of a subsystem",
            )
        if self.cell is None:
            raise DataError(f"{source}: has no cell vectors (CELL| Vector a)")
        volume = abs(np.linalg.det(self.cell))
        return Frame(
            numbers=np.array([atomic_number(s, source) for s in self.atoms.symbols], np.int64),
            positions=self.atoms.positions,
            cell=self.cell,
            pbc=self.pbc,
            energy=self.energy,
            forces=self.forces,
            virial=None if self.stress_gpa is None else self.stress_gpa / EV_PER_A3_IN_GPA * volume,
            source=source,
            converged=self.converged,
        )


@define
class _Reading:
    """The runs of a file while they are read."""

    name: str
    frames: list[Frame] = field(factory=list)
    vectors: dict[str, FloatArray] = field(factory=dict)  # of the cell, "a" -> Å
    periodicity: Periodicity = field(factory=Periodicity)
    n_atoms: int = 0
    evaluation: str = ""  # the kind of FORCE_EVAL, "QS"
    point: _Point | None = None
    converged: bool = True  # whether the last electronic steps converged
    n_bare: int = 0  # energies without coordinates
    cuts: list[str] = field(factory=list)  # how runs ended prematurely
    fault: DataError | None = None  # of a truncated end of a run

    def take(self, item: Item) -> None:
        """Process one item."""
        if isinstance(item, RunBegins):
            self._end_run()
            return
        match item:
            case DataError():
                self.fault = item
            case CellVector():
                self.vectors[item.name] = item.vector
            case Periodicity():
                self.periodicity = self.periodicity.with_(item)
            case AtomCount():
                self.n_atoms = item.value
            case Atoms():
                self._end_point()
                self.point = _Point(item, self._cell(), self.periodicity.pbc, self.n_atoms)
                self.converged = True
            case Converged():
                self.converged = item.yes
            case Energy():
                self._take_energy(item)
            case Forces() if self.point is not None:
                self._take_forces(item, self.point)
            case Stress() if self.point is not None:
                _once(self.point.stress_gpa is None, "a stress", item.where)
                self.point.stress_gpa = item.gpa

    def end(self) -> list[str]:
        """What is left out of the file, as phrases."""
        self._end_run()
        bare = f"{self.n_bare} energies without coordinates (CP2K writes them to *-pos-*.xyz)"
        return ([bare] if self.n_bare else []) + self.cuts

    def _end_run(self) -> None:
        if self.fault is not None:
            self.cuts.append(f"the end of a run, which is cut ({self.fault.message})")
        elif self.point is not None and self.point.energy is None:
            self.cuts.append("the end of a run, which has no energy")
        else:
            self._end_point()
        self.point, self.fault, self.evaluation = None, None, ""
        self.vectors, self.periodicity, self.n_atoms = {}, Periodicity(), 0

    def _end_point(self) -> None:
        point, self.point = self.point, None
        if point is not None and point.energy is not None:
            self.frames.append(point.frame(f"{self.name}:{len(self.frames)}"))

    def _cell(self) -> FloatArray | None:
        if sorted(self.vectors) != ["a", "b", "c"]:
            return None
        return np.stack([self.vectors[name] for name in "abc"])

    def _take_energy(self, item: Energy) -> None:
        """The first energy after coordinates is theirs, others are of later structures."""
        if item.evaluation in COMPOSED or self.evaluation not in ("", item.evaluation):
            raise DataError(
                f"{item.where}: the energy is composed of several force evaluations "
                f"({', '.join(filter(None, (self.evaluation, item.evaluation)))})",
                hint="its atoms cannot be told from those of the parts; convert them yourself",
            )
        self.evaluation = item.evaluation
        if self.point is not None and self.point.energy is None:
            self.point.energy, self.point.converged = item.value, self.converged
        else:
            self._end_point()
            self.n_bare += 1
        self.converged = True

    def _take_forces(self, item: Forces, point: _Point) -> None:
        _once(point.forces is None, "forces", item.where)
        n_atoms = len(point.atoms.symbols)
        if len(item.values) != n_atoms:
            wrong = DataError(
                f"{item.where}: has {len(item.values)} forces for {n_atoms} atoms",
                hint="the file is damaged, or its atoms are those of a subsystem",
            )
            if not item.is_last:
                raise wrong
            self.fault = wrong
        point.forces = item.values


def _once(is_first: bool, name: str, where: str) -> None:
    if not is_first:
        raise DataError(f"{where}: a second time {name} for one energy")
