"""Output of ABINIT (*.abo, or the log): every dataset, every step of relaxation and MD, images.

Energies are hartree: `etotal`, which is the free energy where states are smeared, as the forces
derive from it. Stress (hartree/bohr³) has ASE's sign, so W = -stress · V. A step of relaxation or
MD ends with the block OUTPUT, which has its coordinates, forces, energy and, where it changes, its
cell; other calculations end with "... at end". A dataset of several steps repeats its last one
there.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from ase.units import Bohr, Hartree
from attrs import define, evolve, field

from nepforge.data.formats.abinit.echo import Echo
from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.lines import BlockError, Lines
from nepforge.data.formats.text.marks import marks
from nepforge.data.formats.text.numbers import fixed, number
from nepforge.data.formats.text.steps import Step, Steps, Structure, read_steps
from nepforge.data.frame import FloatArray, Frame

HINT = "expected the main output (.abo, .out) of a ground-state, relaxation or MD run"
SAME_PLACE = 1.0e-3  # Å, of positions printed twice
SAME_ENERGY = 1.0e-5  # eV
FIELDS = (4, 6, 7, 14, 16, 17)  # of berryopt: a fixed electric or displacement field
_MARKS = marks(
    run=r"\.Version\s+\S+\s+of ABINIT",
    done=r"Calculation completed",
    echo_before=r"-* *outvars: echo values of preprocessed input variables",
    echo_after=r"-* *outvars: echo values of variables after computation",
    dataset=r"== DATASET\s+\d+",
    end_of_datasets=r"== END DATASET",
    cell=r"Real\(R\)\+Recip\(G\) space primitive vectors",
    iteration=r"--- Iteration:",
    end=r"-*iterations are completed or convergence reached",
    scf=r"ETOT\s+1\s",
    response=r"iter\s+2DEtotal",
    unconverged=r"nstep=\s*\d+\s+was not enough SCF cycles to converge",
    xcart=r"Cartesian coordinates \(xcart\) \[bohr\]",
    xred=r"Reduced coordinates \(xred\)\s*$|reduced coordinates \(array xred\)",
    fcart=r"Cartesian forces \(fcart\) \[Ha/bohr\]",
    rprimd=r"Real space primitive translations \(rprimd\) \[bohr\]",
    ucvol=r"(?:Unitary Cell Volume|Unit cell volume) ",
    strten=r"Stress tensor in cartesian coordinates \(strten\) \[Ha/bohr\^3\]",
    etotal=r"Total energy \(etotal\) \[Ha\]\s*=",
    coordinates_at_end=r"cartesian coordinates \(angstrom\) at end:",
    forces_at_end=r"cartesian forces \((?:hartree/bohr|eV/Angstrom)\) at end:",
    energy_at_end=r">>>>>>>>> Etotal=|total_energy\s*:",
    sigma=r"Cartesian components of stress tensor \(hartree/bohr\^3\)",
    yaml_stress=r"cartesian_stress_tensor: # hartree/bohr\^3",
)
ATOM = r"\s*\d+\s"
_VALUE = re.compile(r"[=:]\s*(\S+)")
_SIGMA = re.compile(r"\s*sigma\(\d \d\)=(?P<diagonal>.*)\s+sigma\(\d \d\)=(?P<other>.*)")
_PRIMITIVE = re.compile(r"\s*R\(\d\)=(?P<numbers>.*)G\(\d\)=")


def read_abinit(path: Path, options: ReadOptions) -> list[Frame]:
    """Every calculation whose structure, energy, forces and stress were printed in full."""
    return read_steps(path, options, _MARKS, _Output, HINT)


@define
class _Step(Step):
    """A step with its own structure, and its positions as fractions to check the cell with."""

    structure: Structure = field(factory=Structure)
    fractions: FloatArray | None = None
    first_cell: FloatArray | None = None  # Å, at the beginning of its dataset or image
    first_volume: float | None = None  # Å³


@define
class _Dataset:
    index: int
    cell: FloatArray | None = None  # Å, at its beginning
    volume: float | None = None  # Å³
    n_iterations: int = 0
    scf_lines: list[int] = field(factory=list)  # where electronic steps begin
    is_response: bool = False
    steps: list[_Step] = field(factory=list)


class _Output:
    def __init__(self, lines: Lines, steps: Steps) -> None:
        self._lines, self._steps = lines, steps
        self._begin()

    def _begin(self) -> None:
        self._before, self._after = Echo(), Echo()
        self._datasets: list[_Dataset] = []
        self._step: _Step | None = None
        self._is_end = False  # the open step is the end of its dataset
        self._unconverged = False
        self._is_done = False

    def end(self) -> None:
        """The file has ended: close what is open, say what is missing."""
        self._finish()
        if not self._is_done:
            self._steps.say('has no "Calculation completed": its last step may be cut off')

    def _finish(self) -> None:
        """All steps of a run become frames, now that the list of its final cells is known."""
        self._close()
        self._steps.new_run()
        for dataset in self._datasets:
            for step in dataset.steps:
                structure = self._complete(step, dataset)
                is_last = dataset is self._datasets[-1] and step is dataset.steps[-1]
                self._steps.close(step, structure, is_cut=is_last and not self._is_done)
            self._count(dataset)
            if self._before.number("berryopt", dataset.index, 0) in FIELDS:
                self._steps.say(
                    f"dataset {dataset.index} was calculated in an electric field, which acts on "
                    "its forces"
                )

    def _count(self, dataset: _Dataset) -> None:
        """Every set of electronic steps must have ended in a step."""
        if not dataset.is_response:
            for line in dataset.scf_lines[len(dataset.steps) :]:
                self._steps.leave_out("no structure is printed with its energy", line)

    def _complete(self, step: _Step, dataset: _Dataset) -> Structure:
        """With elements, and a cell where the step prints none of its own."""
        structure = step.structure
        if structure.positions is not None:
            numbers = self._before.elements(dataset.index, len(structure.positions))
            structure = evolve(structure, numbers=numbers)
        if structure.cell is None and self._before.number("optcell", dataset.index, 0) == 0:
            cell = self._before.cell(dataset.index) if step.first_cell is None else step.first_cell
            structure = evolve(structure, cell=cell, volume=step.first_volume)
        elif structure.cell is None and dataset.n_iterations == 0:
            structure = evolve(structure, cell=self._after.cell(dataset.index))
        cell, fractions, positions = structure.cell, step.fractions, structure.positions
        if cell is not None and fractions is not None and positions is not None:
            distance = float(np.abs(fractions @ cell - positions).max())
            if distance > SAME_PLACE:
                step.problems.append(
                    f"its coordinates and those in units of the cell differ by {distance:.3f} Å"
                )
        return structure

    def _close(self) -> None:
        step, self._step = self._step, None
        if step is None or not self._datasets:
            return
        dataset, is_end, self._is_end = self._datasets[-1], self._is_end, False
        if step.energy is None and step.forces is None and (is_end or self._unconverged):
            return  # bands and responses have structures alone
        if is_end and dataset.n_iterations > 0 and dataset.steps:
            self._merge(step, dataset.steps[-1])
        else:
            dataset.steps.append(step)

    def _merge(self, end: _Step, last: _Step) -> None:
        """The end of a dataset repeats its last step, perhaps with a stress."""
        first, second = last.structure.positions, end.structure.positions
        if first is None or second is None or last.energy is None or end.energy is None:
            return
        is_same = first.shape == second.shape and np.abs(first - second).max() < SAME_PLACE
        if not is_same or abs(last.energy - end.energy) > SAME_ENERGY:
            self._steps.leave_out("the end of its dataset is not the last of its steps", end.line)
        elif last.pressure is None:
            last.pressure = end.pressure

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
        self._datasets.append(_Dataset(int(index[0])))

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
            self._datasets.append(_Dataset(1))
        dataset = self._datasets[-1]
        self._step = _Step(
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
        """Rows of three numbers of the open step, after a label."""
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
        """In one unit, then in the other with fewer digits."""
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
