"""Output of Quantum ESPRESSO's pw.x, 4.x to 7.x: scf, relax, vc-relax, md, vc-md; many runs.

Energies are in Ry, forces in Ry/bohr, stresses in Ry/bohr³ and positive in compression, so
W = +stress · V. The energy is the last of the lines `!` (or `!!`, with hybrid functionals) of a
step: the free energy F where states are smeared, dispersion included, which the forces derive
from. The structure is printed before its energy.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase.units import Bohr, Rydberg
from attrs import define, evolve, field

from nepforge.data.formats.espresso.blocks import (
    Labelled,
    axis_rows,
    cell_rows,
    cell_unit,
    force_rows,
    position_rows,
    position_unit,
    site_rows,
    species_rows,
    stress_rows,
)
from nepforge.data.formats.espresso.marks import MARKS
from nepforge.data.formats.espresso.species import element
from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.lines import BlockError, Lines
from nepforge.data.formats.text.numbers import number
from nepforge.data.formats.text.steps import Step, Steps, Structure, read_steps
from nepforge.data.frame import FloatArray, Frame

HINT = "expected the output of a pw.x run: scf, relax, vc-relax, md or vc-md"
CONVERGED = 1.05  # the estimated accuracy is printed with two digits
LAST_DIGIT = 0.5e-8  # Ry, for an accuracy printed with fixed decimals
_VALUE = re.compile(r"[=<:]\s*(\S+)")


def read_espresso(path: Path, options: ReadOptions) -> list[Frame]:
    """Every step whose structure, energy, forces and stress were printed in full."""
    return read_steps(path, options, MARKS, _Output, HINT)


@define
class _Scf(Step):
    """A step, with what its electronic iterations print."""

    trial_energy: float | None = None
    accuracy: float | None = None  # Ry
    settled: bool = False


@define
class _Run:
    """The head of a run."""

    alat: float | None = None  # Å
    n_atoms: int = 0
    species: dict[str, int] = field(factory=dict)  # label -> atomic number, in order of types
    threshold: float | None = None  # Ry
    hybrid: bool = False  # the electronic steps are repeated, with better exchange each time
    in_field: bool = False

    def scale(self, unit: str) -> float | None:
        """The unit of a block in Å, alat by default; None if it is unknown."""
        return {"alat": self.alat, "": self.alat, "bohr": Bohr, "angstrom": 1.0}.get(unit)


class _Output:
    def __init__(self, lines: Lines, steps: Steps) -> None:
        self._lines, self._steps = lines, steps
        self._run = _Run()
        self._structure = Structure()
        self._new_volume: float | None = None  # Å³, of the cell that follows
        self._step: _Scf | None = None
        self._is_done = False

    def end(self) -> None:
        """The file has ended: close what is open, report what is missing."""
        self._close(is_end=True)
        if not self._is_done:
            self._steps.say('has no "JOB DONE.": what its last step lacks may be cut off')

    def _here(self) -> _Scf:
        if self._step is None:
            self._step = _Scf(self._lines.number)
        return self._step

    def _close(self, *, is_end: bool = False) -> None:
        step, self._step = self._step, None
        if step is None:
            return
        if self._new_volume is not None:  # a cell should have followed
            self._structure = evolve(self._structure, volume=self._new_volume)
            self._new_volume = None
        is_cut = is_end and not self._is_done
        if step.energy is None and not step.converged:
            step.energy = step.trial_energy  # such runs print no "!"
        elif is_cut and not step.settled and step.forces is None and not step.problems:
            step.problems.append("its electronic steps are cut short")
        if step.accuracy is not None and self._run.threshold is not None and not self._run.hybrid:
            limit = CONVERGED * self._run.threshold + LAST_DIGIT
            step.converged = step.converged and step.accuracy <= limit
        self._steps.close(step, self._structure, is_cut=is_cut)

    def _value(self, line: str) -> float | None:
        match = _VALUE.search(line)
        return None if match is None else number(match[1])

    def read_run(self, _line: str) -> None:
        self._close(is_end=True)
        self._steps.new_run()
        self._run, self._structure, self._new_volume = _Run(), Structure(), None
        self._is_done = False

    def read_alat(self, line: str) -> None:
        alat = self._value(line)
        self._run.alat = None if alat is None else alat * Bohr

    def read_celldm(self, line: str) -> None:
        exact = self._value(line)  # two digits more than "lattice parameter"
        alat = self._run.alat
        if exact and alat and abs(exact * Bohr - alat) < 1e-3 * alat:
            self._run.alat = exact * Bohr

    def read_n_atoms(self, line: str) -> None:
        self._run.n_atoms = max(0, int(self._value(line) or 0))

    def read_volume(self, line: str) -> None:
        self._close()
        volume = self._value(line)
        self._new_volume = None if volume is None else volume * Bohr**3

    def read_threshold(self, line: str) -> None:
        self._run.threshold = self._value(line)

    def read_field(self, line: str) -> None:
        if self._value(line) != 0.0:
            self.read_berry_field(line)

    def read_berry_field(self, _line: str) -> None:
        if not self._run.in_field:
            self._steps.say(
                "was calculated in an electric field, which acts on its forces "
                f"(line {self._lines.number})"
            )
        self._run.in_field = True

    def read_species(self, _line: str) -> None:
        self._run.species = species_rows(self._lines)

    def read_axes(self, _line: str) -> None:
        self._close()
        self._set_cell(axis_rows, self._run.alat)

    def read_cell(self, line: str) -> None:
        self._close()
        unit, alat = cell_unit(line)
        if alat is not None:
            self._run.alat = alat * Bohr
        self._set_cell(cell_rows, self._run.scale(unit))
        if unit in ("bohr", "angstrom"):
            self._compare_volume()

    def _compare_volume(self) -> None:
        """A cell in such units is trusted, whatever the line above it says."""
        problem = self._structure.volume_problem()
        if problem and self._structure.cell is not None:
            self._steps.say(f"line {self._lines.number}: {problem}; CELL_PARAMETERS is taken")
            self._structure = evolve(self._structure, volume=None)

    def _set_cell(self, rows: Callable[[Lines], FloatArray], scale: float | None) -> None:
        """Set the cell; the volume printed just before belongs to it."""
        volume, self._new_volume = self._new_volume, None
        self._structure = evolve(self._structure, cell=None, volume=volume)
        if self._run.n_atoms == 0:
            return  # the input is repeated above the output
        try:
            cell = rows(self._lines)
        except BlockError:
            return
        if scale is not None:
            self._structure = evolve(self._structure, cell=scale * cell)

    def read_sites(self, _line: str) -> None:
        self._close()
        self._set_positions(site_rows, self._run.alat)

    def read_positions(self, line: str) -> None:
        self._close()
        unit = position_unit(line)
        scale = self._structure.cell if unit == "crystal" else self._run.scale(unit)
        self._set_positions(position_rows, scale)

    def _set_positions(
        self, read_rows: Callable[[Lines, int], Labelled], scale: float | FloatArray | None
    ) -> None:
        self._structure = evolve(self._structure, numbers=None, positions=None)
        if self._run.n_atoms == 0:
            return
        try:
            rows = read_rows(self._lines, self._run.n_atoms)
        except BlockError:
            return
        where = self._lines.where
        numbers = np.array([self._number(label, where) for label, _ in rows], dtype=np.int64)
        if scale is not None:
            values = np.stack([row for _, row in rows])
            positions = values @ scale if isinstance(scale, np.ndarray) else scale * values
            self._structure = evolve(self._structure, numbers=numbers, positions=positions)

    def _number(self, label: str, where: str) -> int:
        known = self._run.species.get(label)
        return element(label, "", where) if known is None else known

    def read_energy(self, line: str) -> None:
        if self._step is not None and self._step.forces is not None:
            self._close()
            self._structure = evolve(self._structure, positions=None)
        step = self._here()
        step.energy, step.settled = self._value(line), line.startswith("!!")
        if step.energy is None:
            step.problems.append("its energy is no number")
        else:
            step.energy *= Rydberg

    def read_trial_energy(self, line: str) -> None:
        if self._step is not None and self._step.forces is not None:
            self._close()
            self._structure = evolve(self._structure, positions=None)
        energy = self._value(line)
        self._here().trial_energy = None if energy is None else energy * Rydberg

    def read_accuracy(self, line: str) -> None:
        self._here().accuracy = self._value(line)

    def read_unconverged(self, _line: str) -> None:
        step = self._here()
        step.converged, step.settled = False, True

    def read_hybrid(self, _line: str) -> None:
        self._run.hybrid = True

    def read_settled(self, _line: str) -> None:
        if self._step is not None and not self._run.hybrid:
            self._step.settled = True

    def read_settled_hybrid(self, _line: str) -> None:
        if self._step is not None:
            self._step.settled = True

    def read_done(self, _line: str) -> None:
        self._is_done = True

    def read_zero_moment(self, _line: str) -> None:
        """The spin density vanished, so the same structure is calculated again."""
        if self._step is not None:
            self._steps.leave_out("the same structure is calculated again", self._step.line)
        self._step = None

    def read_final_scf(self, _line: str) -> None:
        """vc-relax ends with a separate calculation with the plane waves of the last cell."""
        self._close()

    def read_forces(self, line: str) -> None:
        step = self._here()
        if "Ry/au" not in line:
            step.problems.append(f'its forces have the unit of "{line.strip()}", expected Ry/au')
            return
        try:
            rows = force_rows(self._lines, self._run.n_atoms)
        except BlockError as error:
            step.problems.append(str(error))
            return
        types = [kind for kind, _ in rows]
        if not self._are_types(types):
            step.problems.append("its forces are of other species than its positions")
        elif rows:
            step.forces = Rydberg / Bohr * np.stack([values for _, values in rows])

    def _are_types(self, types: list[int]) -> bool:
        """Whether the species of the forces, counted from 1, are those of the positions."""
        numbers, known = self._structure.numbers, list(self._run.species.values())
        if numbers is None or not known:
            return not known
        if not all(1 <= kind <= len(known) for kind in types):
            return False
        found = [known[kind - 1] for kind in types]
        return bool(found == numbers.tolist())

    def read_stress(self, line: str) -> None:
        step = self._here()
        if not re.search(r"\(ryd?/bohr\*\*3\)", line, re.IGNORECASE):
            step.problems.append(f'its stress has the unit of "{line.strip()}", expected Ry/bohr³')
            return
        try:
            rows = stress_rows(self._lines)
        except BlockError as error:
            step.problems.append(str(error))
            return
        step.pressure = Rydberg / Bohr**3 * rows
