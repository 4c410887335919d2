"""Rows of the Jacobian over all parameters of a Deep Potential, written out by hand.

The energy U of a frame depends on an embedding network through its values G, and the change U'
along a displacement or strain through G and G', which is dG/ds s'. With B = dU/dA, Γ = dU/dD, the
rows R of the environment matrix, dots for changes and 1/n_neighbors left out,

    dU/dG = dU'/dG' = R B,   dU'/dG = R B' + R' B,
    A' = sum_j (R'^T G + R^T G'),   D' = A'^T A_< + A^T A_<',   dU'/dD' = Γ,   dU'/dD = Γ',

where A_< are the first `axis` columns and Γ' comes from the fitting network. From there on,
models.dense gives the rows of each network, summed over the atoms or pairs of a frame. A shared
network and the vectors of the species get theirs through DP.own_parameters. Tests compare with
torch.func.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from attrs import frozen
from torch import Tensor

from nepforge.models.dp.dense import (
    change_parameter_rows,
    forward_change,
    parameter_rows,
    pull_back,
    pull_back_change,
)
from nepforge.models.dp.environment import Environment
from nepforge.models.potential import Prediction
from nepforge.models.segments import segment_sum

if TYPE_CHECKING:  # dp makes LinearisedDP
    from nepforge.models.dp.dense import Layer
    from nepforge.models.dp.network import DP, TypeState, Weights


@frozen(eq=False)
class LinearisedDP:
    """A batch evaluated at some parameters; see models.potential.

    `weights` and `states` are those of the networks of their own, see DP.own_parameters.
    """

    model: DP
    parameters: Tensor
    scaler: Tensor
    environment: Environment
    weights: Weights
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
        return self._joined([self._change_rows(t, change) for t in range(self.model.n_types)])

    def _weighted_energy_rows(self, weights: Tensor) -> Tensor:
        """Rows of sum_i v_i U_i for weights v [..., N], [..., F, n_parameters]."""
        return self._joined([self._energy_rows(t, weights) for t in range(self.model.n_types)])

    def _energy_rows(self, type_idx: int, weights: Tensor) -> _TypeRows:
        state, batch = self.states[type_idx], self.environment.batch
        offsets = batch.segment_offsets[type_idx]
        weight = weights[..., batch.type_slice(type_idx), None]  # [..., n, 1]
        embedding = []
        for t, embedded in enumerate(state.embeddings):
            columns = batch.column_slice(t)
            of_pairs = weight.repeat_interleave(columns.stop - columns.start, dim=-2)
            gradients = [of_pairs * z for z in self._embedding_gradients(type_idx, t)]
            pair_offsets = _times(offsets, columns)
            embedding.append(parameter_rows(embedded.layers, gradients, pair_offsets))
        gradients = [weight * z for z in state.z_gradients]
        return _TypeRows(
            embedding=embedding,
            fitting=parameter_rows(state.fitting, gradients, offsets),
            output=segment_sum(weight * state.hidden, offsets),
            bias=segment_sum(weight, offsets),
        )

    def _change_rows(self, type_idx: int, change: Tensor) -> _TypeRows:
        state, batch = self.states[type_idx], self.environment.batch
        offsets, atoms = batch.segment_offsets[type_idx], batch.type_slice(type_idx)
        per_neighbor = self.scaler[type_idx, 2]
        own = self.environment.rows[atoms]  # [n, K, 4]
        change = change[:, atoms]  # [D, n, K, 4]
        along = change[..., :1]  # s' [D, n, K, 1]
        a = per_neighbor * (change.mT @ state.value + own.mT @ (along * state.slope))
        q = self.model.descriptor_change(state.a, a)
        net = self.weights.fitting[type_idx]
        hidden, changes = forward_change(net, state.fitting, q.flatten(-2))
        q_gradient, gradients = pull_back_change(
            net, state.fitting, torch.zeros_like(hidden), changes, state.z_gradients
        )
        a_gradient = self.model.descriptor_pull_back(a, state.q_gradient)
        a_gradient += self.model.descriptor_pull_back(state.a, q_gradient.view_as(q))
        value_gradient = per_neighbor * (own @ a_gradient + change @ state.a_gradient)
        return _TypeRows(
            embedding=[
                self._embedding_change_rows(
                    type_idx, t, along[:, :, columns], value_gradient[:, :, columns]
                )
                for t, columns in enumerate(map(batch.column_slice, range(batch.n_types)))
            ],
            fitting=change_parameter_rows(
                state.fitting, gradients, changes, state.z_gradients, offsets
            ),
            output=segment_sum(hidden, offsets),
            bias=a.new_zeros(len(a), batch.n_frames, 1),
        )

    def _embedding_change_rows(
        self, type_idx: int, neighbor_type: int, along: Tensor, gradient: Tensor
    ) -> Tensor:
        """Rows of one embedding network for s' [D, n, K, 1] and dU'/dG [D, n, K, width]."""
        embedded = self.states[type_idx].embeddings[neighbor_type]
        net = self._embedding(type_idx, neighbor_type)
        change_gradients = self._embedding_gradients(type_idx, neighbor_type)
        changes = [change.times(along.flatten(1, 2)) for change in embedded.changes]
        _, gradients = pull_back_change(
            net, embedded.layers, gradient.flatten(1, 2), changes, change_gradients
        )
        batch = self.environment.batch
        offsets = _times(batch.segment_offsets[type_idx], batch.column_slice(neighbor_type))
        return change_parameter_rows(embedded.layers, gradients, changes, change_gradients, offsets)

    def _embedding_gradients(self, type_idx: int, neighbor_type: int) -> list[Tensor]:
        """dU/dz = dU'/dz' of the layers of one embedding network."""
        state = self.states[type_idx]
        columns = self.environment.batch.column_slice(neighbor_type)
        gradient = state.value_gradient[:, columns].flatten(0, 1)
        net = self._embedding(type_idx, neighbor_type)
        return pull_back(net, state.embeddings[neighbor_type].layers, gradient)[1]

    def _embedding(self, type_idx: int, neighbor_type: int) -> list[Layer]:
        return self.weights.embedding[type_idx * self.model.n_types + neighbor_type]

    def _joined(self, parts: Sequence[_TypeRows]) -> Tensor:
        """Rows over the parameters of the model from those of every type's own networks."""
        columns = [rows for part in parts for rows in part.embedding]
        for part in parts:
            columns += [part.fitting, part.output]
        rows = torch.cat([*columns, *(part.bias for part in parts)], dim=-1)
        if not self.model.type_embedding:
            return rows
        pull = torch.func.vjp(self.model.own_parameters, self.parameters)[1]
        (shared,) = torch.func.vmap(pull)(rows.flatten(0, -2))
        return shared.unflatten(0, rows.shape[:-1])


@frozen(eq=False)
class _TypeRows:
    """Rows [..., F, size] of the networks of one type."""

    embedding: list[Tensor]  # by type of the neighbour
    fitting: Tensor
    output: Tensor
    bias: Tensor


def _times(offsets: Sequence[int], columns: slice) -> tuple[int, ...]:
    """Offsets of the pairs of atoms with those offsets."""
    width = columns.stop - columns.start
    return tuple(offset * width for offset in offsets)
