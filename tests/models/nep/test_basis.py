"""Radial and angular functions against their definitions."""

import math

import numpy as np
import pytest
import torch

from nepforge.models.nep.angular import L_MAX_LIMIT, angular_basis, n_harmonics, three_body_weights
from nepforge.models.nep.invariants import INVARIANTS, cubic_form
from nepforge.models.nep.radial import radial_basis

STEP = 1.0e-6
DERIVATIVE_TOLERANCE = 1.0e-7  # central differences of step STEP in float64


def unit_vectors(n: int, seed: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(n, 3, generator=rng, dtype=torch.float64))


def test_radial_basis_is_the_chebyshev_polynomial_times_the_cutoff() -> None:
    """f_k = (T_k(x) + 1)/2 f_c with T_k(cos t) = cos(k t)."""
    r = torch.linspace(0.5, 4.9, 40, dtype=torch.float64)
    values, _ = radial_basis(r, 5.0, 6)
    x = 2 * (r / 5.0 - 1) ** 2 - 1
    cutoff = (1 + torch.cos(math.pi * r / 5.0)) / 2
    for k in range(7):
        expected = (torch.cos(k * torch.arccos(x)) + 1) / 2 * cutoff
        torch.testing.assert_close(values[:, k], expected, rtol=0, atol=1e-12)


def test_radial_slopes_are_derivatives() -> None:
    """f_k' equals central differences of f_k."""
    r = torch.linspace(0.8, 5.2, 50, dtype=torch.float64)
    upper, _ = radial_basis(r + STEP, 5.0, 8)
    lower, _ = radial_basis(r - STEP, 5.0, 8)
    _, slopes = radial_basis(r, 5.0, 8)
    torch.testing.assert_close(
        (upper - lower) / (2 * STEP), slopes, rtol=0, atol=DERIVATIVE_TOLERANCE
    )


def test_radial_basis_vanishes_from_the_cutoff_on() -> None:
    """Value and slope are exactly zero at and beyond the cutoff."""
    values, slopes = radial_basis(torch.tensor([5.0, 5.5], dtype=torch.float64), 5.0, 3)
    assert not values.any()
    assert not slopes.any()


def test_angular_gradients_are_derivatives() -> None:
    """The gradient of every B_a as a polynomial equals central differences."""
    u = unit_vectors(6, 1)
    _, gradients = angular_basis(u, 6)
    for c in range(3):
        step = torch.zeros(3, dtype=torch.float64)
        step[c] = STEP
        upper, lower = angular_basis(u + step, 6)[0], angular_basis(u - step, 6)[0]
        torch.testing.assert_close(
            (upper - lower) / (2 * STEP), gradients[:, c], rtol=1e-6, atol=1e-6
        )


def test_three_body_weights_give_legendre_polynomials() -> None:
    """sum_a W B_a(u) B_a(u') = (2l+1)/(4 pi) P_l(u . u') for every l: the addition theorem."""
    u, v = unit_vectors(20, 2), unit_vectors(20, 3)
    product = angular_basis(u, L_MAX_LIMIT)[0] * angular_basis(v, L_MAX_LIMIT)[0]
    found = product @ three_body_weights(L_MAX_LIMIT)
    cosine = (u * v).sum(dim=1).numpy()
    for l in range(1, L_MAX_LIMIT + 1):
        legendre = np.polynomial.legendre.Legendre.basis(l)(cosine)
        expected = (2 * l + 1) / (4 * math.pi) * legendre
        np.testing.assert_allclose(found[:, l - 1].numpy(), expected, rtol=0, atol=1e-12)


def rotation(seed: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(3, 3, generator=rng, dtype=torch.float64))
    return q  # a rotation or a rotation with inversion


@pytest.mark.parametrize("name", [name for name in INVARIANTS if name != "1111"])
@pytest.mark.parametrize("seed", [4, 5, 6])
def test_cubic_invariants_do_not_change_under_rotation_and_inversion(name: str, seed: int) -> None:
    """q(s) of a cluster of directions equals q of the rotated cluster."""
    u = unit_vectors(9, 7)
    form = cubic_form(name)
    values = []
    for directions in (u, u @ rotation(seed)):
        sums = angular_basis(directions, 4)[0].sum(dim=0)
        values.append(float(sums[form.start : form.stop] @ form.contract(sums, sums)))
    assert values[0] == pytest.approx(values[1], rel=1e-9)
    assert abs(values[0]) > 1e-6


def test_number_of_harmonics() -> None:
    """l = 1..4 has 3 + 5 + 7 + 9 functions."""
    assert n_harmonics(4) == 24
