"""Rows of the Jacobian over all NEP parameters, written out by hand.

Two kinds of observation are linear in the energy: the energy U of a frame, and its change U' along
a displacement of the atoms (a force group) or a strain (a virial). With q, z = w0 q - b0,
h = tanh z, a = w1 (1 - h^2) per atom and dots for changes along the direction, the rows are sums
over the atoms of a frame and species (weighed sums for atomic energies):

    parameter    row of U             row of U'
    w1           h                    h'
    b0           -a                   -a'
    w0           a q^T                a' q^T + a q'^T
    output bias  -1                   0
    c (radial)   dU/dq M^T            (dU/dq)' M^T + dU/dq M'^T
    c (angular)  dU/ds M^T            (dU/ds)' M^T + dU/ds M'^T

where a' = -2 h h' w1 and h' = (1 - h^2) z'. Tests compare with torch.func.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.models.nep.angular import three_body_weights
from nepforge.models.nep.invariants import QUARTIC_RATIO, cubic_form
from nepforge.models.nep.moments import Moments, PairKernels, angular_sums, moments_of_type
from nepforge.models.potential import Prediction
from nepforge.models.segments import segment_outer, segment_sum

if TYPE_CHECKING:  # nep makes LinearisedNEP
    from nepforge.models.nep.network import NEP, TypeState, Weights


@frozen(eq=False)
class LinearisedNEP:
    """A batch evaluated at some parameters; see models.potential."""

    model: NEP
    parameters: Tensor
    q_scaler: Tensor
    batch: Batch
    kernels: PairKernels
    moment: Moments
    states: Sequence[TypeState]
    prediction: Prediction

    def energy_rows(self) -> Tensor:
        """dU/dparameters of every frame, [F, n_parameters]."""
        return energy_rows(self.model, self.batch, self.moment, self.states)

    def atomic_energy_rows(self, weights: Tensor) -> Tensor:
        """d(sum_i v_i U_i)/dparameters for weights v [D, N] of the atoms, [D, F, n_parameters]."""
        return atomic_energy_rows(self.model, self.batch, self.moment, self.states, weights)

    def displacement_rows(self, displacements: Tensor) -> Tensor:
        """dU'/dparameters along D displacements [D, N, 3] of the atoms, [D, F, n_parameters]."""
        return self._rows_along(self.kernels.displacement_tangents(displacements))

    def strain_rows(self, strains: Tensor) -> Tensor:
        """dU'/dparameters along D strains [D, F, 3, 3] of the frames, [D, F, n_parameters]."""
        return self._rows_along(self.kernels.strain_tangents(strains))

    def _rows_along(self, tangent: Moments) -> Tensor:
        _, rows = direction_rows(
            self.model,
            self.parameters,
            self.q_scaler,
            self.batch,
            self.moment,
            tangent,
            self.states,
        )
        return rows


@frozen(eq=False)
class TypeTangent:
    """Changes of a TypeState along D directions."""

    energy: Tensor  # [D, n]
    q: Tensor  # scaled [D, n, n_descriptor]
    hidden: Tensor  # [D, n, neurons]
    sensitivity: Tensor  # [D, n, neurons]
    q_gradient: Tensor  # [D, n, n_descriptor]
    sums_gradient: Tensor  # [D, n, A, n_max + 1]


def energy_rows(model: NEP, batch: Batch, moment: Moments, states: Sequence[TypeState]) -> Tensor:
    """dU/dparameters of every frame, [F, n_parameters]."""
    equal = batch.neighbor_vector.new_ones(len(batch.frame_idx))
    return atomic_energy_rows(model, batch, moment, states, equal)


def atomic_energy_rows(
    model: NEP, batch: Batch, moment: Moments, states: Sequence[TypeState], weights: Tensor
) -> Tensor:
    """d(sum_i v_i U_i)/dparameters for weights v [..., N] of the atoms, [..., F, n_parameters]."""
    rows = weights.new_zeros(*weights.shape[:-1], batch.n_frames, model.n_parameters)
    for t, state in enumerate(states):
        offsets = batch.segment_offsets[t]
        own = moments_of_type(batch, moment, t)
        weight = weights[..., batch.type_slice(t), None]  # [..., n, 1]
        sensitivity = weight * state.sensitivity
        radial = weight * state.q_gradient[:, : model.n_radial]
        parts = _TypeRows(
            w0=segment_outer(sensitivity, state.q, offsets),
            b0=-segment_sum(sensitivity, offsets),
            w1=segment_sum(weight * state.hidden, offsets),
            bias=-segment_sum(weight, offsets),
            c_radial=segment_outer(radial, own.radial, offsets),
            c_angular=_angular_outer(weight[..., None] * state.sums_gradient, own.angular, offsets),
        )
        _store(model, rows, parts, t)
    return rows


def direction_rows(
    model: NEP,
    parameters: Tensor,
    q_scaler: Tensor,
    batch: Batch,
    moment: Moments,
    tangent: Moments,
    states: Sequence[TypeState],
) -> tuple[Tensor, Tensor]:
    """Change of the energy of every frame along D directions, and its gradient.

    Args:
        tangent: Changes of the moments along each direction, with leading dimension D.

    Returns:
        U' [D, F] and dU'/dparameters [D, F, n_parameters].
    """
    weights = model.weights(parameters)
    n_directions = len(tangent.radial)
    values = batch.energy.new_zeros(n_directions, batch.n_frames)
    rows = batch.energy.new_zeros(n_directions, batch.n_frames, model.n_parameters)
    for t, state in enumerate(states):
        offsets = batch.segment_offsets[t]
        own = moments_of_type(batch, moment, t)
        change = moments_of_type(batch, tangent, t)
        moved = _type_tangent(model, weights, q_scaler, state, change, t)
        n = model.n_radial
        parts = _TypeRows(
            w0=segment_outer(moved.sensitivity, state.q, offsets)
            + segment_outer(state.sensitivity, moved.q, offsets),
            b0=-segment_sum(moved.sensitivity, offsets),
            w1=segment_sum(moved.hidden, offsets),
            bias=None,
            c_radial=segment_outer(moved.q_gradient[..., :n], own.radial, offsets)
            + segment_outer(state.q_gradient[:, :n], change.radial, offsets),
            c_angular=_angular_outer(moved.sums_gradient, own.angular, offsets)
            + _angular_outer(state.sums_gradient, change.angular, offsets),
        )
        _store(model, rows, parts, t)
        values += segment_sum(moved.energy[..., None], offsets)[..., 0]
    return values, rows


def _type_tangent(
    model: NEP,
    weights: Weights,
    q_scaler: Tensor,
    state: TypeState,
    change: Moments,
    type_idx: int,
) -> TypeTangent:
    """Push the changes of the moments through descriptor and network and back."""
    sums = angular_sums(change.angular, weights.c_angular[type_idx])
    radial = change.radial @ weights.c_radial[type_idx].mT
    q = _descriptor_tangent(model, radial, state.sums, sums) * q_scaler
    slope = 1.0 - state.hidden * state.hidden
    hidden = slope * (q @ weights.w0[type_idx].mT)
    sensitivity = -2.0 * state.hidden * hidden * weights.w1[type_idx]
    q_gradient = (sensitivity @ weights.w0[type_idx]) * q_scaler
    return TypeTangent(
        energy=hidden @ weights.w1[type_idx],
        q=q,
        hidden=hidden,
        sensitivity=sensitivity,
        q_gradient=q_gradient,
        sums_gradient=_pull_back_tangent(model, state.sums, sums, state.q_gradient, q_gradient),
    )


def _descriptor_tangent(model: NEP, radial: Tensor, sums: Tensor, change: Tensor) -> Tensor:
    """Change of the unscaled descriptor [D, n, n_descriptor] for changes of the sums."""
    weights = three_body_weights(model.l_max).to(sums).mT
    three_body = 2.0 * (weights @ (sums * change))
    blocks = [three_body]
    by_n, change_by_n = sums.mT, change.mT
    for name in model.invariants:
        if name == "1111":
            first = weights[0] @ (sums * sums)
            blocks.append((2.0 * QUARTIC_RATIO) * (first * three_body[..., 0, :])[..., None, :])
            continue
        form = cubic_form(name)
        slope = 3.0 * form.contract(by_n, by_n)
        blocks.append((slope * change_by_n[..., form.start : form.stop]).sum(-1)[..., None, :])
    return torch.cat([radial, torch.cat(blocks, dim=-2).flatten(-2)], dim=-1)


def _pull_back_tangent(
    model: NEP, sums: Tensor, change: Tensor, gradient: Tensor, gradient_change: Tensor
) -> Tensor:
    """Change of dU/ds (nep.pull_back) for changes of the sums and of dU/dq."""
    shape = (-1, model.n_max[1] + 1)
    blocks = gradient[..., model.n_radial :].unflatten(-1, shape)
    moved = gradient_change[..., model.n_radial :].unflatten(-1, shape)
    weights = three_body_weights(model.l_max).to(sums)
    fixed, turned = blocks[..., : model.l_max, :], moved[..., : model.l_max, :]
    if "1111" in model.invariants:
        block = model.l_max + model.invariants.index("1111")
        first = weights[:, 0] @ (sums * sums)
        first_change = 2.0 * (weights[:, 0] @ (sums * change))
        factor = 2.0 * QUARTIC_RATIO
        quartic = factor * first * blocks[..., block, :]
        quartic_change = factor * (
            first_change * blocks[..., block, :] + first * moved[..., block, :]
        )
        fixed = torch.cat([fixed[..., :1, :] + quartic[..., None, :], fixed[..., 1:, :]], dim=-2)
        turned = torch.cat(
            [turned[..., :1, :] + quartic_change[..., None, :], turned[..., 1:, :]], dim=-2
        )
    result = 2.0 * (change * (weights @ fixed) + sums * (weights @ turned))
    by_n, change_by_n = sums.mT, change.mT
    for block, name in enumerate(model.invariants, start=model.l_max):
        if name == "1111":
            continue
        form = cubic_form(name)
        bent = 6.0 * form.contract(by_n, change_by_n) * blocks[..., block, :, None]
        bent = bent + 3.0 * form.contract(by_n, by_n) * moved[..., block, :, None]
        result[..., form.start : form.stop, :] += bent.mT
    return result


@frozen(eq=False)
class _TypeRows:
    """Parts of rows that belong to one type; leading dimensions are those of the rows."""

    w0: Tensor
    b0: Tensor
    w1: Tensor
    bias: Tensor | None
    c_radial: Tensor
    c_angular: Tensor


def _store(model: NEP, rows: Tensor, parts: _TypeRows, type_idx: int) -> None:
    """Write the parts of one type into their columns of the rows."""
    start = type_idx * model.n_network
    for part in (parts.w0.flatten(-2), parts.b0, parts.w1):
        rows[..., start : start + part.shape[-1]] = part
        start += part.shape[-1]
    if parts.bias is not None:
        rows[..., start : start + 1] = parts.bias
    start = model.n_types * model.n_network
    for part, size in zip((parts.c_radial, parts.c_angular), model.coefficient_sizes, strict=True):
        width = size // model.n_types
        rows[..., start + type_idx * width : start + (type_idx + 1) * width] = part.flatten(-2)
        start += size


def _angular_outer(gradient: Tensor, moment: Tensor, offsets: tuple[int, ...]) -> Tensor:
    """Sum over atoms and harmonics of gradient [..., n, A, p] x moment [..., n, A, r]."""
    per_atom = gradient.shape[-2]
    scaled = tuple(offset * per_atom for offset in offsets)
    return segment_outer(gradient.flatten(-3, -2), moment.flatten(-3, -2), scaled)
