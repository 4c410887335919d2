"""The loss of gradient descent and its gradient, without automatic differentiation.

    L = mean over frames of w [ p_E dE^2 / N + p_F mean(dF^2) + p_V mean(dW^2) / N + p_A mean(du^2)]

with d = label - prediction, w the weight of the frame, mean(dF^2) over components, mean(dW^2) over
the six of a symmetric tensor and mean(du^2) over atomic energies; dF holds the force factor of the
species. In general a term is p mean(dq^2), over N for an extensive quantity of frames. A frame
without a label is left out of the mean of that term. Every term is a square, so its gradient is
that of one linear form in the predictions, and needs one row of the Jacobian per frame.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.models.potential import Potential, Prediction
from nepforge.quantities import QUANTITIES, Quantity
from nepforge.train.jacobians import JACOBIANS
from nepforge.train.observations import labelled_frames, refuse_not_finite


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
    prefactors: Mapping[str, float],
    force_factors: Tensor,
) -> LossGradient:
    """Loss of a batch and its gradient at the parameters.

    Args:
        prefactors: By name of the quantity, one over its unit squared (times atoms if extensive).
        force_factors: What the force error of each atom is multiplied by, [N, 1].

    Raises:
        NotFiniteError: The parameters give an energy or force that is not a number.
    """
    linearised = model.linearise(parameters, scaler, batch)
    prediction = linearised.prediction
    refuse_not_finite(batch, prediction)
    gradient = torch.zeros_like(parameters)
    loss = 0.0
    for quantity in QUANTITIES:
        if prefactors[quantity.name] == 0.0:
            continue
        factor: Tensor | float = force_factors if quantity.takes_force_weights else 1.0
        error = factor * (getattr(batch, quantity.field) - getattr(prediction, quantity.field))
        scale = _scale(batch, quantity, prefactors[quantity.name])
        error = error.nan_to_num(0.0)
        scaled = scale.reshape(-1, *(1 for _ in quantity.shape)) * error
        if quantity.is_symmetric:
            scaled = scaled * _once(error)
        loss += float((scaled * error).sum())
        if scaled.any():
            jacobian = JACOBIANS[quantity.name]
            gradient += jacobian.total(linearised, -2.0 * jacobian.sign * (factor * scaled))
    return LossGradient(loss, gradient, prediction)


def _scale(batch: Batch, quantity: Quantity, prefactor: float) -> Tensor:
    """What multiplies the squared errors of each frame [F] or atom [N]; 0 without the label."""
    known = labelled_frames(batch, quantity)
    n_terms = quantity.n_independent * torch.ones_like(batch.weight)
    if quantity.is_extensive or quantity.belongs_to == "atom":
        n_terms = quantity.n_independent * batch.n_atoms.to(batch.weight)
    of_frame = batch.weight * (prefactor / n_terms) / known.sum().clamp_min(1)
    scale = torch.where(known, of_frame, 0.0)
    return scale[batch.frame_idx] if quantity.belongs_to == "atom" else scale


def _once(like: Tensor) -> Tensor:
    """Each of the six components of a symmetric 3 x 3 tensor counts once."""
    weights = torch.full((3, 3), 0.5, dtype=like.dtype, device=like.device)
    return weights.fill_diagonal_(1.0)
