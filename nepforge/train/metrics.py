"""Errors of a set of frames: RMSE and MAE of energy and virial per atom, of force components and of
atomic energies."""

from __future__ import annotations

import math

import torch
from attrs import define, field

from nepforge.data.batch import Batch
from nepforge.models.potential import Prediction


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


@define
class ErrorSums:
    """Sums from which RMSE and MAE follow; batches are added one by one."""

    energy: _Sums = field(factory=_Sums)  # eV/atom
    force: _Sums = field(factory=_Sums)  # eV/Å, components
    virial: _Sums = field(factory=_Sums)  # eV/atom, 9 components
    atomic_energy: _Sums = field(factory=_Sums)  # eV

    def add(self, batch: Batch, prediction: Prediction) -> None:
        """Take the errors of one batch; labels that are missing (nan) count nowhere."""
        self.energy.add((prediction.energy - batch.energy) / batch.n_atoms)
        self.force.add(prediction.forces - batch.forces)
        self.virial.add((prediction.virial - batch.virial) / batch.n_atoms[:, None, None])
        self.atomic_energy.add(prediction.atomic_energy - batch.atomic_energy)

    def report(self, prefix: str) -> dict[str, float]:
        """`prefix`_energy_rmse (eV/atom), _energy_mae, _force_rmse (eV/Å), ... of what was seen."""
        report = {}
        for name, sums in self._parts().items():
            if sums.count:
                report[f"{prefix}_{name}_rmse"] = math.sqrt(sums.squares / sums.count)
                report[f"{prefix}_{name}_mae"] = sums.magnitudes / sums.count
        return report

    def state(self) -> list[float]:
        """Numbers that `restore` needs."""
        sums = self._parts().values()
        return [value for s in sums for value in (float(s.count), s.squares, s.magnitudes)]

    @classmethod
    def restore(cls, state: list[float]) -> ErrorSums:
        starts = range(0, len(state), 3)
        return cls(*(_Sums(int(state[i]), state[i + 1], state[i + 2]) for i in starts))

    def _parts(self) -> dict[str, _Sums]:
        return {
            "energy": self.energy,
            "force": self.force,
            "virial": self.virial,
            "atomic_energy": self.atomic_energy,
        }
