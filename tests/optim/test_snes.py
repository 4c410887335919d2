"""SNES: utilities, invariance, and that it finds an optimum."""

import math

import pytest
import torch

from nepforge.optim.snes import SNES, utilities

N = 6


def start() -> SNES:
    return SNES(torch.zeros(N, dtype=torch.float64), torch.full((N,), 0.5, dtype=torch.float64))


def test_utilities_are_those_of_the_paper() -> None:
    """They sum to 0, fall with the rank, and the worse half is equal."""
    found = utilities(50)
    assert float(found.sum()) == pytest.approx(0.0, abs=1e-15)
    assert bool((found.diff() <= 0).all())
    best = [max(0.0, math.log(26) - math.log(k)) for k in range(1, 51)]
    assert float(found[0]) == pytest.approx(best[0] / sum(best) - 0.02, rel=1e-12)
    assert float(found[-1]) == pytest.approx(-0.02)


def test_it_finds_the_minimum_of_a_sum_of_squares() -> None:
    """The mean reaches the optimum and deviations shrink, over three decades of scale."""
    rng = torch.Generator().manual_seed(1)
    search = start()
    scale = torch.logspace(-1, 2, N, dtype=torch.float64)
    for _ in range(300):
        noise = search.draw(20, rng)
        search.learn(noise, (scale * (search.candidates(noise) - 1.0).square()).sum(dim=1))
    torch.testing.assert_close(search.mean, torch.ones(N, dtype=torch.float64), rtol=0, atol=1e-4)
    assert float(search.deviation.max()) < 1e-3


def test_only_the_ranks_of_the_losses_count() -> None:
    """An increasing function of the losses gives the same bits."""
    one, other = start(), start()
    noise = one.draw(10, torch.Generator().manual_seed(2))
    losses = noise.square().sum(dim=1)
    one.learn(noise, losses)
    other.learn(noise, losses.exp())
    assert torch.equal(one.mean, other.mean)
    assert torch.equal(one.deviation, other.deviation)


def test_a_loss_that_is_not_finite_is_the_worst() -> None:
    """nan and inf rank behind every number."""
    one, other = start(), start()
    noise = one.draw(4, torch.Generator().manual_seed(3))
    one.learn(noise, torch.tensor([3.0, 1.0, 2.0, math.nan]))
    other.learn(noise, torch.tensor([3.0, 1.0, 2.0, 9.0]))
    assert torch.equal(one.mean, other.mean)
