"""Angular functions B_a(u) of NEP: unnormalised real solid harmonics.

For l = 1..l_max and m = 0..l, with Z_lm a polynomial in u_z and w = u_x + i u_y,

    B_{l,0} = Z_l0(u_z),   B_{l,2m-1} = Z_lm(u_z) Re w^m,   B_{l,2m} = Z_lm(u_z) Im w^m.

The flat index of the first member of shell l is l^2 - 1. The norms are in the constants C(l, m) of
`three_body_weights`, for which sum_a C B_a(u) B_a(u') = (2l+1)/(4 pi) P_l(u . u').
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from nepforge.models.nep.tables import tables

L_MAX_LIMIT = 8


def n_harmonics(l_max: int) -> int:
    """Number of functions B_a for l = 1..l_max."""
    return (l_max + 1) ** 2 - 1


def angular_basis(direction: Tensor, l_max: int) -> tuple[Tensor, Tensor]:
    """B_a(u) and its gradient as a polynomial of the three components of u.

    The gradient is that of the polynomial: project with (I - u u^T)/r for dB/dr_ij.

    Args:
        direction: Unit vectors u, shape [..., 3].
        l_max: Largest l, 1..8.

    Returns:
        Values [..., n_harmonics] and gradients [..., 3, n_harmonics], dimensionless.
    """
    x, y, z = direction.unbind(-1)
    shape = direction.shape[:-1]
    values = direction.new_empty(*shape, n_harmonics(l_max))
    gradients = direction.new_zeros(*shape, 3, n_harmonics(l_max))
    powers = _plane_powers(x, y, l_max)
    z_powers = [torch.ones_like(z)]
    for _ in range(l_max):
        z_powers.append(z_powers[-1] * z)
    for l in range(1, l_max + 1):
        start = l * l - 1
        for m in range(l + 1):
            coefficients = tables().zonal[l - 1][m]
            value = _polynomial(coefficients, z_powers)
            slope = _polynomial([k * c for k, c in enumerate(coefficients)][1:], z_powers)
            if m == 0:
                values[..., start] = value
                gradients[..., 2, start] = slope
                continue
            real, imaginary = powers[m]
            real_below, imaginary_below = powers[m - 1]
            cosine, sine = start + 2 * m - 1, start + 2 * m
            values[..., cosine] = value * real
            values[..., sine] = value * imaginary
            gradients[..., 0, cosine] = m * value * real_below
            gradients[..., 1, cosine] = -m * value * imaginary_below
            gradients[..., 2, cosine] = slope * real
            gradients[..., 0, sine] = m * value * imaginary_below
            gradients[..., 1, sine] = m * value * real_below
            gradients[..., 2, sine] = slope * imaginary
    return values, gradients


def _plane_powers(x: Tensor, y: Tensor, l_max: int) -> list[tuple[Tensor, Tensor]]:
    """Re and Im of (x + i y)^m for m = 0..l_max."""
    powers = [(torch.ones_like(x), torch.zeros_like(x))]
    for _ in range(l_max):
        real, imaginary = powers[-1]
        powers.append((real * x - imaginary * y, real * y + imaginary * x))
    return powers


def _polynomial(coefficients: tuple[int, ...] | list[int], powers: list[Tensor]) -> Tensor:
    total = torch.zeros_like(powers[0])
    for coefficient, power in zip(coefficients, powers, strict=False):
        if coefficient:
            total = total + coefficient * power
    return total


@cache
def three_body_weights(l_max: int) -> Tensor:
    """Weights W [n_harmonics, l_max] of q_l = sum_a W[a, l-1] s_a^2.

    W holds C(l, 0) for m = 0 and 2 C(l, m) for m > 0, derived from the addition theorem: the
    squared norms of the real spherical harmonics over those of the polynomials B_a.
    """
    weights = torch.zeros(n_harmonics(l_max), l_max, dtype=torch.float64)
    for l in range(1, l_max + 1):
        for m in range(l + 1):
            constant = _addition_constant(l, m)
            start = l * l - 1
            if m == 0:
                weights[start, l - 1] = constant
            else:
                weights[start + 2 * m - 1, l - 1] = constant
                weights[start + 2 * m, l - 1] = constant
    return weights


def _addition_constant(l: int, m: int) -> float:
    """(2 - delta_m0) (2l+1)/(4 pi) (l-m)!/(l+m)! (d^m P_l / Z_lm)^2, from the addition theorem."""
    # d^m P_l/dz^m has leading coefficient (2l)! / (2^l l! (l-m)!); Z_lm is that polynomial scaled.
    leading = math.factorial(2 * l) / (2**l * math.factorial(l) * math.factorial(l - m))
    scale = leading / tables().zonal[l - 1][m][-1]
    norm = (2 * l + 1) / (4 * math.pi) * math.factorial(l - m) / math.factorial(l + m)
    return (1.0 if m == 0 else 2.0) * norm * scale * scale
