"""Whether positions and cell are in Å: judged by nearest-neighbour distances.

In condensed matter and molecules nearest atoms are 0.7 to 1.3 times the sum of their covalent radii
apart. Bohr read as Å makes that 1.9 times larger, Å taken for bohr as much smaller; a cell in
another unit than the positions gives random distances, or a cluster in an empty box. The
explanation that makes the distances of nearly all frames right is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from ase.data import covalent_radii
from ase.units import Bohr
from attrs import evolve, frozen

from nepforge.data.doctor.finding import DataSet, Finding, Level, by_file, finding, has_cell
from nepforge.data.frame import FloatArray, Frame
from nepforge.data.pairs import find_pairs

NOBLE_GASES = (2, 10, 18, 36, 54, 86)  # have no bonds
SHORTEST, LONGEST = 0.55, 1.33  # of the shortest bond of a frame, in sums of covalent radii
USUAL = (0.68, 1.38)  # the median over the atoms of the distance to their nearest neighbour
MOST_FRAMES = 40  # that are examined, in all files together
NEARLY_ALL = 0.8  # of them
FEWEST_FRAMES = 3
FEWEST_ATOMS = 4  # in a frame, to call it an error
EMPTY = 0.44  # of each vector of a cell of bohr, at least, that atoms in Å leave empty
ROUNDING = 1.0e-9  # of a cell vector


@frozen
class Mistake:
    """Factors that correct positions and cell, and the mistake that they undo."""

    positions: float
    cell: float
    words: str


# The order matters: later ones would also seem to correct earlier ones.
MISTAKES = (
    Mistake(Bohr, Bohr, "positions and cell are in bohr"),
    Mistake(1.0 / Bohr, 1.0, "positions are in Å and were taken for bohr, the cell was not"),
    Mistake(1.0 / Bohr, 1.0 / Bohr, "positions and cell are in Å and were taken for bohr"),
    Mistake(Bohr, 1.0, "positions are in bohr, the cell is in Å"),
    Mistake(1.0, 1.0 / Bohr, "the cell is in Å and was taken for bohr, the positions were not"),
)


def find_wrong_lengths(data: DataSet) -> Iterator[Finding]:
    """Files whose distances are right if positions or cell are in another unit."""
    files = by_file(data.frames)
    for name, of_file in files.items():
        usable = [frame for frame in of_file if _can_tell(frame)]
        frames = _sample(usable, max(MOST_FRAMES // len(files), FEWEST_FRAMES))
        if len(frames) < FEWEST_FRAMES:
            continue
        words = _mistake(frames)
        if words:
            small = np.median([frame.n_atoms for frame in frames]) < FEWEST_ATOMS
            level: Level = "warning" if small else "error"
            text = f"{name}: nearest atoms are as far apart as if {words}; expected Å"
            yield finding(level, "length-unit", text, of_file)


def _mistake(frames: Sequence[Frame]) -> str:
    """What is wrong with nearly all of the frames; "" where most are right."""
    if _share(frames, _is_usual) > 1.0 - NEARLY_ALL:
        return "the cell is in bohr, the positions are in Å" if _are_in_boxes(frames) else ""
    has_cells = all(any(frame.pbc) for frame in frames)
    for mistake in MISTAKES:
        if mistake.positions != mistake.cell and not has_cells:
            continue
        righted = [_scaled(frame, mistake.positions, mistake.cell) for frame in frames]
        if _share(righted, _is_usual) >= NEARLY_ALL:
            return mistake.words if has_cells else mistake.words.replace(" and cell", "")
    return ""


def _are_in_boxes(frames: Sequence[Frame]) -> bool:
    """Whether nearly all frames are clusters in boxes that would touch in every direction if the
    cells were taken as bohr and made smaller."""
    if not all(all(frame.pbc) for frame in frames):
        return False
    clusters = [_cluster(frame) for frame in frames]
    return all(
        cluster is not None and _is_usual(cluster) and _is_bonded_across(cluster)
        for cluster in clusters
    )


def _cluster(frame: Frame) -> Frame | None:
    """The structure with its cell converted from bohr; None where the atoms fill the given cell."""
    fractional = (frame.positions @ np.linalg.inv(frame.cell)) % 1.0
    ordered = np.sort(fractional, axis=0)
    gaps = np.diff(np.vstack([ordered, ordered[:1] + 1.0]), axis=0)
    if gaps.max(axis=0).min() < EMPTY:
        return None
    starts = np.roll(ordered, -1, axis=0)[gaps.argmax(axis=0), np.arange(3)]
    together = (fractional - starts + ROUNDING) % 1.0
    return evolve(frame, positions=together @ frame.cell, cell=Bohr * frame.cell)


def _is_bonded_across(frame: Frame) -> bool:
    """Whether atoms are bonded to images of others along each vector of the cell."""
    radii = covalent_radii[frame.numbers]
    pairs = find_pairs(frame, LONGEST * 2.0 * float(radii.max()))
    bonds = pairs.distances < LONGEST * (radii[pairs.first] + radii[pairs.second])
    direct = frame.positions[pairs.second] - frame.positions[pairs.first]
    images = np.round((pairs.vectors - direct)[bonds] @ np.linalg.inv(frame.cell))
    return bool((images != 0).any(axis=0).all())


def _is_usual(frame: Frame) -> bool:
    nearest = _nearest(frame)
    low, high = USUAL
    return bool(SHORTEST < nearest.min() < LONGEST and low < np.median(nearest) < high)


def _nearest(frame: Frame) -> FloatArray:
    """Nearest-neighbour distance of each atom over the sum of the two radii, [n_atoms]."""
    radii = covalent_radii[frame.numbers]
    pairs = find_pairs(frame, USUAL[1] * 2.0 * float(radii.max()))
    ratios = pairs.distances / (radii[pairs.first] + radii[pairs.second])
    nearest = np.full(frame.n_atoms, np.inf)
    np.minimum.at(nearest, pairs.first, ratios)
    np.minimum.at(nearest, pairs.second, ratios)
    return nearest


def _scaled(frame: Frame, positions: float, cell: float) -> Frame:
    return evolve(frame, positions=positions * frame.positions, cell=cell * frame.cell)


def _share(frames: Sequence[Frame], is_so: Callable[[Frame], bool]) -> float:
    return sum(map(is_so, frames)) / len(frames)


def _can_tell(frame: Frame) -> bool:
    """Whether it has bonds: more than one atom, images included, and not only noble gases."""
    has_pairs = frame.n_atoms > 1 or any(frame.pbc)
    return has_pairs and has_cell(frame) and not np.isin(frame.numbers, NOBLE_GASES).all()


def _sample(frames: Sequence[Frame], n_frames: int) -> list[Frame]:
    """Frames spread over the file."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(n_frames, len(frames))).round())
    return [frames[idx] for idx in chosen.astype(int)]
