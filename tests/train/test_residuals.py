"""The factors of error bars, fitted to a set."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest
import torch

from nepforge.data.frame import Frame
from nepforge.models.nep.network import NEP
from nepforge.models.uncertainty import Covariance, error_bars
from nepforge.train.residuals import calibrated, residuals
from nepforge.train.training_set import FrameSet
from tests.conftest import SPECIES, random_model

MakeFrame = Callable[..., Frame]
TRAINED = random_model(NEP(SPECIES, (4.5, 4.0), (2, 2), (3, 3), 2, (), 6), 1)
EXACT = 1.0e-10


def factors() -> list[torch.Tensor]:
    rng = torch.Generator().manual_seed(2)
    n = TRAINED.model.n_parameters
    return [torch.randn(n, n, generator=rng, dtype=torch.float64).tril()]


def frame_set(frames: list[Frame]) -> FrameSet:
    return FrameSet.build(frames, TRAINED.model)


def test_after_it_errors_and_error_bars_have_the_same_size(random_frame: MakeFrame) -> None:
    """mean (error / sigma)^2 = 1 for energies and for forces."""
    frames = frame_set([random_frame(seed, 6) for seed in range(5)])
    found = residuals(TRAINED, calibrated(TRAINED, factors(), frames), frames)
    for error, std in ((found.energy, found.energy_std), (found.forces, found.forces_std)):
        assert float((error / std).square().mean()) == pytest.approx(1.0, rel=EXACT)


def test_a_frame_is_judged_by_its_own_error_bars(random_frame: MakeFrame) -> None:
    """Errors and deviations belong to the same atoms, the energy is per atom."""
    frame = random_frame(1, 6)
    covariance = Covariance(tuple(factors()), 2.0, 3.0)
    found = residuals(TRAINED, covariance, frame_set([frame]))
    expected = error_bars(TRAINED, covariance, frame)
    assert float(found.energy_std[0]) == pytest.approx(expected.energy / 6, rel=EXACT)
    in_order = torch.from_numpy(expected.forces).flatten().sort().values
    torch.testing.assert_close(found.forces_std.flatten().sort().values, in_order)


def test_a_label_that_is_missing_leaves_the_factor_at_one(random_frame: MakeFrame) -> None:
    """Frames without forces, one of them without an energy too."""
    frames = [attrs.evolve(random_frame(seed, 6), forces=None) for seed in range(3)]
    frames[0] = attrs.evolve(frames[0], energy=None)
    covariance = calibrated(TRAINED, factors(), frame_set(frames))
    assert covariance.force_factor == 1.0
    alone = calibrated(TRAINED, factors(), frame_set(frames[1:]))
    assert covariance.energy_factor == pytest.approx(alone.energy_factor, rel=EXACT)


def test_large_sets_are_sampled(random_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every energy, and the forces of some atoms of each frame."""
    monkeypatch.setattr("nepforge.train.residuals.MOST_ATOMS", 8)
    frames = frame_set([random_frame(seed, 6) for seed in range(4)])
    found = residuals(TRAINED, Covariance(tuple(factors())), frames)
    assert (len(found.energy), len(found.forces)) == (4, 4 * 2)
