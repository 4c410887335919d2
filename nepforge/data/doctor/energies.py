"""Whether energies are totals in eV: judged by the forces, and by the number of atoms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from ase.data import chemical_symbols

from nepforge.data.doctor.consistency import (
    ATOMS_LOOKED_AT,
    FEWEST_STEPS,
    correlate,
    is_step,
    mean_size,
    spread_sample,
)
from nepforge.data.doctor.finding import DataSet, Finding, by_file, finding, has_cell
from nepforge.data.doctor.labelled_units import energy_words
from nepforge.data.doctor.pair_potential import fit_pair_potential
from nepforge.data.doctor.structure import composition_of
from nepforge.data.frame import FloatArray, Frame

FEWEST_FRAMES = 8  # of which at least two have one composition each
MOST_FILES = 8  # that are examined one by one; frames of more files are grouped by elements
SURE, VERY_SURE = 0.7, 0.95  # correlations
# Between energies and what a pair potential says; sound sets reach 3, very sure ones 2.
LARGEST_RATIO, LARGEST_SURE_RATIO = 7.0, 3.5
FEWEST_SIZES = 2.0  # ratio of the largest to the smallest number of atoms
INTENSIVE = (
    1.4  # times that a fit per atom must be better than one of totals to call energies per atom
)


def find_energies_per_atom(data: DataSet) -> Iterator[Finding]:
    """Energies that do not grow with the number of atoms: a sum over elements fits E
    worse than the fractions of the elements do."""
    labelled = [frame for frame in data.frames if frame.energy is not None]
    found = [(name, frames) for name, frames in by_file(labelled).items() if _are_per_atom(frames)]
    if not found and _are_per_atom(labelled):
        found = [("the files together", labelled)]
    for name, frames in found:
        text = (
            f"{name}: energies do not grow with the number of atoms, as with energies given per "
            "atom; expected eV of the whole frame"
        )
        yield finding("error", "energy-per-atom", text, frames)


def find_wrong_energies(data: DataSet) -> Iterator[Finding]:
    """Unit and kind of energies where frames do not form a trajectory, against a pair potential
    fitted to their forces."""
    usable = [
        frame
        for frame in data.frames
        if frame.energy is not None
        and frame.forces is not None
        and has_cell(frame)
        and frame.n_atoms > 1
    ]
    groups = _groups(usable)
    for name, frames in groups.items():
        chosen = spread_sample(frames, ATOMS_LOOKED_AT // len(groups))
        if len(chosen) >= FEWEST_FRAMES:
            yield from _judge(name, frames, chosen)


def _judge(name: str, frames: Sequence[Frame], chosen: Sequence[Frame]) -> Iterator[Finding]:
    potential = fit_pair_potential(chosen)
    found, expected = _differences(chosen, np.array([potential.energy(frame) for frame in chosen]))
    if len(found) < FEWEST_FRAMES:
        return
    correlation, ratio = correlate(expected, found)
    largest = LARGEST_SURE_RATIO if correlation > VERY_SURE else LARGEST_RATIO
    if correlation > SURE and not 1.0 / largest < ratio < largest:
        words = energy_words(ratio, mean_size(chosen))
        text = (
            f"{name}: energies differ {ratio:.3g} times as much as the forces imply{words}; "
            "expected eV of the whole frame and eV/Å"
        )
        yield finding("error", "energy-unit", text, frames)


def _groups(frames: Sequence[Frame]) -> dict[str, list[Frame]]:
    """Frames by file, without trajectories; by elements where there are many files."""
    files = {
        name: of_file
        for name, of_file in by_file(frames).items()
        if sum(is_step(a, b) for a, b in pairwise(of_file)) < FEWEST_STEPS
    }
    if len(files) <= MOST_FILES:
        return files
    groups: dict[str, list[Frame]] = {}
    for of_file in files.values():
        for frame in of_file:
            elements = ", ".join(chemical_symbols[z] for z in np.unique(frame.numbers))
            groups.setdefault(f"files of {elements}", []).append(frame)
    return groups


def _differences(frames: Sequence[Frame], predicted: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Labelled and predicted energies less their means of each composition, over sqrt(n_atoms)."""
    places: dict[str, list[int]] = {}
    for idx, frame in enumerate(frames):
        places.setdefault(composition_of(frame), []).append(idx)
    labelled = np.array([frame.energy for frame in frames], dtype=np.float64)
    found, expected = [], []
    for alike in places.values():
        if len(alike) > 1:
            scale = np.sqrt(frames[alike[0]].n_atoms)
            found.append((labelled[alike] - labelled[alike].mean()) / scale)
            expected.append((predicted[alike] - predicted[alike].mean()) / scale)
    if not found:
        return np.zeros(0), np.zeros(0)
    return np.concatenate(found), np.concatenate(expected)


def _are_per_atom(frames: Sequence[Frame]) -> bool:
    elements = sorted({int(z) for frame in frames for z in frame.numbers})
    if len(frames) < len(elements) + FEWEST_FRAMES:
        return False
    counts = np.array([[np.sum(f.numbers == z) for z in elements] for f in frames], dtype=float)
    sizes = counts.sum(axis=1)
    if sizes.max() < FEWEST_SIZES * sizes.min():
        return False
    energies = np.array([frame.energy for frame in frames], dtype=np.float64)
    as_totals, per_atom = (_misfit(part, energies) for part in (counts, counts / sizes[:, None]))
    return bool(as_totals > INTENSIVE * per_atom)


def _misfit(parts: FloatArray, energies: FloatArray) -> float:
    """Root mean square of the residual of a sum over elements, eV."""
    fitted = parts @ np.linalg.lstsq(parts, energies, rcond=None)[0]
    return float(np.sqrt(np.mean((energies - fitted) ** 2)))
