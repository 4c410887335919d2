"""The structure printed last, which CASTEP may print again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import define, evolve, field

from nepforge.data.formats.text.steps import Structure
from nepforge.data.frame import FloatArray

SAME_PLACE = 1.5e-6  # fractions with six decimals, cells in Å with seven


@define
class Printed:
    """The structure of the step, and its fractional positions."""

    structure: Structure = field(factory=Structure)
    fractions: FloatArray | None = None  # [n_atoms, 3]

    def is_same(self, cell: FloatArray | None, fractions: FloatArray | None) -> bool:
        """Whether this is the same structure, printed again."""
        return _same(cell, self.structure.cell) and _same(fractions, self.fractions)

    def change(self, cell: FloatArray | None, fractions: FloatArray | None) -> None:
        """Set another structure; the volume is kept with its cell."""
        volume = self.structure.volume if _same(cell, self.structure.cell) else None
        self.structure = evolve(self.structure, cell=cell, volume=volume)
        self.set_fractions(fractions)

    def set_fractions(self, fractions: FloatArray | None) -> None:
        """Set other positions in the same cell; None if they are unknown."""
        cell = self.structure.cell
        positions = None if cell is None or fractions is None else fractions @ cell
        self.structure = evolve(self.structure, positions=positions)
        self.fractions = fractions

    def set_elements(self, numbers: Sequence[int]) -> None:
        self.structure = evolve(self.structure, numbers=np.array(numbers, dtype=np.int64))

    def set_volume(self, volume: float | None) -> None:
        """In Å³."""
        self.structure = evolve(self.structure, volume=volume)


def _same(values: FloatArray | None, others: FloatArray | None) -> bool:
    if values is None or others is None or values.shape != others.shape:
        return False
    return bool(np.abs(values - others).max() < SAME_PLACE)
