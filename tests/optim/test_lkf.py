"""The Kalman filter against exact results."""

import pytest
import torch
from torch import Tensor

from nepforge.optim.lkf import LKF, split_blocks

EXACT = 1.0e-10


def problem(n_observations: int, n_parameters: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(5)
    rows = torch.randn(n_observations, n_parameters, generator=rng, dtype=torch.float64)
    return rows, torch.randn(n_observations, generator=rng, dtype=torch.float64)


def start(n: int, p0: float, kalman_lambda: float = 1.0, kalman_nue: float = 1.0) -> LKF:
    return LKF.start(
        [n],
        p0_weight=p0,
        kalman_lambda=kalman_lambda,
        kalman_nue=kalman_nue,
        like=torch.zeros(1, dtype=torch.float64),
    )


@pytest.mark.parametrize("block", [1, 4, 12])
def test_without_forgetting_it_is_ridge_regression(block: int) -> None:
    """Any split of linear observations into blocks ends at (H'H + 1/p0)^-1 H'y and that inverse."""
    p0 = 0.7
    rows, values = problem(12, 5)
    lkf = start(5, p0)
    parameters = torch.zeros(5, dtype=torch.float64)
    for first in range(0, 12, block):
        part = slice(first, first + block)
        lkf.step(parameters, rows[part], values[part] - rows[part] @ parameters)
    precision = rows.mT @ rows + torch.eye(5, dtype=torch.float64) / p0
    expected = torch.linalg.solve(precision, rows.mT @ values)
    torch.testing.assert_close(parameters, expected, rtol=0, atol=EXACT)
    torch.testing.assert_close(
        lkf.covariances()[0], torch.linalg.inv(precision), rtol=0, atol=EXACT
    )


def test_with_forgetting_it_is_weighted_ridge_regression() -> None:
    """With a constant lambda an observation k steps old counts lambda^k."""
    fade, p0 = 0.9, 2.0
    rows, values = problem(8, 3)
    lkf = start(3, p0, kalman_lambda=fade)
    parameters = torch.zeros(3, dtype=torch.float64)
    for row, value in zip(rows, values, strict=True):
        lkf.step(parameters, row[None], (value - row @ parameters)[None])
    weights = fade ** torch.arange(7, -1, -1, dtype=torch.float64)
    prior = fade**8 / p0 * torch.eye(3, dtype=torch.float64)
    precision = (rows.mT * weights) @ rows + prior
    expected = torch.linalg.solve(precision, (rows.mT * weights) @ values)
    torch.testing.assert_close(parameters, expected, rtol=0, atol=EXACT)


def test_separate_blocks_share_one_innovation_covariance() -> None:
    """For one observation the gain is that of RLEKF: P_b h_b / (lambda + sum_b h_b' P_b h_b)."""
    rows, values = problem(1, 6)
    like = torch.zeros(1, dtype=torch.float64)
    lkf = LKF.start([2, 4], p0_weight=0.5, kalman_lambda=0.98, kalman_nue=0.9987, like=like)
    parameters = torch.zeros(6, dtype=torch.float64)
    lkf.step(parameters, rows, values)
    gain = 1.0 / (0.98 + 0.5 * (rows**2).sum())
    torch.testing.assert_close(parameters, 0.5 * rows[0] * gain * values[0], rtol=0, atol=EXACT)
    h = rows[0, :2]
    expected = (0.5 * torch.eye(2, dtype=torch.float64) - gain * 0.25 * torch.outer(h, h)) / 0.98
    torch.testing.assert_close(lkf.covariances()[0], expected, rtol=0, atol=EXACT)


def test_lambda_approaches_one() -> None:
    """lambda_t = 1 - (1 - lambda_1) nu^(t-1)."""
    rows, values = problem(1, 2)
    lkf = start(2, 1.0, kalman_lambda=0.98, kalman_nue=0.99)
    for _ in range(10):
        lkf.step(torch.zeros(2, dtype=torch.float64), rows, values)
    assert lkf.kalman_lambda == pytest.approx(1 - 0.02 * 0.99**10, abs=1e-14)


def test_state_restores_exactly() -> None:
    """A filter restored from its state goes on with the same bits."""
    rows, values = problem(4, 3)
    first, second = start(3, 1.0, 0.98, 0.99), start(3, 9.0, 0.5, 0.99)
    parameters = torch.zeros(3, dtype=torch.float64)
    first.step(parameters, rows, values)
    second.restore({name: tensor.clone() for name, tensor in first.state().items()})
    other = parameters.clone()
    first.step(parameters, rows, values)
    second.step(other, rows, values)
    assert torch.equal(parameters, other)
    assert torch.equal(first.covariances()[0], second.covariances()[0])


@pytest.mark.parametrize("kalman_lambda", [1.0, 0.95])
def test_late_writing_of_the_updates_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, kalman_lambda: float
) -> None:
    """P and the parameters do not depend on how often P is written."""
    rows, values = problem(60, 4)
    results = []
    for limit in (1, 7, 1000):
        monkeypatch.setattr("nepforge.optim.lkf.PENDING_ROWS", limit)
        lkf = start(4, 1.0, kalman_lambda)
        parameters = torch.zeros(4, dtype=torch.float64)
        for first in range(0, 60, 3):
            part = slice(first, first + 3)
            lkf.step(parameters, rows[part], values[part] - rows[part] @ parameters)
        results.append((parameters, lkf.covariances()[0]))
    for parameters, covariance in results[1:]:
        torch.testing.assert_close(parameters, results[0][0], rtol=0, atol=EXACT)
        torch.testing.assert_close(covariance, results[0][1], rtol=0, atol=EXACT)


@pytest.mark.parametrize(
    ("sizes", "block_size", "expected"),
    [
        ([3, 4, 2], 100, [9]),
        ([3, 4, 2], 7, [7, 2]),
        ([10, 2], 4, [4, 4, 4]),
        ([5, 5], 5, [5, 5]),
        ([7], 3, [3, 3, 1]),
    ],
)
def test_layers_are_packed_into_blocks(
    sizes: list[int], block_size: int, expected: list[int]
) -> None:
    """Neighbouring layers share a block up to block_size, larger ones are cut."""
    assert split_blocks(sizes, block_size) == expected
