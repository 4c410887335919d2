"""A trained potential evaluated structure by structure in torch, as NativeModel does in C++."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import ArrayLike

from nepforge.data.batch import make_batch
from nepforge.data.frame import Frame
from nepforge.data.neighbors import find_neighbors
from nepforge.models.arguments import checked_skin, checked_structure, checked_threads
from nepforge.models.nep.native import StructureResult
from nepforge.models.potential import TrainedPotential


class TorchModel:
    """Has the methods of NativeModel that commands and calculator call."""

    def __init__(self, trained: TrainedPotential) -> None:
        self._trained = trained

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols in model order."""
        return self._trained.model.species

    @property
    def cutoff(self) -> tuple[float, float]:
        """Largest cutoff in Å, as both radial and angular cutoff."""
        return (self._trained.model.neighbor_cutoff,) * 2

    def evaluate_structure(
        self,
        numbers: ArrayLike,
        positions: ArrayLike,
        cell: ArrayLike,
        pbc: Sequence[bool] = (True, True, True),
        *,
        n_threads: int = 1,
        skin: float = 0.0,
    ) -> StructureResult:
        """Energies, forces and the virial of one structure.

        Args:
            numbers: Atomic numbers, [n_atoms].
            positions: Å, [n_atoms, 3]; may lie outside the cell.
            cell: Å, [3, 3], rows are vectors.
            pbc: Which directions are periodic.
            n_threads: Threads of torch; 0 for its default.
            skin: Checked but unused: neighbours are searched each time.

        Raises:
            UsageError: `n_threads` or `skin` is negative, far too large, or not a number.
            DataError: An element that the model does not know, a position that is not finite, two
                atoms that share a position, or a periodic cell without volume.
        """
        checked_skin(skin)
        structure = checked_structure(numbers, positions, cell, pbc)
        x, y, z = map(bool, structure.periodic)
        frame = Frame(
            structure.numbers.astype(np.int64), structure.positions, structure.cell, (x, y, z)
        )
        model, trained = self._trained.model, self._trained
        batch = make_batch([frame], [find_neighbors(frame, model.species, model.neighbor_cutoff)])
        with _threads(checked_threads(n_threads)):
            found = model.predict(trained.parameters, trained.scaler, batch)
        return StructureResult(
            batch.to_source_order(found.atomic_energy).numpy(),
            batch.to_source_order(found.forces).numpy(),
            found.virial[0].numpy(),
        )


@contextmanager
def _threads(n_threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
