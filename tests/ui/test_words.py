"""Numbers, times and sparklines in words."""

from __future__ import annotations

import math

import pytest

from nepforge.ui.words import duration, number, sparkline


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0172, "3.02"),
        (0.08817, "0.0882"),
        (12345.6, "12346"),
        (-0.5, "-0.500"),
        (2.5e-9, "2.50e-09"),
        (0.0, "0"),
        (math.inf, "inf"),
    ],
)
def test_numbers_have_three_digits_that_count(value: float, text: str) -> None:
    """As many decimals as three digits need, whole numbers in full."""
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0:00"), (59.6, "1:00"), (725.0, "12:05"), (3723.0, "1:02:03")]
)
def test_durations_read_like_a_clock(seconds: float, text: str) -> None:
    """Hours only when there are any."""
    assert duration(seconds) == text


def test_a_sparkline_falls_with_its_values() -> None:
    """Equal ratios are equal steps; only the last values are shown."""
    assert sparkline([128.0, 64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0], 8) == "█▇▆▅▄▃▂▁"
    assert sparkline([9.0, 2.0, 1.0], 2) == "█▁"


def test_a_sparkline_leaves_out_what_has_no_logarithm() -> None:
    """NaN stands for an epoch without validation."""
    assert sparkline([math.nan, 0.0, 2.0, 1.0], 8) == "█▁"
    assert sparkline([math.nan], 8) == ""
    assert sparkline([1.0, 1.0], 8) == "▁▁"
