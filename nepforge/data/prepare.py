"""From the frames read to what training needs: duplicates, split, energy baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from attrs import frozen

from nepforge.data.copies import group_copies
from nepforge.data.frame import FloatArray, Frame
from nepforge.data.neighbors import type_indices
from nepforge.errors import DataError


@frozen(eq=False)
class Split:
    """Frames for training and validation; no structure is in both.

    `duplicates` lists groups of sources with the same structure; `removed` are the sources of
    validation frames that were left out because they are in the training set.
    """

    train: list[Frame]
    valid: list[Frame]
    duplicates: list[list[str]]
    removed: list[str]


def split_by_fraction(frames: Sequence[Frame], fraction: float, rng: np.random.Generator) -> Split:
    """Draw about `fraction` of the frames for validation; copies of one structure stay together.

    A structure is never drawn if the training set would lose its last atom of a species.

    Raises:
        DataError: One of the two sets would be empty.
    """
    groups = group_copies(frames)
    wanted = round(fraction * len(frames))
    species = [set(frames[group[0]].numbers.tolist()) for group in groups]
    holders = Counter(number for numbers in species for number in numbers)  # groups in training
    chosen: set[int] = set()
    for idx in rng.permutation(len(groups)):
        if len(chosen) >= wanted:
            break
        if all(holders[number] > 1 for number in species[idx]):
            chosen.update(groups[idx])
            holders.subtract(species[idx])
    train = [frame for idx, frame in enumerate(frames) if idx not in chosen]
    valid = [frame for idx, frame in enumerate(frames) if idx in chosen]
    if not train or not valid:
        raise DataError(
            f"{len(frames)} frames ({len(groups)} different) split into {len(train)} for training "
            f"and {len(valid)} for validation",
            hint="change data.validation or add frames",
        )
    return Split(train, valid, _sources(frames, groups), [])


def split_given(train: Sequence[Frame], valid: Sequence[Frame]) -> Split:
    """Use the given sets, without the validation frames whose structure is in the training set.

    Raises:
        DataError: No validation frame is left.
    """
    groups = group_copies([*train, *valid])
    leaked = {
        idx - len(train) for group in groups if group[0] < len(train) for idx in group
    }  # places in `valid`, and negative ones of training frames
    kept = [frame for idx, frame in enumerate(valid) if idx not in leaked]
    removed = [frame.source for idx, frame in enumerate(valid) if idx in leaked]
    if not kept:
        raise DataError(
            f"all {len(valid)} validation frames are copies of training frames",
            hint="name other files in data.validation, or give a fraction",
        )
    return Split(list(train), kept, _sources([*train, *valid], groups), removed)


def energy_baseline(frames: Sequence[Frame], species: Sequence[str]) -> FloatArray:
    """Energy of one atom of each species by least squares over the total energies.

    If the composition never varies, the minimum-norm solution is taken. Zero without energies.

    Returns:
        Energies in eV, shape [n_species].
    """
    labelled = [frame for frame in frames if frame.energy is not None]
    if not labelled:
        return np.zeros(len(species))
    counts = composition(labelled, species).astype(np.float64)
    energies = np.array([frame.energy for frame in labelled])
    baseline: FloatArray = np.linalg.lstsq(counts, energies, rcond=None)[0]
    return baseline


def mean_atomic_energies(frames: Sequence[Frame], species: Sequence[str]) -> FloatArray:
    """Mean atomic energy of each species, 0 for one without any.

    Returns:
        Energies in eV, shape [n_species].
    """
    sums = np.zeros((2, len(species)))  # of energies, of atoms
    for frame in frames:
        if frame.atomic_energy is not None:
            types = type_indices(frame, species)
            np.add.at(sums[0], types, frame.atomic_energy)
            np.add.at(sums[1], types, 1.0)
    means: FloatArray = sums[0] / np.maximum(sums[1], 1.0)
    return means


def composition(frames: Sequence[Frame], species: Sequence[str]) -> np.ndarray:
    """Number of atoms of each species in each frame, shape [n_frames, n_species]."""
    return np.stack(
        [np.bincount(type_indices(frame, species), minlength=len(species)) for frame in frames]
    )


def _sources(frames: Sequence[Frame], groups: Sequence[Sequence[int]]) -> list[list[str]]:
    return [[frames[idx].source for idx in group] for group in groups if len(group) > 1]
