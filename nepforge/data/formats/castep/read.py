"""Output of CASTEP (*.castep): energies, geometry optimisation, MD, transition searches; many runs.

The energy is the one that the forces derive from: the free energy E-TS where states are smeared,
with the dispersion correction where there is one. The finite basis set correction, which is the
same for all positions of the atoms and printed for the first structure alone, is in no energy.
Units are those that the output names; stress has ASE's sign, so W = -stress · V. The structure is
printed before its energy, in transition searches after it.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from attrs import evolve

from nepforge.data.formats.castep.blocks import (
    Rows,
    force_rows,
    position_rows,
    stress_rows,
    unit_below,
)
from nepforge.data.formats.castep.step import CastepStep
from nepforge.data.formats.castep.units import ENERGIES, LENGTHS, PRESSURES, factor
from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.lines import BlockError, Lines
from nepforge.data.formats.text.marks import marks
from nepforge.data.formats.text.numbers import fixed, number
from nepforge.data.formats.text.steps import Steps, Structure, read_steps
from nepforge.data.frame import FloatArray, Frame
from nepforge.errors import DataError
from nepforge.units import EV_PER_A3_IN_GPA

HINT = "expected the .castep file of an energy, a geometry optimisation, MD or transition search"
SAME_PLACE = 1.5e-6  # fractions with six decimals, cells in Å with seven
SAME_FORCE = 0.02  # eV/Å, of forces before and after they are symmetrised
SAME_ENERGY = 2.0e-5  # eV, of the energy repeated on the path of a transition search
_MARKS = marks(
    run=r"\|.*CASTEP version|Run started:",
    done=r"Total time\s*=",
    dispersion=r"DFT\+D: Semi-empirical dispersion correction\s*: on",
    end_of_md=r"Finished MD\b",
    cell=r"Real Lattice\s*\(",
    volume=r"Current cell volume\s*=",
    n_atoms=r"Total number of ions in cell\s*=",
    path_end=r"x\s+(?:Reactant|Product|Intermediate)\s+x\s*$",
    mixture=r"x\s+Mixture\b",
    positions=r"x\s+Element\s+Atom\s+Fractional coordinates of atoms",
    cutoffs=r"Calculating total energy with cut-off of",
    corrected=r"Total energy corrected for finite basis set",
    unconverged=r"(?i:\*?warning\W*)?max\. SCF cycles performed but system has not reached",
    free_energy=r"Final free energy \(E-TS\)\s*=",
    energy=r"Final energy(?:, E)?\s*=",
    dispersed_free_energy=r"Dispersion corrected final free energy",
    dispersed_energy=r"Dispersion corrected final energy",
    forces=r"\*+ ?[A-Za-z ]*Forces \*+",
    stress=r"\*+ ?[A-Za-z ]*Stress Tensor \*+",
    path_place=r"(?:Path coordinate|Location of [LQ]ST maximum)\s*:",
    path_energy=r"Energy(?: of [LQ]ST maximum| of transition state)?:",
    path_positions=r"Coordinates: Fractional components",
)
_VALUE = re.compile(r"[=:]\s*(?P<value>\S+)\s*(?P<unit>\S*)")
_CELL_UNIT = re.compile(r"Real Lattice\s*\((?P<unit>[^)]*)\)")


def read_castep(path: Path, options: ReadOptions) -> list[Frame]:
    """Every step whose structure, energy, forces and stress were printed in full."""
    return read_steps(path, options, _MARKS, _Output, HINT)


class _Output:
    def __init__(self, lines: Lines, steps: Steps) -> None:
        self._lines, self._steps = lines, steps
        self._constrained: list[int] = []
        self._stress_after_md = 0
        self._has_correction = False
        self._without_dispersion = 0
        self._begin()

    def _begin(self) -> None:
        """A run knows nothing of the one before."""
        self._structure = Structure()
        self._fractions: FloatArray | None = None
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
        """The file has ended: close what is open, say what is missing."""
        self._close(is_end=True)
        self._say()

    def _say(self) -> None:
        if not self._is_done:
            self._steps.say('has no "Total time": what its last step lacks may be cut off')
        if self._constrained:
            self._steps.say(
                f"the forces of {len(self._constrained)} steps are left out, since they are "
                f"constrained and no derivatives of the energy (line {self._constrained[0]})"
            )
        if self._stress_after_md:
            self._steps.say(
                f"the stress at line {self._stress_after_md} is left out: after the last step of "
                "MD some versions print it with the other sign"
            )
        if self._without_dispersion:
            self._steps.say(
                "has a dispersion correction that is on, and energies without a dispersion "
                f"corrected one beside them (line {self._without_dispersion})"
            )
        cells = {frame.cell.tobytes() for frame in self._steps.frames}
        if self._has_correction and len(cells) > 1:
            self._steps.say(
                "energies are those without the finite basis set correction, which is printed "
                "for the first cell alone; the stress contains it"
            )

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
            self._without_dispersion = step.line
        if step.awaits:
            step.problems.append(f"the output ends before its {step.awaits}")
        step.energy = step.choose_energy()
        if step.is_constrained and not step.has_free_forces:
            step.forces = None
            self._constrained.append(step.line)
        self._steps.close(step, self._structure, is_cut=is_cut)

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
            self._change(None, self._fractions)
            return
        self._change(scale * np.stack(rows)[:, :3], self._fractions)

    def read_volume(self, line: str) -> None:
        match = _VALUE.search(line)
        if match is not None and match["unit"].lower() in ("a**3", "ang**3"):
            self._structure = evolve(self._structure, volume=number(match["value"]))

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
        self._change(self._structure.cell, rows)

    def _fraction_rows(self, n_titles: int) -> FloatArray | None:
        """Fractional positions; sets the elements."""
        try:
            rows = position_rows(self._lines, self._n_atoms, n_titles)
        except BlockError:
            return None
        if rows is None:
            return None
        numbers = np.array(rows.elements(self._where()), dtype=np.int64)
        self._structure = evolve(self._structure, numbers=numbers)
        return rows.values

    def _change(self, cell: FloatArray | None, fractions: FloatArray | None) -> None:
        """Another structure; the same one printed again changes nothing."""
        if _same(cell, self._structure.cell) and _same(fractions, self._fractions):
            self._is_again = True
            return
        self._close()
        self._is_cutoff_series = False
        volume = self._structure.volume if _same(cell, self._structure.cell) else None
        self._fractions = fractions
        positions = None if cell is None or fractions is None else fractions @ cell
        self._structure = evolve(self._structure, cell=cell, volume=volume, positions=positions)

    def read_cutoffs(self, _line: str) -> None:
        self._is_cutoff_series = True

    def read_corrected(self, _line: str) -> None:
        self._has_correction = True
        self._is_cutoff_series = False
        self._here().awaits = ""

    def read_unconverged(self, _line: str) -> None:
        self._unconverged = True

    def read_energy(self, line: str) -> None:
        """A new step, unless it is the same structure with the next cutoff energy."""
        energy = self._energy(line)
        if self._step is not None and self._is_cutoff_series and self._step.forces is None:
            self._step = None
        elif self._step is not None:
            self._close()
            if not self._is_again:
                self._fractions = None
                self._structure = evolve(self._structure, positions=None)
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
        """Any of several blocks of forces; constrained ones are not taken."""
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
        step, numbers = self._here(), self._structure.numbers
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
        """The first of a step: it may be printed again, symmetrised."""
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
            self._stress_after_md = self._lines.number
        elif step.pressure is None:
            step.pressure = -scale / EV_PER_A3_IN_GPA * rows

    def read_path_place(self, line: str) -> None:
        """A maximum lies where the last energy was calculated, or its energy is another one."""
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
        """A structure on a path, whose energy was printed before, with its forces."""
        line = self._lines.number
        fractions, unit = self._fraction_rows(4), unit_below(self._lines)
        step = self._step
        if step is None or step.path_energy is None or step.forces is not None or unit is None:
            self._steps.leave_out("its energy is not the last that was calculated", line)
            return
        rows = self._force_rows()
        if rows is not None:
            step.forces = factor(unit, self._where(), ENERGIES, LENGTHS) * rows.values
        cell = self._structure.cell
        positions = None if fractions is None or cell is None else fractions @ cell
        self._structure = evolve(self._structure, positions=positions)
        self._fractions = fractions

    def _where(self) -> str:
        return self._steps.where(self._lines.number)


def _same(values: FloatArray | None, others: FloatArray | None) -> bool:
    if values is None or others is None or values.shape != others.shape:
        return False
    return bool(np.abs(values - others).max() < SAME_PLACE)
