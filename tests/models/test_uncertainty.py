"""Error bars against exact results: ridge regression, torch.func, finite differences."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
import pytest
import torch

from nepforge.data.frame import Frame
from nepforge.models.uncertainty import Covariance, error_bars, triangular_factor
from nepforge.optim.lkf import LKF
from tests.models.potentials import SAMPLES, Sample

MakeFrame = Callable[..., Frame]
EXACT = 1.0e-10
STEP = 1.0e-4  # Å, central differences
DIFFERENCES = 1.0e-6  # relative


def some_covariance(n: int, n_blocks: int = 1) -> Covariance:
    """Dense blocks, the factors 2 and 3."""
    rng = torch.Generator().manual_seed(2)
    sizes = [n // n_blocks] * (n_blocks - 1) + [n - n // n_blocks * (n_blocks - 1)]
    factors = [torch.randn(m, m, generator=rng, dtype=torch.float64).tril() for m in sizes]
    return Covariance(tuple(factors), energy_factor=2.0, force_factor=3.0)


def whole(covariance: Covariance) -> torch.Tensor:
    """P [n_parameters, n_parameters]."""
    return torch.block_diag(*(factor @ factor.mT for factor in covariance.factors))


def test_of_a_linear_model_they_are_those_of_ridge_regression() -> None:
    """After the filter h'Ph = h'(H'H + 1/p0)^-1 h, the posterior variance of Bayesian ridge."""
    rng = torch.Generator().manual_seed(1)
    rows = torch.randn(30, 8, generator=rng, dtype=torch.float64)
    values = torch.randn(30, generator=rng, dtype=torch.float64)
    p0 = 0.3
    lkf = LKF.start([8], p0_weight=p0, kalman_lambda=1.0, kalman_nue=1.0, like=rows)
    parameters = torch.zeros(8, dtype=torch.float64)
    for first in range(0, 30, 5):
        part = slice(first, first + 5)
        lkf.step(parameters, rows[part], values[part] - rows[part] @ parameters)
    covariance = Covariance(tuple(map(triangular_factor, lkf.covariances())))
    precision = rows.mT @ rows + torch.eye(8, dtype=torch.float64) / p0
    asked = torch.randn(4, 8, generator=rng, dtype=torch.float64)
    expected = (asked * torch.linalg.solve(precision, asked.mT).mT).sum(dim=1).sqrt()
    torch.testing.assert_close(covariance.spread(asked), expected, rtol=EXACT, atol=0)


@pytest.mark.parametrize("n_blocks", [1, 3])
@pytest.mark.parametrize("name", ["unequal", "zbl", "dp"])
def test_the_energy_varies_as_its_parameter_gradient_says(
    name: str, n_blocks: int, random_frame: MakeFrame
) -> None:
    """sigma^2 = f^2 h'Ph with h by finite differences of the energy over every parameter."""
    sample, frame = SAMPLES[name], random_frame(3)
    covariance = some_covariance(sample.model.n_parameters, n_blocks)
    batch = sample.batch([frame])

    def energy(parameters: torch.Tensor) -> torch.Tensor:
        return sample.model.predict(parameters, sample.scaler, batch).energy[0]

    step = 1.0e-5 * torch.eye(sample.model.n_parameters, dtype=torch.float64)
    h = torch.stack(
        [energy(sample.parameters + row) - energy(sample.parameters - row) for row in step]
    )
    h /= 2.0e-5
    expected = 2.0 * float((h @ whole(covariance) @ h).sqrt())
    assert error_bars(sample, covariance, frame).energy == pytest.approx(expected, rel=DIFFERENCES)


@pytest.mark.parametrize("name", ["unequal", "all", "dp"])
def test_a_force_component_varies_as_its_parameter_gradient_says(
    name: str, random_frame: MakeFrame
) -> None:
    """h = dF/dtheta by central differences of dU/dtheta over the position of that atom."""
    sample, frame = SAMPLES[name], random_frame(4)
    covariance = some_covariance(sample.model.n_parameters)
    found = error_bars(sample, covariance, frame).forces
    for atom, axis in ((0, 0), (2, 1), (6, 2)):
        h = -(
            rows_moved(sample, frame, atom, axis, STEP)
            - rows_moved(sample, frame, atom, axis, -STEP)
        )
        h /= 2.0 * STEP
        expected = 3.0 * float((h @ whole(covariance) @ h).sqrt())
        assert found[atom, axis] == pytest.approx(expected, rel=DIFFERENCES)


def rows_moved(sample: Sample, frame: Frame, atom: int, axis: int, by: float) -> torch.Tensor:
    """dU/dtheta with one atom moved."""
    positions = frame.positions.copy()
    positions[atom, axis] += by
    batch = sample.batch([attrs.evolve(frame, positions=positions)])
    return sample.model.linearise(sample.parameters, sample.scaler, batch).energy_rows()[0]


def test_displacements_in_parts_give_the_same(
    random_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large frames are processed a few atoms at a time."""
    sample, frame = SAMPLES["unequal"], random_frame(5)
    covariance = some_covariance(sample.model.n_parameters)
    straight = error_bars(sample, covariance, frame)
    monkeypatch.setattr("nepforge.models.uncertainty.MOVED_AT_ONCE", 50)
    np.testing.assert_allclose(
        error_bars(sample, covariance, frame).forces, straight.forces, rtol=EXACT
    )


def test_rounding_below_zero_does_not_matter() -> None:
    """A P with an eigenvalue of -1e-15 has a factor and the intended variances."""
    rng = torch.Generator().manual_seed(4)
    turned, _ = torch.linalg.qr(torch.randn(6, 6, generator=rng, dtype=torch.float64))
    values = torch.tensor([1.0, 0.5, 0.1, 1e-3, 1e-6, -1e-15], dtype=torch.float64)
    covariance = (turned * values) @ turned.mT
    factor = triangular_factor(covariance)
    torch.testing.assert_close(factor @ factor.mT, covariance, rtol=0, atol=1e-13)
