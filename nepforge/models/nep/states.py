"""Atoms of one type at a time, from their moments to energies and back to forces and virials."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.models.nep.descriptor import descriptor, pull_back
from nepforge.models.nep.moments import Moments, PairKernels, angular_sums, moments_of_type
from nepforge.models.nep.parameters import NEPParameters, TypeParameters
from nepforge.models.nep.sizes import NEPSizes
from nepforge.models.nep.zbl import ZBL, PairTable, repulsion
from nepforge.models.potential import Prediction


@frozen(eq=False)
class TypeState:
    """Everything between moments and energy for the atoms of one type (n of them)."""

    sums: Tensor  # s [n, A, n_max + 1]
    q: Tensor  # scaled descriptor [n, n_descriptor]
    hidden: Tensor  # h = tanh(z) [n, neurons]
    energy: Tensor  # [n] eV
    sensitivity: Tensor  # a = dU/dz = w1 (1 - h^2) [n, neurons]
    q_gradient: Tensor  # dU/dq, q unscaled [n, n_descriptor]
    sums_gradient: Tensor  # dU/ds [n, A, n_max + 1]


def type_state(
    model: NEPSizes, own: TypeParameters, q_scaler: Tensor, moment: Moments
) -> TypeState:
    """Run atoms of one type from their moments to the energy and back to dU/ds."""
    sums = angular_sums(moment.angular, own.c_angular)
    q = descriptor(model, moment.radial @ own.c_radial.mT, sums) * q_scaler
    hidden = torch.tanh(q @ own.w0.mT - own.b0)
    sensitivity = own.w1 * (1.0 - hidden * hidden)
    q_gradient = (sensitivity @ own.w0) * q_scaler
    return TypeState(
        sums=sums,
        q=q,
        hidden=hidden,
        energy=hidden @ own.w1 - own.bias,
        sensitivity=sensitivity,
        q_gradient=q_gradient,
        sums_gradient=pull_back(model, sums, q_gradient),
    )


def type_states(
    model: NEPSizes, parameters: Tensor, q_scaler: Tensor, batch: Batch, moment: Moments
) -> list[TypeState]:
    """`type_state` of every type."""
    views = NEPParameters.of(model, parameters)
    return [
        type_state(model, views.of_type(t), q_scaler, moments_of_type(batch, moment, t))
        for t in range(model.n_types)
    ]


def predict_from_states(
    model: NEPSizes,
    parameters: Tensor,
    batch: Batch,
    kernels: PairKernels,
    states: Sequence[TypeState],
) -> Prediction:
    """Energies, forces and virials from states already computed."""
    views = NEPParameters.of(model, parameters)
    radial = [
        state.q_gradient[:, : model.n_radial] @ views.c_radial[t] for t, state in enumerate(states)
    ]
    angular = [state.sums_gradient @ views.c_angular[t] for t, state in enumerate(states)]
    forces, virial = kernels.forces_and_virial(Moments(torch.cat(radial), torch.cat(angular)))
    atomic_energy = torch.cat([state.energy for state in states])
    if model.zbl is not None:
        more = repulsion(_zbl_table(model.zbl, model.species), batch)
        atomic_energy, forces, virial = (
            own + part for own, part in zip((atomic_energy, forces, virial), more, strict=True)
        )
    return Prediction(atomic_energy, batch.sum_by_frame(atomic_energy), forces, virial)


@cache
def _zbl_table(zbl: ZBL, species: tuple[str, ...]) -> PairTable:
    return zbl.pair_table(species)
