"""Layout of the flat parameter vector of a NEP model, defined only here.

w0, b0, w1 and output bias of each species in turn, then the radial and the angular descriptor
coefficients c. Rows of the Jacobian have the same layout, after leading dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor

from nepforge.models.nep.sizes import NEPSizes


@frozen(eq=False)
class TypeParameters:
    """Named views of the parameters of one species.

    c_radial[n, t' (basis_size + 1) + k] is c[n, k, t, t'] of the NEP papers for this species t and
    the neighbours' t'; it maps the moments of an atom to its sums.
    """

    w0: Tensor  # [..., neurons, n_descriptor]
    b0: Tensor  # [..., neurons]
    w1: Tensor  # [..., neurons]
    bias: Tensor  # [...]
    c_radial: Tensor  # [..., n_max + 1, T * (basis_size + 1)]
    c_angular: Tensor


@frozen(eq=False)
class NEPParameters:
    """Named views of parameters [..., n_parameters] of all species; writing changes the vector."""

    w0: Tensor  # [..., T, neurons, n_descriptor]
    b0: Tensor  # [..., T, neurons]
    w1: Tensor  # [..., T, neurons]
    bias: Tensor  # [..., T]
    c_radial: Tensor  # [..., T, n_max + 1, T * (basis_size + 1)]
    c_angular: Tensor

    @classmethod
    def of(cls, model: NEPSizes, parameters: Tensor) -> NEPParameters:
        """Views of parameters, or of rows of the Jacobian, [..., n_parameters]."""
        n_types, (n_radial, n_angular) = model.n_types, model.n_max
        networks, c_radial, c_angular = parameters.split(
            [n_types * model.n_network, *model.coefficient_sizes], dim=-1
        )
        w0, b0, w1, bias = networks.unflatten(-1, (n_types, -1)).split(model.network_sizes, dim=-1)
        return cls(
            w0=w0.unflatten(-1, (model.neurons, model.n_descriptor)),
            b0=b0,
            w1=w1,
            bias=bias[..., 0],
            c_radial=c_radial.unflatten(-1, (n_types, n_radial + 1, -1)),
            c_angular=c_angular.unflatten(-1, (n_types, n_angular + 1, -1)),
        )

    def of_type(self, type_idx: int) -> TypeParameters:
        """Views of one species."""
        return TypeParameters(
            w0=self.w0[..., type_idx, :, :],
            b0=self.b0[..., type_idx, :],
            w1=self.w1[..., type_idx, :],
            bias=self.bias[..., type_idx],
            c_radial=self.c_radial[..., type_idx, :, :],
            c_angular=self.c_angular[..., type_idx, :, :],
        )


def parameter_groups(model: NEPSizes) -> list[tuple[str, int]]:
    """Names and sizes of the parts of the flat vector, in order: the layers of the LKF."""
    networks = [(f"network.{symbol}", model.n_network) for symbol in model.species]
    radial, angular = model.coefficient_sizes
    return [*networks, ("c.radial", radial), ("c.angular", angular)]


def initial_parameters(
    model: NEPSizes, energy_baseline: Sequence[float], rng: torch.Generator
) -> Tensor:
    """Random parameters [n_parameters], float64.

    c ~ U(-0.5, 0.5) + 0.1 N(0, 1), w0 of variance 1/(n_descriptor + neurons), w1 of variance
    1/(neurons + 1), b0 ~ N(0, 1) as in PWMLFF 2024.5; the output bias is minus the baseline.

    Args:
        model: The sizes.
        energy_baseline: Energy of one atom of each species in eV.
        rng: Source of the random numbers.
    """
    parameters = torch.randn(model.n_parameters, generator=rng, dtype=torch.float64)
    uniform = torch.rand(sum(model.coefficient_sizes), generator=rng, dtype=torch.float64) - 0.5
    coefficients = parameters[model.n_types * model.n_network :]
    coefficients.mul_(0.1).add_(uniform)
    views = NEPParameters.of(model, parameters)
    views.w0.mul_(1.0 / math.sqrt(model.n_descriptor + model.neurons))
    views.w1.mul_(1.0 / math.sqrt(model.neurons + 1))
    views.bias.copy_(-torch.as_tensor(energy_baseline, dtype=torch.float64))
    return parameters
