"""Whether energies, forces and virials are consistent: signs and units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from nepforge.data.doctor.finding import DataSet, Finding, by_file, finding, has_cell
from nepforge.data.doctor.labelled_units import energy_words, virial_words
from nepforge.data.doctor.pair_potential import PairPotential, fit_pair_potential
from nepforge.data.doctor.structure import composition_of
from nepforge.data.frame import FloatArray, Frame

FEWEST_FRAMES = 4  # of a file, needed to judge its virials
MOST_FRAMES = 24  # of a file that are examined
ATOMS_LOOKED_AT = 12000  # in all files together
FEWEST_STEPS = 4  # of a trajectory, needed to judge its forces
LONGEST_STEP = (
    0.3  # Å; atoms that move further between two frames are too far for the trapezoidal rule
)
SURE = 0.7  # correlation from which a contradiction is an error
VERY_SURE = 0.95
# Between labels and what a pair potential, or the work of the forces, says: sound sets reach 3 and,
# where the correlation is high, 1.4 for virials; units differ by more.
LARGEST_RATIO = 6.0
LARGEST_SURE_RATIO = 2.5
ASYMMETRY = 1.0e-3  # relative
MIXED_SHARE = 0.05  # share of frames with the other sign that makes a file mixed


def find_wrong_virials(data: DataSet) -> Iterator[Finding]:
    """Sign and unit of the virials of each file, against a pair potential fitted to its forces."""
    usable = [
        frame
        for frame in data.frames
        if frame.virial is not None and frame.forces is not None and has_cell(frame)
    ]
    asymmetric = [frame for frame in usable if _asymmetry(frame) > ASYMMETRY]
    if asymmetric:
        text = f"{len(asymmetric)} frames have a virial that is not symmetric"
        yield finding("warning", "virial-asymmetry", text, asymmetric)
    groups = _groups([frame for frame in usable if frame.n_atoms > 1])
    few = []
    for name, frames in groups.items():
        sample = spread_sample(frames, ATOMS_LOOKED_AT // len(groups))
        if len(sample) < FEWEST_FRAMES:
            few += frames
        else:
            yield from _judge(name, frames, sample)
    if few:
        text = "virials whose sign was not checked: too few frames of one composition"
        yield finding("info", "virial-unchecked", text, few)


def _groups(frames: Sequence[Frame]) -> dict[str, list[Frame]]:
    """Frames by file; by composition those of files with few frames."""
    groups: dict[str, list[Frame]] = {}
    for name, of_file in by_file(frames).items():
        for frame in of_file:
            is_long = len(of_file) >= FEWEST_FRAMES
            groups.setdefault(name if is_long else composition_of(frame), []).append(frame)
    return groups


def _judge(name: str, frames: Sequence[Frame], sample: Sequence[Frame]) -> Iterator[Finding]:
    potential = fit_pair_potential(sample)
    if _are_mixed(_alignments(potential, sample)):
        alignments = _alignments(potential, frames).tolist()
        odd = [f for f, alignment in zip(frames, alignments, strict=True) if alignment < 0.0]
        text = (
            f"{name}: the virials of {len(odd)} of {len(frames)} frames have the opposite sign of "
            "what the forces imply"
        )
        yield finding("error", "virial-mixed", text, odd)
        return
    correlation, ratio = _compare(potential, sample)
    if correlation < -SURE:
        text = (
            f"{name}: virials have the opposite sign of what the forces imply (correlation "
            f"{correlation:.2f}); W = -dU/dstrain = -stress * volume is positive when compressed"
        )
        yield finding("error", "virial-sign", text, frames)
    elif correlation > SURE and _is_far(correlation, ratio):
        words = virial_words(ratio, mean_size(sample))
        text = (
            f"{name}: virials are {ratio:.3g} times as large as the forces imply{words}; "
            "expected eV"
        )
        yield finding("error", "virial-unit", text, frames)
    elif correlation < 0.0:
        text = (
            f"{name}: virials do not go with the forces (correlation {correlation:.2f} with a pair "
            "potential); check their sign"
        )
        yield finding("warning", "virial-unclear", text, frames)


def find_wrong_forces(data: DataSet) -> Iterator[Finding]:
    """Sign and unit of forces, and kind of energy, where frames form a trajectory.

    Between two frames the energy changes by the work -sum F · dr, with F the mean of both.
    """
    for frames in (data.train, data.valid):
        for name, of_file in by_file(frames).items():
            steps = [(a, b) for a, b in pairwise(of_file) if is_step(a, b)]
            if len(steps) >= FEWEST_STEPS:
                yield from _judge_steps(name, of_file, steps)


def _judge_steps(
    name: str, frames: Sequence[Frame], steps: Sequence[tuple[Frame, Frame]]
) -> Iterator[Finding]:
    changes = np.array([_energy_change(a, b) for a, b in steps])
    work = np.array([_work(a, b) for a, b in steps])
    correlation, ratio = correlate(work, changes)
    if correlation < -SURE:
        text = f"{name}: forces have the wrong sign: energies rise where the forces do work"
        yield finding("error", "force-sign", text, frames)
    elif correlation > SURE and _is_far(correlation, ratio):
        words = energy_words(ratio, mean_size(frames))
        text = (
            f"{name}: energies change {ratio:.3g} times as much as the forces imply{words}; "
            "expected eV and eV/Å"
        )
        yield finding("error", "force-unit", text, frames)
    elif correlation < 1.0 - SURE:
        text = (
            f"{name}: energies do not follow the work of the forces along the trajectory; check "
            "that they are potential energies, without the kinetic energy"
        )
        yield finding("warning", "energy-unclear", text, frames)


def is_step(first: Frame, second: Frame) -> bool:
    labelled = all(f.energy is not None and f.forces is not None for f in (first, second))
    alike = labelled and np.array_equal(first.numbers, second.numbers)
    if not alike or first.pbc != second.pbc or not np.allclose(first.cell, second.cell):
        return False
    if not has_cell(first):
        return False
    return 0.0 < float(abs(_moves(first, second)).max()) < LONGEST_STEP


def _energy_change(first: Frame, second: Frame) -> float:
    if first.energy is None or second.energy is None:
        return np.nan
    return second.energy - first.energy


def _work(first: Frame, second: Frame) -> float:
    """Change of the energy that the forces imply, eV."""
    forces = 0.5 * (np.asarray(first.forces) + np.asarray(second.forces))
    return -float(np.sum(forces * _moves(first, second)))


def _moves(first: Frame, second: Frame) -> FloatArray:
    """How far each atom moves, in Å, to the nearest image."""
    moves: FloatArray = second.positions - first.positions
    if any(first.pbc):
        fractional = np.linalg.solve(first.cell.T, moves.T).T
        moves -= np.where(first.pbc, np.round(fractional), 0.0) @ first.cell
    return moves


def _is_far(correlation: float, ratio: float) -> bool:
    """Whether labels differ from the expectation by more than its error."""
    largest = LARGEST_SURE_RATIO if correlation > VERY_SURE else LARGEST_RATIO
    return not 1.0 / largest < ratio < largest


def spread_sample(frames: Sequence[Frame], n_atoms: int) -> list[Frame]:
    """Frames spread over the file, as many as `n_atoms` allows, but not too few."""
    n = int(n_atoms / np.mean([frame.n_atoms for frame in frames]))
    n = min(max(n, FEWEST_FRAMES), MOST_FRAMES, len(frames))
    chosen = np.unique(np.linspace(0, len(frames) - 1, n).round().astype(int))
    return [frames[idx] for idx in chosen]


def mean_size(frames: Sequence[Frame]) -> float:
    """Mean number of atoms."""
    return float(np.mean([frame.n_atoms for frame in frames]))


def _compare(potential: PairPotential, frames: Sequence[Frame]) -> tuple[float, float]:
    """Correlation and ratio of labelled and predicted virials per atom, less their means."""
    found = np.array([_per_atom(frame.virial, frame) for frame in frames])
    expected = np.array([_per_atom(potential.virial(frame), frame) for frame in frames])
    return correlate(
        (expected - expected.mean(axis=0)).ravel(), (found - found.mean(axis=0)).ravel()
    )


def correlate(expected: FloatArray, found: FloatArray) -> tuple[float, float]:
    """Correlation of two series and the slope found / expected; (nan, nan) where one is constant.

    Every comparison with nan is false, so nothing is reported then.
    """
    norms = np.linalg.norm(expected) * np.linalg.norm(found)
    if norms == 0.0:
        return np.nan, np.nan
    product = float(expected @ found)
    return product / float(norms), product / float(expected @ expected)


def _alignments(potential: PairPotential, frames: Sequence[Frame]) -> FloatArray:
    """Cosine between the traceless parts of labelled and predicted virials, for each frame."""
    cosines = []
    for frame in frames:
        found, expected = _traceless(frame.virial), _traceless(potential.virial(frame))
        cosines.append(correlate(expected, found)[0])
    return np.array(cosines)


def _are_mixed(alignments: FloatArray) -> bool:
    """Whether nearly all frames have a clear sign, but not all the same."""
    n_with, n_against = np.sum(alignments > 0.5), np.sum(alignments < -0.5)
    n = len(alignments)
    few = MIXED_SHARE * n
    return bool(n_with > few and n_against > few and n_with + n_against > 0.85 * n)


def _traceless(virial: FloatArray | None) -> FloatArray:
    full = np.asarray(virial)
    result: FloatArray = (full - np.trace(full) / 3.0 * np.eye(3)).ravel()
    return result


def _per_atom(virial: FloatArray | None, frame: Frame) -> FloatArray:
    return np.asarray(virial).ravel() / frame.n_atoms


def _asymmetry(frame: Frame) -> float:
    virial = np.asarray(frame.virial)
    return float(abs(virial - virial.T).max() / max(abs(virial).max(), 1.0))
