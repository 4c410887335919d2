"""Judging error bars of known quality."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nepforge.evaluate.calibration import calibration_of, judge_error_bars
from nepforge.evaluate.calibration_plot import calibration

DRAWN = 0.02  # of shares and correlations of 20000 random numbers


def drawn(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Deviations over a decade and normal errors of that size."""
    rng = np.random.default_rng(1)
    std = 10.0 ** rng.uniform(-2.0, -1.0, n)
    return std * rng.normal(size=n), std


def test_true_error_bars_are_found_true() -> None:
    """Shares of the normal distribution, bins on the diagonal; halved error bars are detected."""
    error, std = drawn(20000)
    found = calibration_of(error, std)
    assert found is not None
    assert found.within_1_std == pytest.approx(0.683, abs=DRAWN)
    assert found.within_2_std == pytest.approx(0.954, abs=DRAWN)
    np.testing.assert_allclose(found.found, found.predicted, rtol=0.05)
    assert found.predicted == tuple(sorted(found.predicted))
    half = calibration_of(error, std / 2)
    assert half is not None
    assert half.within_2_std == found.within_1_std
    assert half.rank_correlation == found.rank_correlation


def test_error_bars_that_know_nothing_have_no_rank_correlation() -> None:
    """Shuffled ones correlate with nothing, equal ones have no rank."""
    error, std = drawn(20000)
    found = calibration_of(error, np.random.default_rng(2).permutation(std))
    assert found is not None
    assert found.rank_correlation == pytest.approx(0.0, abs=DRAWN)
    equal = calibration_of(error, np.ones_like(std))
    assert equal is not None
    assert equal.rank_correlation is None


def test_missing_labels_count_nowhere(tmp_path: Path) -> None:
    """Without any label there is no calibration; the plot shows the rest."""
    error, std = drawn(300)
    report = judge_error_bars(
        np.full(5, np.nan), np.ones(5), error.reshape(-1, 3), std.reshape(-1, 3)
    )
    assert report.energy is None
    assert report.force is not None
    assert report.force.count == 300
    assert "energy_within_1_std" not in report.metrics()
    calibration(tmp_path / "calibration.png", report)
    assert (tmp_path / "calibration.png").stat().st_size > 1000
    nothing = judge_error_bars(
        np.full(5, np.nan), np.ones(5), np.full((2, 3), np.nan), np.ones((2, 3))
    )
    assert not nothing.has_labels
    with pytest.raises(ValueError, match="no known errors"):
        calibration(tmp_path / "nothing.png", nothing)
