"""The mean of the parameters over the end of an epoch."""

import torch

from nepforge.train.average import TailAverage


def path(n: int) -> torch.Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_the_mean_is_over_the_last_share_of_the_frames() -> None:
    """With 0.5 and ten steps the last five count; the next epoch starts anew."""
    steps = path(20)
    average = TailAverage.start(0.5, steps[0])
    for epoch in (steps[:10], steps[10:]):
        for done, parameters in enumerate(epoch, start=1):
            average.add(parameters, done, 10)
        torch.testing.assert_close(average.finish(epoch[-1]), epoch[5:].mean(dim=0))


def test_without_a_share_the_last_parameters_stay() -> None:
    """0 changes nothing, bit for bit."""
    steps = path(5)
    average = TailAverage.start(0.0, steps[0])
    for done, parameters in enumerate(steps, start=1):
        average.add(parameters, done, 5)
    assert torch.equal(average.finish(steps[-1]), steps[-1])
