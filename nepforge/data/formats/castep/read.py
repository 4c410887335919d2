"""Output of CASTEP (*.castep): energies, geometry optimisation, MD, transition searches; many runs.

The energy is the one that the forces derive from: the free energy E-TS where states are smeared,
with the dispersion correction where there is one. The finite basis set correction, which is the
same for all positions of the atoms and printed only for the first structure, is not included.
Units are those named in the output; stress has ASE's sign, so W = -stress · V. The structure is
printed before its energy, but after it in transition searches.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from nepforge.data.formats.castep.blocks import (
    Rows,
    force_rows,
    position_rows,
    stress_rows,
    unit_below,
)
from nepforge.data.formats.castep.marks import MARKS
from nepforge.data.formats.castep.printed import Printed
from nepforge.data.formats.castep.remarks import Remarks
from nepforge.data.formats.castep.step import CastepStep
from nepforge.data.formats.castep.units import ENERGIES, LENGTHS, PRESSURES, factor
from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.lines import BlockError, Lines
from nepforge.data.formats.text.numbers import fixed, number
from nepforge.data.formats.text.steps import Steps, read_steps
from nepforge.data.frame import FloatArray, Frame
from nepforge.errors import DataError
from nepforge.units import EV_PER_A3_IN_GPA

HINT = "expected the .castep file of an energy, a geometry optimisation, MD or transition search"
SAME_FORCE = 0.02  # eV/Å, of forces before and after they are symmetrised
SAME_ENERGY = 2.0e-5  # eV, of the energy repeated on the path of a transition search
_VALUE = re.compile(r"[=:]\s*(?P<value>\S+)\s*(?P<unit>\S*)")
_CELL_UNIT = re.compile(r"Real Lattice\s*\((?P<unit>[^)]*)\)")


def read_castep(path: Path, options: ReadOptions) -> list[Frame]:
    """Every step whose structure, energy, forces and stress were printed in full."""
    return read_steps(path, options, MARKS, _Output, HINT)


class _Output:
    def __init__(self, lines: Lines, steps: Steps) -> None:
        self._lines, self._steps = lines, steps
        self._remarks = Remarks()
        self._begin()

    def _begin(self) -> None:
        """Forget the previous run."""
        self._printed = Printed()
        self._n_atoms = 0
        self._step: CastepStep | None = None
        self._is_again = False  # the structure was printed a second time
        self._is_path_end = False  # the table of atoms that follows is one end of a path
        self._place = ""  # on the path
        self._is_cutoff_series = False
        self._unconverged = False
        self._has_dispersion = False
        self._is_after_md = False
        self._is_done = False

    def end(self) -> None:
        """The file has ended: close what is open, report what is missing."""
        self._close(is_end=True)
        self._remarks.say(self._steps, is_done=self._is_done)

    def _here(self) -> CastepStep:
        if self._step is None:
            self._step = CastepStep(self._lines.number)
        return self._step

    def _close(self, *, is_end: bool = False) -> None:
        step, self._step = self._step, None
        if step is None:
            return
        is_cut = is_end and not self._is_done
        if is_cut and self._lacks_dispersion(step):
            step.awaits = step.awaits or "dispersion corrected energy"
        elif self._lacks_dispersion(step):
            self._remarks.without_dispersion = step.line
        if step.awaits:
            step.problems.append(f"the output ends before its {step.awaits}")
        step.energy = step.choose_energy()
        if step.is_constrained and not step.has_free_forces:
            step.forces = None
            self._remarks.constrained.append(step.line)
        self._steps.close(step, self._printed.structure, is_cut=is_cut)

    def _lacks_dispersion(self, step: CastepStep) -> bool:
        return self._has_dispersion and step.dispersed is None

    def read_run(self, _line: str) -> None:
        self._close(is_end=True)
        self._steps.new_run()
        self._begin()

    def read_done(self, _line: str) -> None:
        self._is_done = True

    def read_dispersion(self, _line: str) -> None:
        self._has_dispersion = True

    def read_end_of_md(self, _line: str) -> None:
        self._is_after_md = True

    def read_n_atoms(self, line: str) -> None:
        match = _VALUE.search(line)
        self._n_atoms = int((match and number(match["value"])) or 0)

    def read_cell(self, line: str) -> None:
        match = _CELL_UNIT.search(line)
        scale = factor("" if match is None else match["unit"], self._where(), LENGTHS)
        try:
            rows = self._lines.block("cell", 3, lambda line: fixed(line, 6), 0)
        except BlockError:
            self._change(None, self._printed.fractions)
            return
        self._change(scale * np.stack(rows)[:, :3], self._printed.fractions)

    def read_volume(self, line: str) -> None:
        match = _VALUE.search(line)
        if match is not None and match["unit"].lower() in ("a**3", "ang**3"):
            self._printed.set_volume(number(match["value"]))

    def read_path_end(self, _line: str) -> None:
        self._is_path_end = True

    def read_mixture(self, _line: str) -> None:
        raise DataError(
            f"{self._where()}: atoms are mixtures of elements, which no potential of "
            "nepforge describes"
        )

    def read_positions(self, _line: str) -> None:
        rows = self._fraction_rows(2)
        if self._is_path_end:
            self._is_path_end, rows = False, None
        self._change(self._printed.structure.cell, rows)

    def _fraction_rows(self, n_titles: int) -> FloatArray | None:
        """Fractional positions; sets the elements."""
        try:
            rows = position_rows(self._lines, self._n_atoms, n_titles)
        except BlockError:
            return None
        if rows is None:
            return None
        self._printed.set_elements(rows.elements(self._where()))
        return rows.values

    def _change(self, cell: FloatArray | None, fractions: FloatArray | None) -> None:
        """Take another structure; the same one printed again changes nothing."""
        if self._printed.is_same(cell, fractions):
            self._is_again = True
            return
        self._close()
        self._is_cutoff_series = False
        self._printed.change(cell, fractions)

    def read_cutoffs(self, _line: str) -> None:
        self._is_cutoff_series = True

    def read_corrected(self, _line: str) -> None:
        self._remarks.has_correction = True
        self._is_cutoff_series = False
        self._here().awaits = ""

    def read_unconverged(self, _line: str) -> None:
        self._unconverged = True

    def read_energy(self, line: str) -> None:
        """Begin a step, unless it is the same structure with the next cutoff energy."""
        energy = self._energy(line)
        if self._step is not None and self._is_cutoff_series and self._step.forces is None:
            self._step = None
        elif self._step is not None:
            self._close()
            if not self._is_again:
                self._printed.set_fractions(None)
        step = self._here()
        step.plain, step.converged = energy, not self._unconverged
        step.awaits = "energy with the last cut-off" if self._is_cutoff_series else ""
        if "energy, E" in line:
            step.awaits = "free energy"
        self._unconverged = self._is_again = self._is_after_md = False

    def read_free_energy(self, line: str) -> None:
        step = self._here()
        step.free = self._energy(line)
        step.awaits = "energy with the last cut-off" if self._is_cutoff_series else ""

    def read_dispersed_energy(self, line: str) -> None:
        step = self._here()
        step.dispersed = self._energy(line)
        if "energy*, Ecor" in line and step.free is not None:
            step.awaits = "dispersion corrected free energy"

    def read_dispersed_free_energy(self, line: str) -> None:
        step = self._here()
        step.dispersed_free = self._energy(line)
        step.awaits = ""

    def _energy(self, line: str) -> float | None:
        match = _VALUE.search(line)
        value = None if match is None else number(match["value"])
        if match is None or value is None:
            self._here().problems.append(f'its energy is "{line.strip()}"')
            return None
        return value * factor(match["unit"], self._where(), ENERGIES)

    def read_forces(self, line: str) -> None:
        """Read one of several blocks of forces; constrained ones are not taken."""
        step, unit = self._here(), unit_below(self._lines)
        rows = self._force_rows()
        if unit is None or rows is None:
            step.problems.append("its forces have no unit or are incomplete")
            return
        step.awaits = ""
        is_constrained = "Constrained" in line or rows.is_constrained
        step.is_constrained = step.is_constrained or is_constrained
        values = factor(unit, self._where(), ENERGIES, LENGTHS) * rows.values
        if "Unconstrained" in line:
            step.forces, step.has_free_forces = values, True
        elif step.forces is None:
            step.forces = values
        elif not is_constrained and not step.has_free_forces:
            self._compare(step.forces, values)

    def _compare(self, forces: FloatArray, again: FloatArray) -> None:
        largest = float(np.abs(forces - again).max())
        if largest > SAME_FORCE:
            self._here().problems.append(f"two blocks of its forces differ by {largest:.3f} eV/Å")

    def _force_rows(self) -> Rows | None:
        """Forces in the order of the positions."""
        step, numbers = self._here(), self._printed.structure.numbers
        try:
            rows = force_rows(self._lines, self._n_atoms)
        except BlockError as error:
            step.problems.append(str(error))
            return None
        if rows is None or numbers is None or rows.elements(self._where()) != numbers.tolist():
            step.problems.append("its forces are of other species than its positions")
            return None
        return rows

    def read_stress(self, _line: str) -> None:
        """Read the first stress of a step; it may be printed again, symmetrised."""
        step, unit = self._here(), unit_below(self._lines)
        try:
            rows = stress_rows(self._lines)
        except BlockError as error:
            step.problems.append(str(error))
            return
        if unit is None:
            step.problems.append("its stress has no unit")
            return
        scale = factor(unit, self._where(), PRESSURES)
        step.awaits = ""
        if self._is_after_md:
            self._remarks.stress_after_md = self._lines.number
        elif step.pressure is None:
            step.pressure = -scale / EV_PER_A3_IN_GPA * rows

    def read_path_place(self, line: str) -> None:
        """Drop the energy of a maximum that is not where the last energy was calculated."""
        match = _VALUE.search(line)
        place = "" if match is None else match["value"]
        if "Path" in line:
            self._place = place
        elif self._step is not None and place != self._place:
            self._step.path_energy = None

    def read_path_energy(self, line: str) -> None:
        step, match = self._step, _VALUE.search(line)
        value = None if match is None else number(match["value"])
        if step is None or match is None or value is None:
            return
        energy = value * ENERGIES.get(match["unit"].lower(), np.nan)
        agrees = any(abs(energy - known) < SAME_ENERGY for known in step.energies())
        step.path_energy = energy if agrees else None

    def read_path_positions(self, _line: str) -> None:
        """Read a structure on a path with its forces; its energy was printed before."""
        line = self._lines.number
        fractions, unit = self._fraction_rows(4), unit_below(self._lines)
        step = self._step
        if step is None or step.path_energy is None or step.forces is not None or unit is None:
            self._steps.leave_out("its energy is not the last that was calculated", line)
            return
        rows = self._force_rows()
        if rows is not None:
            step.forces = factor(unit, self._where(), ENERGIES, LENGTHS) * rows.values
        self._printed.set_fractions(fractions)

    def _where(self) -> str:
        return self._steps.where(self._lines.number)
