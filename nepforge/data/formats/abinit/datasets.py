"""Frames from the steps of ABINIT's datasets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import define, evolve, field

from nepforge.data.formats.abinit.echo import Echo
from nepforge.data.formats.text.steps import Step, Steps, Structure
from nepforge.data.frame import FloatArray

SAME_PLACE = 1.0e-3  # Å, of positions printed twice
SAME_ENERGY = 1.0e-5  # eV
FIELDS = (4, 6, 7, 14, 16, 17)  # values of berryopt with a fixed electric or displacement field


@define
class AbinitStep(Step):
    """A step with its own structure, and fractional positions to check its cell."""

    structure: Structure = field(factory=Structure)
    fractions: FloatArray | None = None
    first_cell: FloatArray | None = None  # Å, at the beginning of its dataset or image
    first_volume: float | None = None  # Å³


@define
class Dataset:
    """One dataset, or one image of a path."""

    index: int
    cell: FloatArray | None = None  # Å, at its beginning
    volume: float | None = None  # Å³
    n_iterations: int = 0
    scf_lines: list[int] = field(factory=list)  # where electronic steps begin
    is_response: bool = False
    steps: list[AbinitStep] = field(factory=list)


def add_frames(
    datasets: Sequence[Dataset], before: Echo, after: Echo, steps: Steps, *, is_done: bool
) -> None:
    """The frames of a run, in order.

    Args:
        datasets: Of the run.
        before: Variables echoed at its beginning.
        after: Variables echoed at its end, among them the last cells.
        steps: Receives the frames.
        is_done: Whether the run finished.
    """
    steps.new_run()
    for dataset in datasets:
        for step in dataset.steps:
            structure = _complete(step, dataset, before, after)
            is_last = dataset is datasets[-1] and step is dataset.steps[-1]
            steps.close(step, structure, is_cut=is_last and not is_done)
        _count(dataset, steps)
        if before.number("berryopt", dataset.index, 0) in FIELDS:
            steps.say(
                f"dataset {dataset.index} was calculated in an electric field, which acts on "
                "its forces"
            )


def _count(dataset: Dataset, steps: Steps) -> None:
    """Every series of electronic steps must have led to a step."""
    if not dataset.is_response:
        for line in dataset.scf_lines[len(dataset.steps) :]:
            steps.leave_out("no structure is printed with its energy", line)


def _complete(step: AbinitStep, dataset: Dataset, before: Echo, after: Echo) -> Structure:
    """The structure with elements, and with a cell if the step does not print one."""
    structure = step.structure
    if structure.positions is not None:
        numbers = before.elements(dataset.index, len(structure.positions))
        structure = evolve(structure, numbers=numbers)
    if structure.cell is None and before.number("optcell", dataset.index, 0) == 0:
        cell = before.cell(dataset.index) if step.first_cell is None else step.first_cell
        structure = evolve(structure, cell=cell, volume=step.first_volume)
    elif structure.cell is None and dataset.n_iterations == 0:
        structure = evolve(structure, cell=after.cell(dataset.index))
    cell, fractions, positions = structure.cell, step.fractions, structure.positions
    if cell is not None and fractions is not None and positions is not None:
        distance = float(np.abs(fractions @ cell - positions).max())
        if distance > SAME_PLACE:
            step.problems.append(
                f"its coordinates and those in units of the cell differ by {distance:.3f} Å"
            )
    return structure


def merge_end(end: AbinitStep, last: AbinitStep, steps: Steps) -> None:
    """The end of a dataset repeats its last step, perhaps with a stress."""
    first, second = last.structure.positions, end.structure.positions
    if first is None or second is None or last.energy is None or end.energy is None:
        return
    is_same = first.shape == second.shape and np.abs(first - second).max() < SAME_PLACE
    if not is_same or abs(last.energy - end.energy) > SAME_ENERGY:
        steps.leave_out("the end of its dataset is not the last of its steps", end.line)
    elif last.pressure is None:
        last.pressure = end.pressure
