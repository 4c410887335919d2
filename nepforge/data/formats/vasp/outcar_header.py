"""The header of a VASP OUTCAR: elements, and the criterion of convergence."""

from __future__ import annotations

import numpy as np
from attrs import define, field

from nepforge.data.formats.text.words import MOST_DIGITS
from nepforge.data.formats.vasp.outcar_blocks import Header
from nepforge.data.formats.vasp.potentials import FIXED_CHARGE, elements
from nepforge.data.frame import FloatArray, IntArray
from nepforge.errors import DataError

COUNT_WIDTH = 4  # characters of a number of ions, which may touch the next


@define
class OutcarHeader:
    """Texts and numbers as printed; 0 or "" where they are not printed."""

    titles: list[str] = field(factory=list)  # after TITEL
    valences: list[str] = field(factory=list)  # after VRHFIN
    potcars: list[str] = field(factory=list)  # after POTCAR:
    counts: str = ""  # after "ions per type ="
    n_ions: int = 0
    nelm: int = 0
    icharg: int = 0
    positions: FloatArray | None = None  # [n_ions, 3] Å

    def take(self, item: Header) -> None:
        """Keep a value; of a number printed twice the last counts."""
        before = getattr(self, item.name)
        if isinstance(before, list):
            before.append(item.value)
        else:
            setattr(self, item.name, item.value)

    def numbers(self, n_rows: int, where: str) -> IntArray:
        """Atomic number of each ion, [n_rows].

        Raises:
            DataError: Potentials, ions per type, ions and rows of positions are inconsistent.
        """
        kinds = elements(self._potentials(), self.valences, where)
        n_ions = self.n_ions or n_rows
        for words in (self.counts.split(), _columns(self.counts, len(kinds))):
            if len(words) == len(kinds) and all(_is_count(word) for word in words):
                counts = [int(word) for word in words]
                if sum(counts) == n_ions == n_rows:
                    return np.repeat(np.array(kinds, dtype=np.int64), counts)
        raise DataError(
            f"{where}: has {n_rows} positions of {n_ions} ions, {len(kinds)} potentials and "
            f'"ions per type ={self.counts}"',
            hint="the file is damaged, or assembled from several",
        )

    def _potentials(self) -> list[str]:
        """Names of the potentials; VASP prints the lines POTCAR: twice."""
        n_kinds = len(self.counts.split())
        twice = len(self.potcars) == 2 * n_kinds
        return self.titles or (self.potcars[:n_kinds] if twice else self.potcars)

    def is_converged(self, iteration: int) -> bool:
        """Whether the electronic steps ended before NELM was reached.

        At NELM, VASP 5 prints that EDIFF is reached, too.
        """
        return self.icharg < FIXED_CHARGE and not 0 < self.nelm <= iteration


def _is_count(word: str) -> bool:
    return word.strip().isdecimal() and len(word) <= MOST_DIGITS


def _columns(text: str, n_columns: int) -> list[str]:
    """The last columns of a row of numbers that may touch."""
    start = len(text) - n_columns * COUNT_WIDTH
    return [text[max(idx, 0) : idx + COUNT_WIDTH] for idx in range(start, len(text), COUNT_WIDTH)]
