"""Rows of the Jacobian over all parameters of a Deep Potential, derived by hand.

The energy U of a frame depends on an embedding network through its values G, and the change U'
along a displacement or strain through G and G', which is dG/ds s'. With B = dU/dA, Γ = dU/dD, the
rows R of the environment matrix, primes for changes and 1/n_neighbors left out,

    dU/dG = dU'/dG' = R B,   dU'/dG = R B' + R' B,
    A' = sum_j (R'^T G + R^T G'),   D' = A'^T A_< + A^T A_<',   dU'/dD' = Γ,   dU'/dD = Γ',

where A_< are the first `axis` columns and Γ' comes from the fitting network. From there on,
models.dp.dense gives the rows of each network, summed over the atoms or pairs of a frame. A shared
network and the type vectors get theirs through own_parameters. Tests compare with
torch.func.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor

from nepforge.models.dp.dense import (
    Layer,
    fill_change_rows,
    fill_rows,
    forward_change,
    pull_back,
    pull_back_change,
)
from nepforge.models.dp.descriptor import descriptor_pull_back, descriptor_tangent
from nepforge.models.dp.environment_matrix import EnvironmentMatrix
from nepforge.models.dp.parameters import DPParameters, own_parameters
from nepforge.models.dp.sizes import DPSizes
from nepforge.models.dp.states import TypeState
from nepforge.models.potential import Prediction
from nepforge.models.segments import segment_sum


@frozen(eq=False)
class LinearisedDP:
    """A batch evaluated at some parameters; see models.potential.

    `own` and `states` are those of separate networks per pair and species.
    """

    model: DPSizes
    parameters: Tensor
    scaler: Tensor
    environment: EnvironmentMatrix
    own: DPParameters
    states: Sequence[TypeState]
    prediction: Prediction

    def energy_rows(self) -> Tensor:
        """dU/dparameters of every frame, [F, n_parameters]."""
        return self._weighted_energy_rows(torch.ones_like(self.prediction.atomic_energy))

    def atomic_energy_rows(self, weights: Tensor) -> Tensor:
        """d(sum_i v_i U_i)/dparameters for weights v [D, N] of the atoms, [D, F, n_parameters]."""
        return self._weighted_energy_rows(weights)

    def displacement_rows(self, displacements: Tensor) -> Tensor:
        """dU'/dparameters along D displacements [D, N, 3] of the atoms, [D, F, n_parameters]."""
        return self._rows_along(self.environment.displaced(displacements))

    def strain_rows(self, strains: Tensor) -> Tensor:
        """dU'/dparameters along D strains [D, F, 3, 3] of the frames, [D, F, n_parameters]."""
        return self._rows_along(self.environment.strained(strains))

    def _rows_along(self, change: Tensor) -> Tensor:
        """Rows of U' for the change R' [D, N, K, 4] of the environment matrix."""
        rows, views = self._empty_rows(len(change))
        for t in range(self.model.n_types):
            self._fill_change_rows(views, t, change)
        return self._shared(rows)

    def _weighted_energy_rows(self, weights: Tensor) -> Tensor:
        """Rows of sum_i v_i U_i for weights v [..., N], [..., F, n_parameters]."""
        rows, views = self._empty_rows(*weights.shape[:-1])
        for t in range(self.model.n_types):
            self._fill_energy_rows(views, t, weights)
        return self._shared(rows)

    def _fill_energy_rows(self, rows: DPParameters, type_idx: int, weights: Tensor) -> None:
        state, batch = self.states[type_idx], self.environment.batch
        offsets = batch.segment_offsets[type_idx]
        weight = weights[..., batch.type_slice(type_idx), None]  # [..., n, 1]
        for t, embedded in enumerate(state.embeddings):
            columns = batch.column_slice(t)
            of_pairs = weight.repeat_interleave(columns.stop - columns.start, dim=-2)
            gradients = [of_pairs * z for z in self._embedding_gradients(type_idx, t)]
            row = rows.embedding[self._pair(type_idx, t)]
            fill_rows(row, embedded.layers, gradients, _times(offsets, columns))
        gradients = [weight * z for z in state.z_gradients]
        fill_rows(rows.fitting[type_idx], state.fitting, gradients, offsets)
        rows.output[type_idx].copy_(segment_sum(weight * state.hidden, offsets))
        rows.bias[..., type_idx] = segment_sum(weight, offsets)[..., 0]

    def _fill_change_rows(self, rows: DPParameters, type_idx: int, change: Tensor) -> None:
        """Write the rows of U' of one type; the bias does not enter U'."""
        state, batch = self.states[type_idx], self.environment.batch
        offsets, atoms = batch.segment_offsets[type_idx], batch.type_slice(type_idx)
        axis, per_neighbor = self.model.axis, self.scaler[type_idx, 2]
        matrix = self.environment.rows[atoms]  # [n, K, 4]
        change = change[:, atoms]  # [D, n, K, 4]
        along = change[..., :1]  # s' [D, n, K, 1]
        a = per_neighbor * (change.mT @ state.value + matrix.mT @ (along * state.slope))
        q = descriptor_tangent(state.a, a, axis)
        net = self.own.fitting[type_idx]
        hidden, changes = forward_change(net, state.fitting, q.flatten(-2))
        q_gradient, gradients = pull_back_change(
            net, state.fitting, torch.zeros_like(hidden), changes, state.z_gradients
        )
        a_gradient = descriptor_pull_back(a, state.q_gradient, axis)
        a_gradient += descriptor_pull_back(state.a, q_gradient.view_as(q), axis)
        value_gradient = per_neighbor * (matrix @ a_gradient + change @ state.a_gradient)
        for t, columns in enumerate(map(batch.column_slice, range(batch.n_types))):
            self._fill_embedding_change_rows(
                rows, type_idx, t, along[:, :, columns], value_gradient[:, :, columns]
            )
        row = rows.fitting[type_idx]
        fill_change_rows(row, state.fitting, gradients, changes, state.z_gradients, offsets)
        rows.output[type_idx].copy_(segment_sum(hidden, offsets))

    def _fill_embedding_change_rows(
        self,
        rows: DPParameters,
        type_idx: int,
        neighbor_type: int,
        along: Tensor,
        gradient: Tensor,
    ) -> None:
        """Write the rows of one network for s' [D, n, K, 1] and dU'/dG [D, n, K, width]."""
        embedded = self.states[type_idx].embeddings[neighbor_type]
        net = self._embedding(type_idx, neighbor_type)
        change_gradients = self._embedding_gradients(type_idx, neighbor_type)
        changes = [change.times(along.flatten(1, 2)) for change in embedded.changes]
        _, gradients = pull_back_change(
            net, embedded.layers, gradient.flatten(1, 2), changes, change_gradients
        )
        batch = self.environment.batch
        offsets = _times(batch.segment_offsets[type_idx], batch.column_slice(neighbor_type))
        row = rows.embedding[self._pair(type_idx, neighbor_type)]
        fill_change_rows(row, embedded.layers, gradients, changes, change_gradients, offsets)

    def _embedding_gradients(self, type_idx: int, neighbor_type: int) -> list[Tensor]:
        """dU/dz = dU'/dz' of the layers of one embedding network."""
        state = self.states[type_idx]
        columns = self.environment.batch.column_slice(neighbor_type)
        gradient = state.value_gradient[:, columns].flatten(0, 1)
        net = self._embedding(type_idx, neighbor_type)
        return pull_back(net, state.embeddings[neighbor_type].layers, gradient)[1]

    def _embedding(self, type_idx: int, neighbor_type: int) -> list[Layer]:
        return self.own.embedding[self._pair(type_idx, neighbor_type)]

    def _pair(self, type_idx: int, neighbor_type: int) -> int:
        return type_idx * self.model.n_types + neighbor_type

    def _empty_rows(self, *leading: int) -> tuple[Tensor, DPParameters]:
        """Zero rows [..., F, n_parameters] over the separate networks, and their views."""
        own, batch = self.model.own_networks, self.environment.batch
        rows = self.prediction.energy.new_zeros(*leading, batch.n_frames, own.n_parameters)
        return rows, DPParameters.of(own, rows)

    def _shared(self, rows: Tensor) -> Tensor:
        """Rows over the parameters of the model from those over separate networks."""
        if not self.model.type_embedding:
            return rows
        pull = torch.func.vjp(lambda shared: own_parameters(self.model, shared), self.parameters)[1]
        (shared,) = torch.func.vmap(pull)(rows.flatten(0, -2))
        return shared.unflatten(0, rows.shape[:-1])


def _times(offsets: Sequence[int], columns: slice) -> tuple[int, ...]:
    """Offsets of the pairs, from those of their atoms."""
    width = columns.stop - columns.start
    return tuple(offset * width for offset in offsets)
