"""Which copy of a structure a merged set keeps, and what the others say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nepforge.data.frame import Frame
from nepforge.quantities import QUANTITIES

LABELS = [quantity.field for quantity in QUANTITIES]
SAME_ENERGY = 5.0e-3  # eV/atom; labels of copies that differ by more contradict each other
SAME_FORCE = 2.0e-2  # eV/Å, of the root mean square
SAME_VIRIAL = 2.0e-2  # eV/atom, of the norm
MOST_NAMES = 5  # in one notice


def kept_copies(groups: Sequence[Sequence[Frame]], notice: Callable[[str], None]) -> list[Frame]:
    """One frame of each group of copies, unchanged: the first with the most labels.

    Where labels of copies contradict each other, the first labelled one stays; one that did not
    converge, only when there is no other. Labels of several frames are never combined: they may
    come from different calculations. `notice` is told of contradictions, and of labels that only
    a discarded copy has.
    """
    contradictions: list[str] = []
    lost: list[str] = []
    kept = [_kept(group, contradictions, lost) for group in groups]
    _say(notice, contradictions, "copies contradict each other, the first one stays")
    _say(notice, lost, "labels of copies that are left out and that the one that stays has not")
    return kept


def _kept(group: Sequence[Frame], contradictions: list[str], lost: list[str]) -> Frame:
    labelled = [frame for frame in group if _n_labels(frame)]
    if not labelled:
        return group[0]
    labelled.sort(key=lambda frame: not frame.converged)  # unconverged ones last
    first = labelled[0]
    found = [(other, words) for other in labelled[1:] if (words := _contradiction(first, other))]
    contradictions += [f"{first.source} and {other.source} ({words})" for other, words in found]
    agreeing = [frame for frame in labelled if all(frame is not other for other, _ in found)]
    best = max(agreeing, key=_n_labels)  # the first of those with the most
    for other in labelled:
        names = [name for name in LABELS if _has(other, name) and not _has(best, name)]
        if names:
            lost.append(f"{', '.join(names)} of {other.source} (a copy of {best.source})")
    return best


def _has(frame: Frame, label: str) -> bool:
    return getattr(frame, label) is not None


def _n_labels(frame: Frame) -> int:
    return sum(_has(frame, label) for label in LABELS)


def _contradiction(first: Frame, other: Frame) -> str:
    """Which numbers of two copies contradict each other, "" when they agree.

    The quantities compared do not depend on the order of the atoms.
    """
    sizes = (
        ("energy", lambda frame: frame.energy, SAME_ENERGY * first.n_atoms, "eV"),
        ("rms force", _rms_force, SAME_FORCE, "eV/Å"),
        ("norm of the virial", _norm_of_virial, SAME_VIRIAL * first.n_atoms, "eV"),
        ("weight", lambda frame: frame.weight, 0.0, ""),
    )
    for name, size, limit, unit in sizes:
        a, b = size(first), size(other)
        if a is not None and b is not None and abs(a - b) > limit:
            return f"{name} {a:.8g} and {b:.8g} {unit}".rstrip()
    return ""


def _rms_force(frame: Frame) -> float | None:
    return None if frame.forces is None else float(np.sqrt(np.mean(frame.forces**2)))


def _norm_of_virial(frame: Frame) -> float | None:
    return None if frame.virial is None else float(np.linalg.norm(frame.virial))


def _say(notice: Callable[[str], None], found: Sequence[str], words: str) -> None:
    if found:
        more = f" and {len(found) - MOST_NAMES} more" if len(found) > MOST_NAMES else ""
        notice(f"{words}: {'; '.join(found[:MOST_NAMES])}{more}")
