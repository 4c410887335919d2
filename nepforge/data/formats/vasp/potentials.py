"""Shared by OUTCAR and vasprun.xml: units, elements of potentials, notices."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ase.data import atomic_numbers

from nepforge.data.frame import Frame
from nepforge.errors import DataError
from nepforge.units import EV_PER_A3_IN_GPA

KBAR_IN_EV_PER_A3 = 0.1 / EV_PER_A3_IN_GPA
FIXED_CHARGE = 10  # from this ICHARG on, the charge density is kept fixed
LEARNED = "{} results of VASP's machine-learned force field, which are no DFT labels"
SYMBOL = re.compile(r"([A-Z][a-z]?)(?![A-Za-z])")


def elements(titles: Sequence[str], valences: Sequence[str], where: str) -> list[int]:
    """Atomic numbers of the potentials.

    Args:
        titles: Like "PAW_PBE Zr_sv_GW 05Dec2013" or "PAW_PBE H.5 07Sep2000".
        valences: Like "H: ultrasoft test"; the symbol may be missing, or the valence.
        where: Name of the run for messages.

    Raises:
        DataError: One does not name an element, or the two contradict each other.
    """
    if not titles:
        raise DataError(
            f"{where}: names no potential (TITEL); the beginning of the file is missing"
        )
    numbers = []
    for idx, title in enumerate(titles):
        valence = valences[idx] if idx < len(valences) else ""
        by_title = _element(title.split())
        by_valence = _element(valence.partition(":")[0].split())
        if by_title and by_valence and by_title != by_valence:
            raise DataError(f'{where}: the potential "{title}" is also called "{valence}"')
        if not by_title and not by_valence:
            raise DataError(f'{where}: the potential "{title}" names no element')
        numbers.append(by_title or by_valence)
    return numbers


def _element(words: Sequence[str]) -> int:
    """Atomic number of the first word that begins with a symbol; 0 if none does."""
    symbols = [match[1] for word in words if (match := SYMBOL.match(word))]
    return next((int(atomic_numbers[s]) for s in symbols if atomic_numbers.get(s)), 0)


def kept_frames(
    name: str,
    frames: list[Frame],
    left_out: Sequence[str],
    n_unknown: int,
    notice: Callable[[str], None],
) -> list[Frame]:
    """The frames, after reporting what was left out and how many have unknown convergence.

    Raises:
        DataError: There is no frame.
    """
    if not frames:
        reasons = f"; left out: {'; '.join(left_out)}" if left_out else ""
        raise DataError(
            f"{name}: holds no ionic step with structure and energy{reasons}",
            hint="check that the run got past its first ionic step",
        )
    for text in left_out:
        notice(f"{name}: left out {text}")
    if n_unknown:
        notice(
            f"{name}: whether {n_unknown} frames converged is not known, NELM or the electronic "
            "steps are not printed"
        )
    return frames
