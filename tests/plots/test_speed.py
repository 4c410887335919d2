"""Speed against system size."""

from pathlib import Path

import attrs
import pytest

from nepforge.plots.speed import SpeedCurve, speed_against_size

CPU = SpeedCurve("CPU", "cpu", False, [96, 768], [1.0e5, 1.2e5], [300.0, 40.0])


@pytest.mark.parametrize("factor", [2.0, 100.0], ids=["linear", "logarithmic"])
def test_settings_share_a_figure(factor: float, tmp_path: Path) -> None:
    """Also when one was not measured at every size."""
    fast = attrs.evolve(
        CPU, label="GPU", is_mixed=True, n_atoms=[768], atom_steps_per_s=[factor * 1.0e5],
        ns_per_day=[4.0],
    )  # fmt: skip
    speed_against_size(tmp_path / "speed.png", [CPU, fast])
    assert (tmp_path / "speed.png").stat().st_size > 20_000
