"""Atoms of one type at a time, from the environment matrix to energies, forces and virials."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor

from nepforge.models.dp.dense import LayerChange, LayerState, forward, forward_change, pull_back
from nepforge.models.dp.descriptor import descriptor, descriptor_pull_back
from nepforge.models.dp.environment_matrix import EnvironmentMatrix
from nepforge.models.dp.parameters import DPParameters
from nepforge.models.dp.sizes import DPSizes
from nepforge.models.potential import Prediction


@frozen(eq=False)
class EmbeddingState:
    """An embedding network at the P pairs of centres of one type and neighbours of one type."""

    layers: list[LayerState]
    changes: list[LayerChange]  # along s


@frozen(eq=False)
class TypeState:
    """Everything between environment matrix and energy for the n atoms of one type."""

    embeddings: list[EmbeddingState]  # by type of the neighbour
    value: Tensor  # G [n, K, width]
    slope: Tensor  # dG/ds [n, K, width]
    a: Tensor  # A [n, 4, width]
    fitting: list[LayerState]
    hidden: Tensor  # what w_out acts on [n, fitting width]
    energy: Tensor  # [n] eV
    z_gradients: list[Tensor]  # dU/dz of the layers of the fitting network
    q_gradient: Tensor  # dU/dD [n, width, axis]
    a_gradient: Tensor  # dU/dA [n, 4, width]
    value_gradient: Tensor  # dU/dG [n, K, width]


def type_state(
    model: DPSizes,
    own: DPParameters,
    scaler: Tensor,
    environment: EnvironmentMatrix,
    type_idx: int,
) -> TypeState:
    """Run atoms of one type from the environment matrix to the energy and back to dU/dG."""
    rows = environment.rows[environment.batch.type_slice(type_idx)]  # [n, K, 4]
    embeddings, value, slope = _embed(model, own, environment, type_idx)
    a = scaler[type_idx, 2] * (rows.mT @ value)
    q = descriptor(a, model.axis)  # [n, width, axis]
    net, output = own.fitting[type_idx], own.output[type_idx]
    hidden, fitting = forward(net, q.flatten(1))
    q_gradient, z_gradients = pull_back(net, fitting, output.expand_as(hidden))
    q_gradient = q_gradient.view_as(q)
    a_gradient = descriptor_pull_back(a, q_gradient, model.axis)
    return TypeState(
        embeddings=embeddings,
        value=value,
        slope=slope,
        a=a,
        fitting=fitting,
        hidden=hidden,
        energy=hidden @ output + own.bias[type_idx],
        z_gradients=z_gradients,
        q_gradient=q_gradient,
        a_gradient=a_gradient,
        value_gradient=scaler[type_idx, 2] * (rows @ a_gradient),
    )


def type_states(
    model: DPSizes, own: DPParameters, scaler: Tensor, environment: EnvironmentMatrix
) -> list[TypeState]:
    """`type_state` of every type."""
    return [type_state(model, own, scaler, environment, t) for t in range(model.n_types)]


def _embed(
    model: DPSizes, own: DPParameters, environment: EnvironmentMatrix, type_idx: int
) -> tuple[list[EmbeddingState], Tensor, Tensor]:
    """States by type of the neighbour, G and dG/ds [n, K, width] of the atoms of one type."""
    batch = environment.batch
    states, values, slopes = [], [], []
    for t in range(model.n_types):
        s = environment.rows[batch.type_slice(type_idx), batch.column_slice(t), :1]  # [n, K_t, 1]
        net = own.embedding[type_idx * model.n_types + t]
        value, layers = forward(net, s.flatten(0, 1))
        slope, changes = forward_change(net, layers, torch.ones_like(s).flatten(0, 1))
        states.append(EmbeddingState(layers, changes))
        values.append(value.unflatten(0, s.shape[:2]))
        slopes.append(slope.unflatten(0, s.shape[:2]))
    return states, torch.cat(values, dim=1), torch.cat(slopes, dim=1)


def _row_gradient(state: TypeState, per_neighbor: Tensor) -> Tensor:
    """dU/dR [n, K, 4], through s in G as well."""
    gradient = per_neighbor * (state.value @ state.a_gradient.mT)
    through_s = (state.value_gradient * state.slope).sum(dim=-1)
    gradient[..., 0] += through_s
    return gradient


def predict_from_states(
    environment: EnvironmentMatrix, scaler: Tensor, states: Sequence[TypeState]
) -> Prediction:
    """Energies, forces and virials from states already computed."""
    batch = environment.batch
    atomic_energy = torch.cat([state.energy for state in states])
    gradients = [_row_gradient(state, scaler[t, 2]) for t, state in enumerate(states)]
    p = environment.pair_gradients(torch.cat(gradients))
    forces = p.sum(dim=1).index_add(0, batch.neighbor_idx.flatten(), p.flatten(0, 1), alpha=-1.0)
    virial = batch.sum_by_frame(-(batch.neighbor_vector.mT @ p))
    return Prediction(atomic_energy, batch.sum_by_frame(atomic_energy), forces, virial)
