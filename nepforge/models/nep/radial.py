"""Radial functions of NEP: Chebyshev basis times a cosine cutoff."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def radial_basis(
    distance: Tensor, cutoff: Tensor | float, basis_size: int
) -> tuple[Tensor, Tensor]:
    """Basis f_k(r) and its derivative.

    f_k(r) = (T_k(x) + 1)/2 f_c(r) with x = 2 (r/rc - 1)^2 - 1 and f_c = (1 + cos(pi r/rc))/2, zero
    from rc on; Fan et al., J. Chem. Phys. 157, 114801 (2022), Eqs. (3)-(5).

    Args:
        distance: Pair distances in Å, any shape [...].
        cutoff: Pair cutoff rc in Å, a number or a tensor that broadcasts against `distance`.
        basis_size: Largest k.

    Returns:
        f_k [..., basis_size + 1], dimensionless, and df_k/dr of the same shape in 1/Å.
    """
    scaled = (distance / cutoff).clamp_max(1.0)  # T_k grows without bound beyond: inf times zero
    inside = scaled < 1.0
    phase = math.pi * scaled
    cutoff_value = torch.where(inside, 0.5 * (1.0 + torch.cos(phase)), 0.0)
    cutoff_slope = torch.where(inside, -0.5 * math.pi / cutoff * torch.sin(phase), 0.0)
    x = 2.0 * (scaled - 1.0) ** 2 - 1.0
    x_slope = 4.0 * (scaled - 1.0) / cutoff
    values = distance.new_empty(*distance.shape, basis_size + 1)
    slopes = torch.empty_like(values)
    values[..., 0] = cutoff_value
    slopes[..., 0] = cutoff_slope
    if basis_size == 0:
        return values, slopes
    half_value = 0.5 * cutoff_value
    half_slope = 0.5 * cutoff_slope
    half_chain = half_value * x_slope
    first, second = torch.ones_like(x), x  # T_{k-2}, T_{k-1}
    first_u, second_u = torch.zeros_like(x), torch.ones_like(x)  # U_{k-2}, U_{k-1} of T_k' = k U
    for k in range(1, basis_size + 1):
        values[..., k] = (second + 1.0) * half_value
        slopes[..., k] = k * second_u * half_chain + (second + 1.0) * half_slope
        first, second = second, 2.0 * x * second - first
        first_u, second_u = second_u, 2.0 * x * second_u - first_u
    return values, slopes
