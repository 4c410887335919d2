"""VASP's OUTCAR, one ionic step after the other.

A step begins at its first electronic iteration and has each of stress, cell, positions with forces
and energy once, in any order (VASP 4 prints the energy first, VASP 5 and 6 last). An incomplete
step is left out with a notice. The energy is `free  energy   TOTEN`, which the forces derive from,
not the enthalpy or `energy(sigma->0)`; "in kB" is positive in compression and has no kinetic part.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from attrs import define, field

from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.lines import Lines
from nepforge.data.formats.text.words import open_text
from nepforge.data.formats.vasp.outcar_blocks import (
    Cell,
    Energy,
    Forces,
    Header,
    Item,
    Iteration,
    Learned,
    Mark,
    Stress,
    items,
)
from nepforge.data.formats.vasp.outcar_header import OutcarHeader
from nepforge.data.formats.vasp.potentials import KBAR_IN_EV_PER_A3, LEARNED, kept_frames
from nepforge.data.frame import FloatArray, Frame
from nepforge.errors import DataError

HALF_DIGIT_OF_VOLUME = 0.005  # Å³
ROUNDING = 1.0e-6  # relative, of VASP's own constants
SHOWN_STEPS = 5


def read_outcar(path: Path, options: ReadOptions) -> list[Frame]:
    """Every complete ionic step of every run in the file.

    Raises:
        DataError: A number cannot be read, something occurs twice or is missing in the middle of a
            run, or no step is complete.
    """
    name = options.label or path.name
    frames: list[Frame] = []
    runs = [_Run(name, frames)]
    left_out: list[str] = []
    with open_text(path) as stream:
        for item in items(Lines(stream, name)):
            if item is Mark.RUN:
                left_out += runs[-1].end()
                runs.append(_Run(name, frames))
            else:
                runs[-1].take(item)
    left_out += runs[-1].end()
    if n_learned := sum(run.n_learned for run in runs):
        left_out.append(LEARNED.format(n_learned))
    n_unknown = sum(run.n_unknown for run in runs)
    return kept_frames(name, frames, left_out, n_unknown, options.notice)


@define
class _Step:
    """One ionic step while it is read."""

    number: int
    iteration: int = 0  # number of the last electronic iteration so far
    gave_up: bool = False  # VASP 6 prints that the electronic steps did not converge
    stress: Stress | None = None
    cell: Cell | None = None
    forces: Forces | None = None
    energy: Energy | None = None

    @property
    def is_complete(self) -> bool:
        return self.energy is not None and self.forces is not None and self.cell is not None

    def goes_on(self, item: Iteration) -> bool:
        """Whether an electronic iteration belongs to this step."""
        more = item.step == self.number and item.number > self.iteration
        return more and not self.is_complete

    def take(self, name: str, item: Stress | Cell | Forces | Energy, where: str) -> None:
        """Keep a result.

        Raises:
            DataError: The step has one already.
        """
        if getattr(self, name) is not None:
            raise DataError(
                f"{where}: ionic step {self.number} has a second {name}",
                hint="the file is damaged, or assembled from several",
            )
        setattr(self, name, item)


@define
class _Run:
    """One run of VASP while it is read; a file may contain several."""

    name: str
    frames: list[Frame]  # of all runs; appended to
    header: OutcarHeader = field(factory=OutcarHeader)
    step: _Step | None = None
    n_steps: int = 0  # finished, with an energy
    cell: Cell | None = None  # printed before the first step, or between steps
    cell_after: int = 0  # steps finished at that point
    bare: list[int] = field(factory=list)  # ionic steps without positions
    n_wide: int = 0  # stresses too wide for their columns
    n_learned: int = 0
    n_unknown: int = 0  # frames whose convergence is not printed
    is_finished: bool = False
    fault: DataError | None = None  # of a truncated end of the run

    def take(self, item: Item) -> None:
        """Process one item; not Mark.RUN."""
        match item:
            case DataError():
                self.fault = item
            case Header() if self.step is None and self.n_steps == 0:
                self.header.take(item)
            case Iteration():
                self._iterate(item)
            case Mark.GAVE_UP if self.step is not None:
                self.step.gave_up = True
            case Mark.FINISHED:
                self.is_finished = True
            case Learned():
                self._end_step()
                self.n_learned += item.n_energies
            case Cell():
                self._take_cell(item)
            case Stress():
                self._open().take("stress", item, self.name)
                self.n_wide += item.kbar is None
            case Forces():
                self._open().take("forces", item, self.name)
            case Energy():
                self._open().take("energy", item, self.name)

    def end(self) -> list[str]:
        """What is left out of the run, as phrases."""
        left_out: list[str] = []
        if self.fault is not None:
            left_out.append(f"the end of a run, which is cut ({self.fault.message})")
        elif self.step is not None and not self._has_ended(self.step):
            left_out += self._rest(self.step)
        else:
            self._end_step()
        if self.bare:
            left_out.append(_bare_text(self.bare))
        if self.n_wide:
            left_out.append(f"the stress of {self.n_wide} steps, which does not fit its columns")
        return left_out

    def _has_ended(self, step: _Step) -> bool:
        """Whether the last step is complete: VASP 4 prints the energy first."""
        return step.energy is not None and (step.forces is not None or self.is_finished)

    def _rest(self, step: _Step) -> list[str]:
        """The last step has no energy: the run was killed, or did something else at its end."""
        if not self.is_finished:
            return [f"ionic step {step.number} of a run, which is cut"]
        if step.forces is not None:  # linear response prints only iterations
            return [f"ionic step {step.number}, whose forces have no `free  energy   TOTEN`"]
        return []

    def _iterate(self, item: Iteration) -> None:
        """A new step, or another iteration of this one."""
        if self.step is None or not self.step.goes_on(item):
            self._end_step()
            self.step = _Step(item.step)
        self.step.iteration = item.number

    def _take_cell(self, item: Cell) -> None:
        """The cell of this step, of the input, or of the next structure."""
        if self.step is not None and not self.step.is_complete:
            self.step.take("cell", item, self.name)
            return
        self._end_step()
        self.cell, self.cell_after = item, self.n_steps

    def _open(self) -> _Step:
        """The step that a result belongs to; without iterations, a complete step is finished."""
        if self.step is not None and self.step.is_complete and not self.step.iteration:
            self._end_step()
        if self.step is None:
            self.step = _Step(self.n_steps + 1)
        return self.step

    def _end_step(self) -> None:
        """Make a frame of the step, or remember why there is none."""
        step, self.step = self.step, None
        if step is None or step.energy is None:
            if step is not None and step.forces is not None:
                raise DataError(
                    f"{self.name}: ionic step {step.number} has forces and no energy",
                    hint="a part of the file is missing",
                )
            return
        if step.cell is None and self.cell_after == self.n_steps:
            step.cell = self.cell
        self.n_steps += 1
        positions = step.forces.positions if step.forces is not None else None
        if positions is None and self.n_steps == 1:
            positions = self.header.positions
        if positions is None:
            self.bare.append(step.number)
        else:
            self.frames.append(self._frame(step, positions, step.energy))

    def _frame(self, step: _Step, positions: FloatArray, energy: Energy) -> Frame:
        source = f"{self.name}:{len(self.frames)}"
        if step.cell is None:
            raise DataError(f"{source}: ionic step {step.number} has no cell")
        volume = _volume(step.cell, source)
        self.n_unknown += not (self.header.nelm and step.iteration) and not step.gave_up
        return Frame(
            numbers=self.header.numbers(len(positions), source),
            positions=positions,
            cell=step.cell.vectors,
            energy=energy.value,
            forces=None if step.forces is None else step.forces.forces,
            virial=None if step.stress is None else _virial(step.stress, volume, source),
            source=source,
            converged=not step.gave_up and self.header.is_converged(step.iteration),
        )


def _volume(cell: Cell, source: str) -> float:
    """Volume in Å³, which must be the printed one."""
    volume = float(abs(np.linalg.det(cell.vectors)))
    if abs(volume - cell.volume) > 1.1 * HALF_DIGIT_OF_VOLUME + ROUNDING * volume:
        raise DataError(
            f"{source}: the cell has {volume:.2f} Å³, the file prints {cell.volume:.2f}"
        )
    return volume


def _virial(stress: Stress, volume: float, source: str) -> FloatArray | None:
    """W in eV; the rows "Total" and "in kB" must agree, as they do if the cell is right."""
    if stress.kbar is None:
        return None
    virial: FloatArray = stress.kbar * KBAR_IN_EV_PER_A3 * volume
    of_virial, of_kbar = stress.half_digits
    allowed = of_virial + of_kbar * KBAR_IN_EV_PER_A3 * volume
    if (
        stress.virial is not None
        and (abs(virial - stress.virial) > 1.1 * allowed + ROUNDING * abs(virial)).any()
    ):
        raise DataError(
            f"{source}: the stress `in kB` times the volume is not the row `Total` above it",
            hint="the file is damaged, or the stress belongs to another cell",
        )
    return virial


def _bare_text(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:SHOWN_STEPS]))
    more = f" and {len(numbers) - SHOWN_STEPS} more" if len(numbers) > SHOWN_STEPS else ""
    return f"ionic steps {shown}{more}, whose positions are not printed (NWRITE = 2 prints them)"
