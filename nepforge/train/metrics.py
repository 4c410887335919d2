"""RMSE and MAE of every kind of label over a set of frames."""

from __future__ import annotations

import math

import torch
from attrs import define, field

from nepforge.data.batch import Batch
from nepforge.models.potential import Prediction
from nepforge.quantities import QUANTITIES


@define
class _Sums:
    count: int = 0
    squares: float = 0.0
    magnitudes: float = 0.0

    def add(self, errors: torch.Tensor) -> None:
        known = errors[~errors.isnan()]
        self.count += known.numel()
        self.squares += float((known * known).sum())
        self.magnitudes += float(known.abs().sum())


def _no_sums() -> dict[str, _Sums]:
    return {quantity.name: _Sums() for quantity in QUANTITIES}


@define
class ErrorSums:
    """Sums from which RMSE and MAE follow; batches are added one by one."""

    sums: dict[str, _Sums] = field(factory=_no_sums)  # by name of the quantity, in its unit

    def add(self, batch: Batch, prediction: Prediction) -> None:
        """Take the errors of one batch; labels that are missing (nan) count nowhere."""
        for quantity in QUANTITIES:
            error = getattr(prediction, quantity.field) - getattr(batch, quantity.field)
            self.sums[quantity.name].add(quantity.reported(error, batch.n_atoms))

    def report(self, prefix: str) -> dict[str, float]:
        """`prefix`_energy_rmse (eV/atom), _energy_mae, _force_rmse (eV/Å), ... so far."""
        report = {}
        for name, sums in self.sums.items():
            if sums.count:
                report[f"{prefix}_{name}_rmse"] = math.sqrt(sums.squares / sums.count)
                report[f"{prefix}_{name}_mae"] = sums.magnitudes / sums.count
        return report

    def state(self) -> list[float]:
        """Numbers that `restore` needs."""
        sums = self.sums.values()
        return [value for s in sums for value in (float(s.count), s.squares, s.magnitudes)]

    @classmethod
    def restore(cls, state: list[float]) -> ErrorSums:
        restored = cls()
        for sums, at in zip(restored.sums.values(), range(0, len(state), 3), strict=False):
            sums.count = int(state[at])
            sums.squares, sums.magnitudes = state[at + 1], state[at + 2]
        return restored
