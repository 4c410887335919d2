"""Labels that are missing, placeholders, or outliers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import gcd

import numpy as np
from ase.data import chemical_symbols

from nepforge.data.doctor.finding import DataSet, Finding, Level, by_file, finding
from nepforge.data.frame import FloatArray, Frame
from nepforge.data.frame_labels import quantities_of
from nepforge.data.prepare import energy_baseline
from nepforge.quantities import QUANTITIES

EXPECTED_FIELDS = [quantity.field for quantity in QUANTITIES if not quantity.is_optional]
# placeholders that programs write for missing values
SENTINELS = np.array([1.0e5, 1.0e6, 1.0e8, 1.0e10, 999.0, 9999.0, 99999.0, 999999.0])
LARGEST_LEAK = 1.0e-3  # eV/atom between the energy and the sum of the atomic energies
LARGEST_NET_FORCE = 0.02  # eV/Å for one atom; errors of forces add up like sqrt(n_atoms)
LARGEST_SCORE = 8.0  # robust standard deviations
SMALLEST_SPREAD = 1.0e-3  # eV/atom, and relative for forces: smaller deviations are no outliers
LARGEST_FORCE = 50.0  # eV/Å
ENERGY_ZERO = 0.5  # eV/atom between the medians of two files of one composition
ZERO_SCORE = 4.0  # and robust standard deviations of the more varied file
LIKE_DENSITY = 1.5  # ratio of volumes per atom
MAD_TO_SIGMA = 1.4826  # of a normal distribution


def find_missing(data: DataSet) -> Iterator[Finding]:
    """Frames without any label are errors; one kind of label may be missing."""
    frames = data.frames
    bare = [frame for frame in frames if not quantities_of([frame])]
    if bare:
        text = (
            f"{len(bare)} frames have no energy, no forces and no virial (look at the names of "
            "the labels in the file)"
        )
        yield finding("error", "no-labels", text, bare)
    for name in EXPECTED_FIELDS:
        missing = [frame for frame in frames if getattr(frame, name) is None]
        if not missing or len(bare) == len(frames):
            continue
        level: Level = "info" if name == "virial" and len(missing) == len(frames) else "warning"
        text = f"{len(missing)} of {len(frames)} frames have no {name}"
        yield finding(level, f"missing-{name}", text, missing)


def find_sentinels(data: DataSet) -> Iterator[Finding]:
    """Placeholders for missing values, and labels that are exactly zero."""
    frames = [frame for frame in data.frames if frame.n_atoms > 1]
    for name in EXPECTED_FIELDS:
        labelled = [frame for frame in frames if getattr(frame, name) is not None]
        wrong = [f for f in labelled if np.isin(np.abs(getattr(f, name)), SENTINELS).any()]
        if wrong:
            text = f"{name} holds a number that stands for a missing value"
            yield finding("error", f"sentinel-{name}", text, wrong)
        zero = [frame for frame in labelled if not np.any(getattr(frame, name))]
        if zero:  # only forces may all vanish, by symmetry
            level: Level = "warning" if name == "forces" else "error"
            text = f"{len(zero)} frames have {name} of exactly zero"
            yield finding(level, f"zero-{name}", text, zero)


def find_atomic_energies(data: DataSet) -> Iterator[Finding]:
    """Atomic energies that only some frames have, or that do not add up to the energy."""
    labelled = [frame for frame in data.frames if frame.atomic_energy is not None]
    if 0 < len(labelled) < len(data.frames):
        missing = [frame for frame in data.frames if frame.atomic_energy is None]
        text = (
            f"{len(missing)} of {len(data.frames)} frames have no atomic energies, or only shares "
            "of the energy"
        )
        yield finding("info", "missing-atomic-energies", text, missing)
    wrong = [frame for frame in labelled if _leak(frame) > LARGEST_LEAK]
    if wrong:
        text = f"{len(wrong)} frames have atomic energies that do not add up to the energy"
        yield finding("warning", "atomic-energy-sum", text, wrong)


def _leak(frame: Frame) -> float:
    """eV/atom; 0 without an energy."""
    if frame.energy is None or frame.atomic_energy is None:
        return 0.0
    return abs(float(frame.atomic_energy.sum()) - frame.energy) / frame.n_atoms


def find_net_forces(data: DataSet) -> Iterator[Finding]:
    """Forces of a converged calculation add up to zero."""
    labelled = [frame for frame in data.frames if frame.forces is not None]
    net = np.array([np.linalg.norm(_forces(frame).sum(axis=0)) for frame in labelled])
    limits = LARGEST_NET_FORCE * np.sqrt([frame.n_atoms for frame in labelled])
    wrong = [frame for frame, excess in zip(labelled, net > limits, strict=True) if excess]
    if wrong:
        text = f"{len(wrong)} frames have a net force, up to {net.max():.3g} eV/Å"
        yield finding("warning", "net-force", text, wrong)


def find_outliers(data: DataSet) -> Iterator[Finding]:
    """Outliers: energies per atom, less the energies of the atoms, and largest forces."""
    labelled = [frame for frame in data.frames if frame.energy is not None]
    if labelled:
        energies = _energies_of_bonding(labelled)
        wrong = [labelled[idx] for idx in np.flatnonzero(abs(_scores(energies)) > LARGEST_SCORE)]
        if wrong:
            text = (
                f"{len(wrong)} energies lie more than {LARGEST_SCORE:g} robust standard deviations "
                "away from the others of like composition"
            )
            yield finding("warning", "energy-outlier", text, wrong)
    labelled = [frame for frame in data.frames if frame.forces is not None]
    if labelled:
        largest = np.array([np.linalg.norm(_forces(f), axis=1).max() for f in labelled])
        far = _scores(np.log(largest + SMALLEST_SPREAD)) > LARGEST_SCORE
        wrong = [labelled[idx] for idx in np.flatnonzero(far | (largest > LARGEST_FORCE))]
        if wrong:
            text = (
                f"{len(wrong)} frames have unusually large forces, up to {largest.max():.3g} eV/Å"
            )
            yield finding("warning", "force-outlier", text, wrong)


def find_energy_zeros(data: DataSet) -> Iterator[Finding]:
    """Files of the same composition with different zeros of energy: other codes or settings."""
    groups: dict[str, dict[str, list[Frame]]] = {}
    for name, frames in by_file(data.frames).items():
        for formula, alike in _by_formula(frames).items():
            groups.setdefault(formula, {})[name] = alike
    for formula, files in groups.items():
        dense = _of_like_density(files)
        medians = {name: float(np.median(_energies(alike))) for name, alike in dense.items()}
        lowest, highest = (
            min(medians, key=medians.__getitem__),
            max(medians, key=medians.__getitem__),
        )
        gap = medians[highest] - medians[lowest]
        spread = max(_sigma(_energies(alike)) for alike in dense.values())
        if gap > max(ENERGY_ZERO, ZERO_SCORE * spread):
            text = (
                f"{formula}: the energies of {highest} lie {gap:.2f} eV/atom above those of "
                f"{lowest}, as if they had different zeros"
            )
            yield finding("warning", "energy-zero", text, dense[highest])


def _of_like_density(files: Mapping[str, list[Frame]]) -> dict[str, list[Frame]]:
    """Files about as dense as the densest: molecules may lie higher with the same zero."""
    volumes = {
        name: float(np.median([f.volume / f.n_atoms for f in files[name]])) for name in files
    }
    limit = LIKE_DENSITY * min(volumes.values())
    return {name: frames for name, frames in files.items() if volumes[name] <= limit}


def _by_formula(frames: Sequence[Frame]) -> dict[str, list[Frame]]:
    """Frames with an energy by their reduced formula."""
    groups: dict[str, list[Frame]] = {}
    for frame in frames:
        if frame.energy is not None:
            numbers, counts = np.unique(frame.numbers, return_counts=True)
            divisor = gcd(*counts.tolist())
            formula = "".join(
                f"{chemical_symbols[z]}{n // divisor if n > divisor else ''}"
                for z, n in zip(numbers, counts, strict=True)
            )
            groups.setdefault(formula, []).append(frame)
    return groups


def _energies_of_bonding(frames: Sequence[Frame]) -> FloatArray:
    """Energy per atom less the least-squares energies of the atoms, eV/atom [n_frames]."""
    numbers = sorted({int(z) for frame in frames for z in frame.numbers})
    baseline = energy_baseline(frames, [chemical_symbols[z] for z in numbers])
    counts = np.array([[np.sum(frame.numbers == z) for z in numbers] for frame in frames])
    energies = np.array([frame.energy for frame in frames], dtype=np.float64)
    result: FloatArray = (energies - counts @ baseline) / counts.sum(axis=1)
    return result


def _energies(frames: Sequence[Frame]) -> FloatArray:
    """Labelled energies, eV/atom [n_frames]."""
    return np.array([np.nan if f.energy is None else f.energy / f.n_atoms for f in frames])


def _forces(frame: Frame) -> FloatArray:
    return np.zeros((frame.n_atoms, 3)) if frame.forces is None else frame.forces


def _sigma(values: FloatArray) -> float:
    return float(MAD_TO_SIGMA * np.median(abs(values - np.median(values))))


def _scores(values: FloatArray) -> FloatArray:
    scores: FloatArray = (values - np.median(values)) / max(_sigma(values), SMALLEST_SPREAD)
    return scores
