"""Checks of the structures themselves: elements, compositions, cells, distances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from ase.data import chemical_symbols, covalent_radii

from nepforge.data.doctor.finding import DataSet, Finding, finding, has_cell
from nepforge.data.frame import Frame
from nepforge.data.pairs import find_pairs

SHORTEST_BOND = 0.6  # of the sum of the covalent radii
SHORTEST_DISTANCE = 1.0e-3  # Å; closer atoms are one atom listed twice
SHOWN_COMPOSITIONS = 6


def composition_of(frame: Frame) -> str:
    """Formula of a frame, elements in alphabetical order: "Hf4O8"."""
    numbers, counts = np.unique(frame.numbers, return_counts=True)
    symbols = [chemical_symbols[z] for z in numbers]
    return "".join(f"{symbol}{n}" for symbol, n in sorted(zip(symbols, counts, strict=True)))


def find_compositions(data: DataSet) -> Iterator[Finding]:
    """Number of frames of each composition."""
    counts = Counter(composition_of(frame) for frame in data.frames)
    shown = [f"{formula} ({n})" for formula, n in counts.most_common(SHOWN_COMPOSITIONS)]
    more = f" and {len(counts) - len(shown)} more" if len(counts) > len(shown) else ""
    text = f"{len(data.frames)} frames of {len(counts)} compositions: {', '.join(shown)}{more}"
    yield finding("info", "compositions", text)


def find_elements(data: DataSet) -> Iterator[Finding]:
    """Elements missing from the species, species without atoms, elements only in validation."""
    known = set(data.species)
    in_train = {symbol for frame in data.train for symbol in _symbols(frame)}
    if known:
        foreign = [frame for frame in data.frames if not _symbols(frame) <= known]
        names = sorted({symbol for frame in foreign for symbol in _symbols(frame)} - known)
        if foreign:
            text = (
                f"{', '.join(names)}: in the data, not among the species {', '.join(data.species)}"
            )
            yield finding("error", "unknown-element", text, foreign)
        absent = [symbol for symbol in data.species if symbol not in in_train]
        if absent:
            text = f"{', '.join(absent)}: a species without any atom in the training data"
            yield finding("warning", "absent-element", text)
    untrained = [frame for frame in data.valid if not _symbols(frame) <= in_train]
    if untrained:
        names = sorted({symbol for frame in untrained for symbol in _symbols(frame)} - in_train)
        text = f"{', '.join(names)}: in the validation frames alone"
        yield finding("warning", "untrained-element", text, untrained)


def find_cells(data: DataSet) -> Iterator[Finding]:
    """Periodic cells without a volume, and cells that are small for the cutoff."""
    flat = [frame for frame in data.frames if not has_cell(frame)]
    if flat:
        yield finding("error", "no-cell", "periodic frames whose cell has no volume", flat)
    if data.cutoff is None:
        return
    small = [f for f in data.frames if has_cell(f) and _thickness(f) < 2.0 * data.cutoff]
    if small:
        text = (
            f"{len(small)} frames have a periodic cell thinner than twice the cutoff of "
            f"{data.cutoff:g} Å: atoms see images of one another, which is fine for training"
        )
        yield finding("info", "small-cell", text, small)


def find_short_distances(data: DataSet) -> Iterator[Finding]:
    """Two atoms that share a position, or are closer than any bond."""
    same: list[Frame] = []
    short: list[Frame] = []
    shortest = np.inf
    for frame in data.frames:
        if not has_cell(frame):
            continue
        radii = covalent_radii[frame.numbers]
        pairs = find_pairs(frame, SHORTEST_BOND * 2.0 * float(radii.max()))
        if (pairs.distances < SHORTEST_DISTANCE).any():
            same.append(frame)
            continue
        close = pairs.distances < SHORTEST_BOND * (radii[pairs.first] + radii[pairs.second])
        if close.any():
            short.append(frame)
            shortest = min(shortest, float(pairs.distances[close].min()))
    if same:
        yield finding("error", "same-place", "two atoms share a position", same)
    if short:
        text = (
            f"{len(short)} frames have atoms closer than {SHORTEST_BOND:g} times the sum of "
            f"their covalent radii, down to {shortest:.2f} Å"
        )
        yield finding("warning", "short-distance", text, short)


def _symbols(frame: Frame) -> set[str]:
    return {chemical_symbols[z] for z in np.unique(frame.numbers)}


def _thickness(frame: Frame) -> float:
    """Smallest distance between opposite faces of the cell along a periodic direction, Å."""
    if not any(frame.pbc):
        return np.inf
    heights = 1.0 / np.linalg.norm(np.linalg.inv(frame.cell), axis=0)
    return float(heights[np.array(frame.pbc)].min())
