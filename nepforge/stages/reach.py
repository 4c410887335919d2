"""Which atoms have a neighbour within the cutoffs of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.data import atomic_numbers
from attrs import define, field

from nepforge.data.doctor.finding import has_cell
from nepforge.data.frame import Frame
from nepforge.data.pairs import find_pairs

FARTHEST_LOOK = 15.0  # Å: two atoms farther apart than this are isolated


@define
class Reach:
    """Species with atoms (`present`), with a neighbour inside the radial and the angular cutoff.

    `largest` are the largest cutoffs in Å; `closest` the shortest distance of two atoms when
    nobody has a neighbour, None when none is found.
    """

    largest: tuple[float, ...]
    present: set[str] = field(factory=set)
    radial: set[str] = field(factory=set)
    angular: set[str] = field(factory=set)
    closest: float | None = None


def cutoffs_of(cutoff: Any, n_species: int) -> list[tuple[float, ...]]:
    """(radial, angular) of each species, or (cutoff,) for a model that has one; Å."""
    if isinstance(cutoff, int | float):
        return [(float(cutoff),)] * n_species
    if isinstance(cutoff[0], int | float):
        return [tuple(float(value) for value in cutoff)] * n_species
    return [tuple(float(value) for value in pair) for pair in cutoff]


def reach(
    frames: Sequence[Frame], species: Sequence[str], cutoffs: Sequence[tuple[float, ...]]
) -> Reach:
    """Look at frames until every species has been seen with neighbours.

    The cutoff of a pair is the mean of those of its species, as in models.nep.

    Args:
        frames: Of these species.
        species: Symbols in model order.
        cutoffs: One a species, from `cutoffs_of`.
    """
    own = np.array(cutoffs)  # [n_species, 1 or 2]
    found = Reach(tuple(float(value) for value in own.max(axis=0)))
    of_number = {atomic_numbers[symbol]: idx for idx, symbol in enumerate(species)}
    for frame in (frame for frame in frames if has_cell(frame)):
        types = np.array([of_number[number] for number in frame.numbers.tolist()])
        names = {species[idx] for idx in types.tolist()}
        found.present |= names
        if not names <= found.radial or (own.shape[1] > 1 and not found.angular):
            _look(found, frame, types, species, own)
    if not found.radial:
        found.closest = closest_pair(frames)
    return found


def _look(
    found: Reach,
    frame: Frame,
    types: np.ndarray,
    species: Sequence[str],
    own: np.ndarray,
) -> None:
    pairs = find_pairs(frame, found.largest[0])
    first, second = types[pairs.first], types[pairs.second]
    limits = 0.5 * (own[first] + own[second])  # [n_pairs, 1 or 2]
    for seen, limit in zip((found.radial, found.angular), limits.T, strict=False):
        inside = pairs.distances < limit
        seen |= {species[idx] for idx in {*first[inside].tolist(), *second[inside].tolist()}}


def closest_pair(frames: Sequence[Frame]) -> float | None:
    """Shortest distance of two atoms in Å, None when all are isolated."""
    shortest = [
        float(pairs.distances.min())
        for frame in frames
        if has_cell(frame) and len((pairs := find_pairs(frame, FARTHEST_LOOK)).distances)
    ]
    return min(shortest, default=None)
