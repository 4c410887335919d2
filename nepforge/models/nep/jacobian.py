"""Rows of the Jacobian over all NEP parameters, derived by hand.

Two kinds of observation are linear in the energy: the energy U of a frame, and its change U' along
a displacement of the atoms (a force group) or a strain (a virial). With q, z = w0 q - b0,
h = tanh z, a = w1 (1 - h^2) per atom and primes for changes along the direction, the rows are sums
over the atoms of a frame and species (weighted sums for atomic energies):

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

from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.models.nep.descriptor import descriptor_tangent, pull_back_tangent
from nepforge.models.nep.moments import Moments, PairKernels, angular_sums, moments_of_type
from nepforge.models.nep.parameters import NEPParameters, TypeParameters
from nepforge.models.nep.sizes import NEPSizes
from nepforge.models.nep.states import TypeState
from nepforge.models.potential import Prediction
from nepforge.models.segments import segment_outer, segment_sum


@frozen(eq=False)
class LinearisedNEP:
    """A batch evaluated at some parameters; see models.potential."""

    model: NEPSizes
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
        at, own = (self.parameters, self.q_scaler), self.moment
        return direction_rows(self.model, *at, self.batch, own, tangent, self.states)[1]


def energy_rows(
    model: NEPSizes, batch: Batch, moment: Moments, states: Sequence[TypeState]
) -> Tensor:
    """dU/dparameters of every frame, [F, n_parameters]."""
    equal = batch.neighbor_vector.new_ones(len(batch.frame_idx))
    return atomic_energy_rows(model, batch, moment, states, equal)


def atomic_energy_rows(
    model: NEPSizes, batch: Batch, moment: Moments, states: Sequence[TypeState], weights: Tensor
) -> Tensor:
    """d(sum_i v_i U_i)/dparameters for weights v [..., N] of the atoms, [..., F, n_parameters]."""
    rows = weights.new_zeros(*weights.shape[:-1], batch.n_frames, model.n_parameters)
    views = NEPParameters.of(model, rows)
    for t, state in enumerate(states):
        offsets = batch.segment_offsets[t]
        own = moments_of_type(batch, moment, t)
        weight = weights[..., batch.type_slice(t), None]  # [..., n, 1]
        sensitivity = weight * state.sensitivity
        radial = weight * state.q_gradient[:, : model.n_radial]
        angular = weight[..., None] * state.sums_gradient
        row = views.of_type(t)
        row.w0.copy_(segment_outer(sensitivity, state.q, offsets))
        row.b0.copy_(-segment_sum(sensitivity, offsets))
        row.w1.copy_(segment_sum(weight * state.hidden, offsets))
        row.bias.copy_(-segment_sum(weight, offsets)[..., 0])
        row.c_radial.copy_(segment_outer(radial, own.radial, offsets))
        row.c_angular.copy_(_angular_outer(angular, own.angular, offsets))
    return rows


def direction_rows(
    model: NEPSizes,
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
    n_directions = len(tangent.radial)
    values = batch.energy.new_zeros(n_directions, batch.n_frames)
    rows = batch.energy.new_zeros(n_directions, batch.n_frames, model.n_parameters)
    numbers, row_views = NEPParameters.of(model, parameters), NEPParameters.of(model, rows)
    for t, state in enumerate(states):
        offsets = batch.segment_offsets[t]
        own = moments_of_type(batch, moment, t)
        change = moments_of_type(batch, tangent, t)
        moved = _type_tangent(model, numbers.of_type(t), q_scaler, state, change)
        _fill_direction_rows(row_views.of_type(t), state, moved, own, change, offsets)
        values += segment_sum(moved.energy[..., None], offsets)[..., 0]
    return values, rows


@frozen(eq=False)
class TypeTangent:
    """Changes of a TypeState along D directions."""

    energy: Tensor  # [D, n]
    q: Tensor  # scaled [D, n, n_descriptor]
    hidden: Tensor  # [D, n, neurons]
    sensitivity: Tensor  # [D, n, neurons]
    q_gradient: Tensor  # [D, n, n_descriptor]
    sums_gradient: Tensor  # [D, n, A, n_max + 1]


def _type_tangent(
    model: NEPSizes, own: TypeParameters, q_scaler: Tensor, state: TypeState, change: Moments
) -> TypeTangent:
    """Push the changes of the moments through descriptor and network and back."""
    sums = angular_sums(change.angular, own.c_angular)
    q = descriptor_tangent(model, change.radial @ own.c_radial.mT, state.sums, sums) * q_scaler
    slope = 1.0 - state.hidden * state.hidden
    hidden = slope * (q @ own.w0.mT)
    sensitivity = -2.0 * state.hidden * hidden * own.w1
    q_gradient = (sensitivity @ own.w0) * q_scaler
    return TypeTangent(
        energy=hidden @ own.w1,
        q=q,
        hidden=hidden,
        sensitivity=sensitivity,
        q_gradient=q_gradient,
        sums_gradient=pull_back_tangent(model, state.sums, sums, state.q_gradient, q_gradient),
    )


def _fill_direction_rows(
    row: TypeParameters,
    state: TypeState,
    moved: TypeTangent,
    own: Moments,
    change: Moments,
    offsets: tuple[int, ...],
) -> None:
    """Write the rows of U' of one type; the output bias does not enter U'."""
    n = row.c_radial.shape[-2]
    row.w0.copy_(
        segment_outer(moved.sensitivity, state.q, offsets)
        + segment_outer(state.sensitivity, moved.q, offsets)
    )
    row.b0.copy_(-segment_sum(moved.sensitivity, offsets))
    row.w1.copy_(segment_sum(moved.hidden, offsets))
    row.c_radial.copy_(
        segment_outer(moved.q_gradient[..., :n], own.radial, offsets)
        + segment_outer(state.q_gradient[:, :n], change.radial, offsets)
    )
    row.c_angular.copy_(
        _angular_outer(moved.sums_gradient, own.angular, offsets)
        + _angular_outer(state.sums_gradient, change.angular, offsets)
    )


def _angular_outer(gradient: Tensor, moment: Tensor, offsets: tuple[int, ...]) -> Tensor:
    """Sum over atoms and harmonics of gradient [..., n, A, p] x moment [..., n, A, r]."""
    per_atom = gradient.shape[-2]
    scaled = tuple(offset * per_atom for offset in offsets)
    return segment_outer(gradient.flatten(-3, -2), moment.flatten(-3, -2), scaled)
