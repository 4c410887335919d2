"""Steps of a calculation, collected from the text output of an electronic structure code.

The readers of such outputs go through the lines once. A step is closed when the code prints
another structure, begins another run, or ends; it becomes a frame only if everything printed for
it was read in full and is consistent. All other steps are left out with a notice, so frames and
steps left out always add up to the content of the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from attrs import define, field

from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.lines import Lines, whole_lines
from nepforge.data.formats.text.marks import scan
from nepforge.data.formats.text.words import open_text
from nepforge.data.frame import FloatArray, Frame, IntArray
from nepforge.errors import DataError

SAME_VOLUME = 1.0e-3  # relative; codes print 4 to 6 digits of cell and volume
MOST_LINES = 6  # named in a message


@define
class Structure:
    """Atoms of the following steps; `volume` (Å³) is printed by the code beside the cell."""

    numbers: IntArray | None = None
    positions: FloatArray | None = None  # [n_atoms, 3] Å
    cell: FloatArray | None = None  # [3, 3] Å
    volume: float | None = None

    def problem(self) -> str:
        """Why it cannot become a frame, "" if it can."""
        if self.cell is None:
            return "no cell is printed for it"
        if self.positions is None or self.numbers is None:
            return "no positions are printed for it"
        return self.volume_problem()

    def volume_problem(self) -> str:
        """Why cell and volume are inconsistent, "" if they agree."""
        volume = 0.0 if self.cell is None else abs(float(np.linalg.det(self.cell)))
        if volume == 0.0:
            return "its cell has no volume"
        if self.volume is not None and abs(volume - self.volume) > SAME_VOLUME * self.volume:
            return f"its cell has {volume:.4f} Å³, the output says {self.volume:.4f} Å³"
        return ""


@define
class Step:
    """Labels of one calculation while they are read, in eV and Å."""

    line: int
    energy: float | None = None
    forces: FloatArray | None = None
    pressure: FloatArray | None = None  # [3, 3] eV/Å³, W/V: positive in compression
    converged: bool = True
    problems: list[str] = field(factory=list)

    def labels(self) -> dict[str, bool]:
        return {"forces": self.forces is not None, "stress": self.pressure is not None}


class Steps:
    """The frames of a file, and the steps left out."""

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self._path, self._options = path, options
        self.name = options.label or path.name
        self._left_out: dict[str, list[int]] = {}
        self._previous: Step | None = None  # of the same run
        self.frames: list[Frame] = []

    def new_run(self) -> None:
        """The steps that follow may have other labels than those before."""
        self._previous = None

    def where(self, line: int) -> str:
        """A place in the file, for messages."""
        return f"{self.name}: line {line}"

    def close(self, step: Step, structure: Structure, *, is_cut: bool = False) -> None:
        """Make a frame of a finished step, or record why it is left out.

        `is_cut` marks the last step of a killed run: if it lacks a label that the step before has,
        the run ended before printing it.
        """
        reason = next(iter(step.problems), "") or structure.problem()
        if not reason and step.energy is None:
            reason = "no energy is printed for it"
        if not reason and is_cut:
            reason = self._missing(step)
        if reason:
            self.leave_out(reason, step.line)
        else:
            self._add(step, structure)
            self._previous = step

    def leave_out(self, reason: str, line: int) -> None:
        self._left_out.setdefault(reason, []).append(line)

    def finish(self, hint: str) -> list[Frame]:
        """All frames; reports what was left out.

        Raises:
            DataError: There is no frame.
        """
        n_left_out = sum(len(lines) for lines in self._left_out.values())
        if not self.frames:
            reasons = "; ".join(self._reasons()) or "no energy of a structure is in it"
            raise DataError(f"{self.name}: has no complete step: {reasons}", hint=hint)
        for reason in self._reasons():
            n_steps = len(self.frames) + n_left_out
            self._options.notice(f"{self.name}: of {n_steps} steps left out: {reason}")
        return self.frames

    def say(self, text: str) -> None:
        """Report something about the whole file."""
        self._options.notice(f"{self.name}: {text}")

    def _reasons(self) -> Iterator[str]:
        for reason, lines in self._left_out.items():
            places = ", ".join(str(line) for line in lines[:MOST_LINES])
            more = ", ..." if len(lines) > MOST_LINES else ""
            many = f"{len(lines)} at lines" if len(lines) > 1 else "one at line"
            yield f"{many} {places}{more}: {reason}"

    def _missing(self, step: Step) -> str:
        if self._previous is None:
            return ""
        before = self._previous.labels()
        lost = [name for name, is_there in step.labels().items() if before[name] and not is_there]
        return f"the output ends before its {' and '.join(lost)}" if lost else ""

    def _add(self, step: Step, structure: Structure) -> None:
        numbers, positions, cell = structure.numbers, structure.positions, structure.cell
        assert numbers is not None
        assert positions is not None
        assert cell is not None
        volume = abs(np.linalg.det(cell))
        self.frames.append(
            Frame(
                numbers=numbers,
                positions=positions,
                cell=cell,
                energy=step.energy,
                forces=step.forces,
                virial=None if step.pressure is None else step.pressure * volume,
                converged=step.converged,
                source=self._options.source(self._path, len(self.frames)),
            )
        )


class Output(Protocol):
    """The output of one code: a method `read_...` for each mark, and `end`."""

    def end(self) -> None:
        """The file has ended."""


def read_steps(
    path: Path,
    options: ReadOptions,
    marks: re.Pattern[str],
    output_of: Callable[[Lines, Steps], Output],
    hint: str,
) -> list[Frame]:
    """Every step whose structure, energy, forces and stress were printed in full.

    Raises:
        DataError: There is none; `hint` says what was expected.
    """
    steps = Steps(path, options)
    with open_text(path) as stream:
        lines = Lines(whole_lines(stream), steps.name)
        output = output_of(lines, steps)
        scan(lines, marks, output)
        output.end()
    return steps.finish(hint)
