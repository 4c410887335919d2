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
from nepforge.errors import DataError
from nepforge.models.potential import TrainedPotential
from nepforge.native import StructureResult


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
        """Largest cutoff in Å, twice: radial and angular parts have the same."""
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
            n_threads: Threads of torch; 0 for as many as it would take.
            skin: Neighbours are searched anew each time, whatever it is.

        Raises:
            DataError: An element that the model does not know, a position that is not finite, atoms
                at the same place, or a periodic cell without volume.
        """
        del skin
        x, y, z = map(bool, pbc)
        frame = Frame(
            numbers=np.array(numbers, dtype=np.int64),
            positions=np.array(positions, dtype=np.float64),
            cell=np.array(cell, dtype=np.float64),
            pbc=(x, y, z),
        )
        if not (np.isfinite(frame.positions).all() and np.isfinite(frame.cell).all()):
            raise DataError("a position or the cell is not a finite number")
        model, trained = self._trained.model, self._trained
        batch = make_batch([frame], [find_neighbors(frame, model.species, model.neighbor_cutoff)])
        with _threads(n_threads):
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
