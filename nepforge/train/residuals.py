"""Errors on a set of frames with their predicted error bars, and the factors that calibrate these.

    f = sqrt(mean (error / sqrt(h^T P h))^2)

over frames for energies and over components for forces. The factors scale the error bars to the
errors on the validation set; which error bars are larger than others comes from the filter.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import torch
from attrs import frozen
from torch import Tensor

from nepforge.models.potential import TrainedPotential
from nepforge.models.uncertainty import Covariance, energy_spread, force_spread
from nepforge.train.training_set import FrameSet

MOST_ATOMS = 512  # whose forces are used: their 1536 components give f to within 2 %


@frozen(eq=False)
class Residuals:
    """Label minus prediction (nan without a label) and its standard deviation."""

    energy: Tensor  # [F] eV/atom
    energy_std: Tensor
    forces: Tensor  # [n, 3] eV/Å, of at most about MOST_ATOMS atoms spread over the frames
    forces_std: Tensor


def residuals(trained: TrainedPotential, covariance: Covariance, frames: FrameSet) -> Residuals:
    """Residuals of every frame of a set, and of some atoms of each."""
    a_frame = max(1, MOST_ATOMS // len(frames))
    rows = [
        _of_frame(trained, covariance, frames, idx, _atoms(frame.n_atoms, a_frame, idx))
        for idx, frame in enumerate(frames.frames)
    ]
    return Residuals(*(torch.cat(parts) for parts in zip(*rows, strict=True)))


def calibrated(
    trained: TrainedPotential, factors: Sequence[Tensor], frames: FrameSet
) -> Covariance:
    """The covariance with factors fitted to a set; 1 for a label that the set lacks."""
    raw = Covariance(tuple(factors))
    found = residuals(trained, raw, frames)
    return attrs.evolve(
        raw,
        energy_factor=_factor(found.energy, found.energy_std),
        force_factor=_factor(found.forces, found.forces_std),
    )


def _of_frame(
    trained: TrainedPotential,
    covariance: Covariance,
    frames: FrameSet,
    idx: int,
    atoms: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    batch = frames.batch([idx])
    linearised = trained.model.linearise(trained.parameters, trained.scaler, batch)
    prediction = linearised.prediction
    return (
        (batch.energy - prediction.energy) / batch.n_atoms,
        energy_spread(linearised, covariance) / batch.n_atoms,
        (batch.forces - prediction.forces)[list(atoms)],
        force_spread(linearised, covariance, atoms),
    )


def _atoms(n_atoms: int, wanted: int, first: int) -> list[int]:
    """Evenly spaced positions in a batch, different for each frame."""
    count = min(wanted, n_atoms)
    return [(first + place * n_atoms // count) % n_atoms for place in range(count)]


def _factor(error: Tensor, std: Tensor) -> float:
    usable = ~error.isnan() & (std > 0)  # a free atom feels no parameter
    if not usable.any():
        return 1.0
    return float((error[usable] / std[usable]).square().mean().sqrt())
