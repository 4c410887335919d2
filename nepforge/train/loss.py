"""The loss of gradient descent and its gradient, without automatic differentiation.

    L = mean over frames of w [ p_E dE^2 / N + p_F mean(dF^2) + p_V mean(dW^2) / N + p_A mean(du^2)]

with d = label - prediction, w the weight of the frame, mean(dF^2) over components, mean(dW^2) over
the six of a symmetric tensor and mean(du^2) over atomic energies; dF holds the force factor of the
species. A frame without a label is left out of the mean of that term. Every term is a square, so
its gradient is that of one linear form in energies, forces and virials: weighted sums of energies,
and the change of the energy along one displacement and one strain.
"""

from __future__ import annotations

import torch
from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.models.potential import Potential, Prediction
from nepforge.train.observations import refuse_not_finite


@frozen
class Prefactors:
    """p_E, p_F, p_V and p_A."""

    energy: float  # atoms/eV^2
    force: float  # Å^2/eV^2
    virial: float  # atoms/eV^2
    atomic_energy: float = 0.0  # 1/eV^2


@frozen(eq=False)
class LossGradient:
    """Loss of a batch, its gradient, and the prediction that it belongs to."""

    loss: float
    gradient: Tensor  # [n_parameters]
    prediction: Prediction


def loss_gradient(
    model: Potential,
    parameters: Tensor,
    scaler: Tensor,
    batch: Batch,
    prefactors: Prefactors,
    force_factors: Tensor,
) -> LossGradient:
    """Loss of a batch and its gradient at the parameters.

    Args:
        force_factors: What the force error of each atom is multiplied by, [N, 1].

    Raises:
        NotFiniteError: The parameters give an energy or force that is not a number.
    """
    linearised = model.linearise(parameters, scaler, batch)
    prediction = linearised.prediction
    refuse_not_finite(batch, prediction)
    n_atoms = batch.n_atoms.to(batch.energy)
    gradient = torch.zeros_like(parameters)
    loss = 0.0
    if prefactors.energy > 0:
        error = batch.energy - prediction.energy  # [F]
        scale = _frame_scale(batch, error, prefactors.energy / n_atoms)
        error = error.nan_to_num(0.0)
        loss += float((scale * error * error).sum())
        gradient += (-2.0 * scale * error) @ linearised.energy_rows()
    if prefactors.force > 0:
        error = force_factors * (batch.forces - prediction.forces)  # [N, 3]
        of_frame = batch.sum_by_frame(error[:, 0])  # [F], nan without forces
        scale = _frame_scale(batch, of_frame, prefactors.force / (3.0 * n_atoms))
        error = error.nan_to_num(0.0)
        scaled = scale[batch.frame_idx, None] * error
        loss += float((scaled * error).sum())
        # F = -dU/dr: the change of U along s is minus the change of s.F
        moved = 2.0 * (force_factors * scaled)[None]
        gradient += linearised.displacement_rows(moved)[0].sum(dim=0)
    if prefactors.virial > 0:
        error = batch.virial - prediction.virial  # [F, 3, 3]
        scale = _frame_scale(batch, error[:, 0, 0], prefactors.virial / (6.0 * n_atoms))
        scaled = scale[:, None, None] * error.nan_to_num(0.0) * _once(error)
        loss += float((scaled * error.nan_to_num(0.0)).sum())
        if bool(scaled.any()):
            gradient += linearised.strain_rows(2.0 * scaled[None])[0].sum(dim=0)
    if prefactors.atomic_energy > 0:
        error = batch.atomic_energy - prediction.atomic_energy  # [N]
        of_frame = batch.sum_by_frame(error)  # [F], nan without the labels
        scale = _frame_scale(batch, of_frame, prefactors.atomic_energy / n_atoms)
        scaled = scale[batch.frame_idx] * error.nan_to_num(0.0)
        loss += float((scaled * error.nan_to_num(0.0)).sum())
        if bool(scaled.any()):
            gradient += linearised.atomic_energy_rows(-2.0 * scaled[None])[0].sum(dim=0)
    return LossGradient(loss, gradient, prediction)


def _frame_scale(batch: Batch, error: Tensor, factor: Tensor) -> Tensor:
    """w_f factor_f / (number of frames with the label), 0 for frames without it, [F]."""
    known = ~error.isnan()
    return torch.where(known, batch.weight * factor / known.sum().clamp_min(1), 0.0)


def _once(like: Tensor) -> Tensor:
    """Each of the six components of a symmetric 3 x 3 tensor counts once."""
    weights = torch.full((3, 3), 0.5, dtype=like.dtype, device=like.device)
    return weights.fill_diagonal_(1.0)
