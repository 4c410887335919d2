"""Observations of a batch for the Kalman filter: innovations and Jacobian rows with unit noise.

    a frame               e = w sqrt(C) rms(dq) / N              row w / (sqrt(C) N) d(v.q)/dtheta
    a group of n atoms    e = w sqrt(C n) rms(dq)                row w / sqrt(C n) d(v.q)/dtheta

for a quantity q of C components with dq = label - prediction and v = dq / rms(dq); N is the number
of atoms (1 for a q that is not extensive), and a q of one number per frame keeps the sign of its
error: e = w dq / N. So energies give w_E dE / N, virials 3 w_V rms(dW) / N. Errors are projected
on their own direction, so that nothing cancels. (PWMLFF projects on their signs; this weighs large
errors more and reached lower errors in fewer epochs on HfO2.) Force weights of the species multiply
the force errors first. A frame without a label gives no such observation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.errors import DivergenceError
from nepforge.models.potential import Potential, Prediction
from nepforge.quantities import FORCE, QUANTITIES, Quantity
from nepforge.recipe.tables import Weights
from nepforge.train.jacobians import JACOBIANS

SMALLEST_RMS = 1.0e-12  # in the unit of the label: smaller errors are rounding, without direction


def observation_weights(given: Weights) -> dict[str, float]:
    """Those of [optimizer.weights] by name of the quantity; a weight that is not given is 0."""
    return {one.name: getattr(given, one.name) or 0.0 for one in QUANTITIES}


def force_weights_of(
    species: Sequence[str], given: Mapping[str, float] | None
) -> tuple[float, ...]:
    """By type, 1 for a species that is not given; empty when none is."""
    return () if given is None else tuple(given.get(symbol, 1.0) for symbol in species)


@frozen(eq=False)
class Observations:
    """m scaled observations of a batch, and the prediction that they were compared with."""

    innovations: Tensor  # [m]
    rows: Tensor  # [m, n_parameters]
    prediction: Prediction


class NotFiniteError(DivergenceError):
    """A predicted energy or force is not a number."""

    def __init__(self, frame_idx: int, atom_idx: int) -> None:
        super().__init__(f"frame {frame_idx} of the batch, atom {atom_idx}: not finite")
        self.frame_idx = frame_idx  # within the batch
        self.atom_idx = atom_idx  # within the frame, in its own order


def observe(
    model: Potential,
    parameters: Tensor,
    scaler: Tensor,
    batch: Batch,
    *,
    force_groups: int,
    weights: Mapping[str, float],
    rng: torch.Generator,
    force_weights: Sequence[float] = (),
) -> Observations:
    """Observations of every quantity with a weight, linearised at the parameters.

    Args:
        force_groups: Groups into which the atoms of each frame are divided.
        weights: By name of the quantity, one over its unit: one over the expected errors.
        force_weights: See `force_factors`.

    Raises:
        NotFiniteError: The parameters give an energy or force that is not a number.
    """
    linearised = model.linearise(parameters, scaler, batch)
    prediction = linearised.prediction
    refuse_not_finite(batch, prediction)
    root = batch.weight.sqrt()
    of_forces = force_factors(batch, force_weights)
    innovations = [batch.energy.new_zeros(0)]  # a batch may have none of the labels
    rows = [batch.energy.new_zeros(0, len(parameters))]
    for quantity in QUANTITIES:
        known = labelled_frames(batch, quantity)
        # groups are drawn for forces that are missing too: seeds keep their meaning
        if weights[quantity.name] == 0.0 or not (quantity is FORCE or known.any()):
            continue
        error = getattr(batch, quantity.field) - getattr(prediction, quantity.field)
        factor: Tensor | float = of_forces if quantity.takes_force_weights else 1.0
        error = factor * error.nan_to_num(0.0)
        if quantity.belongs_to == "frame":
            found = _by_frame(batch, quantity, error)
        else:
            found = _by_groups(batch, quantity, error, force_groups, rng)
        scale = weights[quantity.name] / found.size
        jacobian = JACOBIANS[quantity.name]
        tangents = jacobian.rows(linearised, factor * found.directions)
        for sums, row in zip(found.errors, tangents, strict=True):
            if known.any():
                innovations.append((root * (scale * sums))[known])
                rows.append((root[:, None] * (jacobian.sign * scale[:, None] * row))[known])
    return Observations(torch.cat(innovations), torch.cat(rows), prediction)


@frozen(eq=False)
class _Projected:
    """Errors of a quantity along D directions."""

    directions: Tensor  # [D, F or N, *shape]
    errors: Tensor  # [D, F]
    size: Tensor  # [F], what makes their variance one over the squared weight


def _by_frame(batch: Batch, quantity: Quantity, error: Tensor) -> _Projected:
    """The error [F, *shape] of each frame on its own direction d / rms(d); one number as is."""
    n_atoms = batch.n_atoms.to(error) if quantity.is_extensive else torch.ones_like(batch.weight)
    size = math.sqrt(quantity.n_components) * n_atoms
    if not quantity.shape:
        return _Projected(torch.ones_like(error)[None], error[None], size)
    components = tuple(range(1, error.ndim))
    rms = (error * error).mean(dim=components, keepdim=True).sqrt()
    direction = error / rms.clamp_min(SMALLEST_RMS)
    return _Projected(direction[None], (direction * error).sum(dim=components)[None], size)


def _by_groups(
    batch: Batch, quantity: Quantity, error: Tensor, n_groups: int, rng: torch.Generator
) -> _Projected:
    """The errors [N, *shape] of the atoms of each group on their own direction."""
    flat = error.reshape(len(error), quantity.n_components)
    directions = group_directions(batch, flat, n_groups, rng)
    n_atoms = batch.n_atoms.to(error)
    return _Projected(
        directions.reshape(n_groups, *error.shape),
        _frame_sums(batch, directions * flat),
        (quantity.n_components * n_atoms / n_groups).sqrt(),
    )


def labelled_frames(batch: Batch, quantity: Quantity) -> Tensor:
    """Whether each frame has the label, bool [F]."""
    label = getattr(batch, quantity.field)
    first = label.reshape(len(label), -1)[:, 0]
    return ~(batch.sum_by_frame(first) if quantity.belongs_to == "atom" else first).isnan()


def force_factors(batch: Batch, force_weights: Sequence[float]) -> Tensor:
    """What the force error of each atom is multiplied by, [N, 1]; weights by type, () for all 1."""
    if not force_weights:
        return torch.ones_like(batch.forces[:, :1])
    return batch.forces.new_tensor(force_weights)[batch.type_idx, None]


def group_directions(batch: Batch, error: Tensor, n_groups: int, rng: torch.Generator) -> Tensor:
    """d / rms(d) of errors d [N, C] of the atoms of each group, 0 elsewhere, [n_groups, N, C].

    The atoms of each frame are divided at random into groups whose sizes differ by at most one; the
    rms is over the components of the group's atoms in the frame.
    """
    shuffled = torch.rand(len(error), generator=rng, dtype=torch.float64).to(error.device)
    order = torch.argsort(batch.frame_idx + shuffled, stable=True)
    starts = batch.n_atoms.cumsum(0) - batch.n_atoms
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device)
    group = (rank - starts[batch.frame_idx]) % n_groups
    chosen = (group == torch.arange(n_groups, device=group.device)[:, None]).to(error)  # [G, N]
    directions = error * chosen[..., None]
    n_components = error.shape[1] * batch.sum_by_frame(chosen.mT).mT  # [G, F]
    mean_square = _frame_sums(batch, directions * directions) / n_components.clamp_min(1.0)
    rms = mean_square.sqrt().clamp_min(SMALLEST_RMS)
    return directions / rms[:, batch.frame_idx, None]


def refuse_not_finite(batch: Batch, prediction: Prediction) -> None:
    """Raise NotFiniteError at the first atom whose energy or force is not a number."""
    bad = ~(prediction.forces.isfinite().all(dim=1) & prediction.atomic_energy.isfinite())
    if bad.any():
        atom = int(bad.nonzero()[0, 0])
        frame = int(batch.frame_idx[atom])
        first = int(batch.n_atoms[:frame].sum())
        raise NotFiniteError(frame, int(batch.source_idx[atom]) - first)


def _frame_sums(batch: Batch, per_atom: Tensor) -> Tensor:
    """Sums over atoms and components of [D, N, 3] by frame, [D, F]."""
    return batch.sum_by_frame(per_atom.sum(dim=-1).mT).mT
