"""Rows of the Jacobian of each quantity: an entry for each row of `quantities`.

For directions v of a quantity q, the linear form v.q of a frame changes with the parameters as

    d(v.q)/dtheta = sign * rows(linearised, v)

where v is [D, F, *shape] for a quantity of frames, [D, N, *shape] for one of atoms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen
from torch import Tensor

from nepforge.models.potential import Linearised
from nepforge.quantities import ATOMIC_ENERGY, ENERGY, FORCE, VIRIAL


@frozen
class JacobianRows:
    """`rows` is [D, F, n_parameters]; `total` is their sum over the frames, [n_parameters]."""

    sign: float
    rows: Callable[[Linearised, Tensor], Tensor]
    total: Callable[[Linearised, Tensor], Tensor]  # of one direction, without its D


def _summed(sign: float, rows: Callable[[Linearised, Tensor], Tensor]) -> JacobianRows:
    return JacobianRows(sign, rows, lambda linearised, v: rows(linearised, v[None])[0].sum(dim=0))


JACOBIANS: Mapping[str, JacobianRows] = {
    ENERGY.name: JacobianRows(
        1.0,
        lambda linearised, v: v[..., None] * linearised.energy_rows(),
        lambda linearised, v: v @ linearised.energy_rows(),
    ),
    FORCE.name: _summed(-1.0, lambda linearised, v: linearised.displacement_rows(v)),  # -dU/dr
    VIRIAL.name: _summed(-1.0, lambda linearised, v: linearised.strain_rows(v)),  # -dU/dstrain
    ATOMIC_ENERGY.name: _summed(1.0, lambda linearised, v: linearised.atomic_energy_rows(v)),
}
