"""Output of ABINIT (*.abo, or the log): every dataset, every step of relaxation and MD, images.

Energies are in hartree: `etotal`, the free energy where states are smeared, which the forces
derive from. Stress (hartree/bohr³) has ASE's sign, so W = -stress · V. A step of relaxation or
MD ends with the block OUTPUT, which has its coordinates, forces, energy and, where it changes, its
cell; other calculations end with "... at end". A dataset of several steps repeats its last one
there.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from ase.units import Bohr, Hartree
from attrs import evolve

from nepforge.data.formats.abinit.datasets import AbinitStep, Dataset, add_frames, merge_end
from nepforge.data.formats.abinit.echo import Echo
from nepforge.data.formats.abinit.marks import MARKS
from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.lines import BlockError, Lines
from nepforge.data.formats.text.numbers import fixed, number
from nepforge.data.formats.text.steps import Steps, read_steps
from nepforge.data.frame import FloatArray, Frame

HINT = "expected the main output (.abo, .out) of a ground-state, relaxation or MD run"
ATOM = r"\s*\d+\s"
_VALUE = re.compile(r"[=:]\s*(\S+)")
_SIGMA = re.compile(r"\s*sigma\(\d \d\)=(?P<diagonal>.*)\s+sigma\(\d \d\)=(?P<other>.*)")
_PRIMITIVE = re.compile(r"\s*R\(\d\)=(?P<numbers>.*)G\(\d\)=")


def read_abinit(path: Path, options: ReadOptions) -> list[Frame]:
    """Every calculation whose structure, energy, forces and stress were printed in full."""
    return read_steps(path, options, MARKS, _Output, HINT)


class _Output:
    def __init__(self, lines: Lines, steps: Steps) -> None:
        self._lines, self._steps = lines, steps
        self._begin()

    def _begin(self) -> None:
        self._before, self._after = Echo(), Echo()
        self._datasets: list[Dataset] = []
        self._step: AbinitStep | None = None
        self._is_end = False  # the open step is the end of its dataset
        self._unconverged = False
        self._is_done = False

    def end(self) -> None:
        """The file has ended: close what is open, report what is missing."""
        self._finish()
        if not self._is_done:
            self._steps.say('has no "Calculation completed": its last step may be cut off')

    def _finish(self) -> None:
        """Make frames of all steps of a run, now that its final cells are known."""
        self._close()
        add_frames(self._datasets, self._before, self._after, self._steps, is_done=self._is_done)

    def _close(self) -> None:
        step, self._step = self._step, None
        if step is None or not self._datasets:
            return
        dataset, is_end, self._is_end = self._datasets[-1], self._is_end, False
        if step.energy is None and step.forces is None and (is_end or self._unconverged):
            return  # bands and responses only have structures
        if is_end and dataset.n_iterations > 0 and dataset.steps:
            merge_end(step, dataset.steps[-1], self._steps)
        else:
            dataset.steps.append(step)

    def read_run(self, _line: str) -> None:
        self._finish()
        self._begin()

    def read_done(self, _line: str) -> None:
        self._is_done = True

    def read_echo_before(self, _line: str) -> None:
        self._before.read(self._lines)

    def read_echo_after(self, _line: str) -> None:
        self._close()
        self._after.read(self._lines)

    def read_dataset(self, line: str) -> None:
        self._close()
        self._unconverged = False
        index = re.search(r"\d+", line)
        assert index is not None
        self._datasets.append(Dataset(int(index[0])))

    def read_end_of_datasets(self, _line: str) -> None:
        self._close()

    def read_iteration(self, _line: str) -> None:
        self._close()
        self._open()
        if self._datasets:
            self._datasets[-1].n_iterations += 1

    def read_end(self, _line: str) -> None:
        self._close()
        self._open()
        self._is_end = True

    def _open(self) -> None:
        if not self._datasets:
            self._datasets.append(Dataset(1))
        dataset = self._datasets[-1]
        self._step = AbinitStep(
            self._lines.number,
            converged=not self._unconverged,
            first_cell=dataset.cell,
            first_volume=dataset.volume,
        )
        self._unconverged = False

    def read_scf(self, _line: str) -> None:
        if self._is_end:
            self._close()  # the next image of a path
        if self._datasets:
            self._datasets[-1].scf_lines.append(self._lines.number)

    def read_response(self, _line: str) -> None:
        if self._datasets:
            self._datasets[-1].is_response = True

    def read_unconverged(self, _line: str) -> None:
        if self._step is None or self._is_end:
            self._unconverged = True
        else:
            self._step.converged = False

    def read_cell(self, _line: str) -> None:
        if self._is_end:
            self._close()
        if not self._datasets:
            return

        def row(line: str) -> FloatArray | None:
            match = _PRIMITIVE.match(line)
            return None if match is None else fixed(match["numbers"], 3)

        try:
            self._datasets[-1].cell = Bohr * np.stack(self._lines.block("cell", 3, row, 0))
        except BlockError:
            self._datasets[-1].cell = None

    def read_ucvol(self, line: str) -> None:
        match = _VALUE.search(line)
        value = None if match is None else number(match[1])
        volume = None if value is None else value * Bohr**3
        if self._step is not None:
            self._step.structure = evolve(self._step.structure, volume=volume)
        elif self._datasets:
            self._datasets[-1].volume = volume

    def _n_atoms(self) -> int:
        return self._before.number("natom", self._datasets[-1].index, 0) if self._datasets else 0

    def _rows(self, name: str, n_rows: int, label: str = r"\s*") -> FloatArray | None:
        """Rows of a label and three numbers, for the open step."""
        step = self._step
        if step is None:
            return None

        def row(line: str) -> FloatArray | None:
            match = re.match(label, line, re.ASCII)
            return None if match is None else fixed(line[match.end() :], 3)

        try:
            rows = self._lines.block(name, n_rows, row, 0)
        except BlockError as error:
            step.problems.append(str(error))
            return None
        return np.stack(rows) if rows else None

    def read_xcart(self, _line: str) -> None:
        rows = self._rows("coordinates", self._n_atoms())
        if self._step is not None and rows is not None:
            self._step.structure = evolve(self._step.structure, positions=Bohr * rows)

    def read_coordinates_at_end(self, _line: str) -> None:
        rows = self._rows("coordinates", self._n_atoms(), ATOM)
        if self._step is not None and rows is not None:
            self._step.structure = evolve(self._step.structure, positions=rows)

    def read_xred(self, _line: str) -> None:
        rows = self._rows("reduced coordinates", self._n_atoms())
        if self._step is not None:
            self._step.fractions = rows

    def read_fcart(self, _line: str) -> None:
        rows = self._rows("forces", self._n_atoms())
        if self._step is not None and rows is not None:
            self._step.forces = Hartree / Bohr * rows

    def read_forces_at_end(self, line: str) -> None:
        """Printed in one unit, then in the other with fewer digits."""
        rows = self._rows("forces", self._n_atoms(), ATOM)
        if self._step is not None and rows is not None and self._step.forces is None:
            self._step.forces = (Hartree / Bohr if "hartree" in line else 1.0) * rows

    def read_rprimd(self, _line: str) -> None:
        rows = self._rows("cell", 3)
        if self._step is not None and rows is not None:
            self._step.structure = evolve(self._step.structure, cell=Bohr * rows)

    def read_etotal(self, line: str) -> None:
        step, match = self._step, _VALUE.search(line)
        energy = None if match is None else number(match[1])
        if step is not None and energy is not None:
            step.energy = Hartree * energy

    def read_energy_at_end(self, line: str) -> None:
        if self._is_end:
            self.read_etotal(line)

    def _set_stress(self, stress: FloatArray | None) -> None:
        if self._step is not None and stress is not None:
            self._step.pressure = -Hartree / Bohr**3 * stress

    def read_strten(self, _line: str) -> None:
        self._set_stress(self._rows("stress", 3))

    def read_yaml_stress(self, _line: str) -> None:
        step = self._step
        if step is None or step.pressure is not None:
            return

        def row(line: str) -> FloatArray | None:
            return fixed(re.sub(r"^- \[|, *\]\s*$|,", " ", line), 3)

        try:
            self._set_stress(np.stack(self._lines.block("stress", 3, row, 0)))
        except BlockError as error:
            step.problems.append(str(error))

    def read_sigma(self, _line: str) -> None:
        """Rows 11 and 32, 22 and 31, 33 and 21."""
        step = self._step
        if step is None:
            return

        def row(line: str) -> FloatArray | None:
            match = _SIGMA.match(line)
            return None if match is None else fixed(f"{match['diagonal']} {match['other']}", 2)

        try:
            (xx, yz), (yy, xz), (zz, xy) = self._lines.block("stress", 3, row, 0)
        except BlockError as error:
            step.problems.append(str(error))
            return
        self._set_stress(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
