"""Loss curves and MD curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nepforge.plots.curves import MdColumn, _mean_text, loss_curves, md_curves


def _height(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[20:24], "big")  # IHDR of a PNG


def test_the_same_epochs_give_the_same_bytes(tmp_path: Path) -> None:
    """A figure holds no date and no version, so the cache can compare it."""
    series = {"train_force_rmse": [0.3, 0.2, 0.1], "valid_force_rmse": [0.4, 0.3, 0.2]}
    for name in ("first.png", "second.png"):
        loss_curves(tmp_path / name, [1, 2, 3], [1.0, 2.0, 3.0], series, best_epoch=3)
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_a_quantity_without_values_gets_no_row(tmp_path: Path) -> None:
    """Data without virials give two rows, not three with an empty one."""
    two = {"train_energy_rmse": [0.1, 0.05], "train_force_rmse": [0.3, 0.2]}
    three = {**two, "train_virial_rmse": [0.1, 0.1]}
    missing = {**two, "train_virial_rmse": [np.nan, np.nan]}
    for name, series in (("two", two), ("three", three), ("missing", missing)):
        loss_curves(tmp_path / f"{name}.png", [1, 2], [1.0, 2.0], series)
    heights = {name: _height(tmp_path / f"{name}.png") for name in ("two", "three", "missing")}
    assert heights["missing"] == heights["two"] < heights["three"]


def test_no_finite_error_is_refused(tmp_path: Path) -> None:
    """An empty figure would look like a result."""
    with pytest.raises(ValueError, match="no finite error above 0"):
        loss_curves(tmp_path / "none.png", [1], [1.0], {"train_force_rmse": [np.nan]})


def test_md_curves_are_stacked(tmp_path: Path) -> None:
    """One panel per quantity."""
    time_ps = np.linspace(0.0, 1.0, 20)
    column = MdColumn("Temperature", "K", 300.0 + np.sin(time_ps), target=300.0)
    late = time_ps > 0.5
    md_curves(tmp_path / "one.png", time_ps, [column], late)
    md_curves(tmp_path / "three.png", time_ps, [column] * 3, late)
    assert _height(tmp_path / "three.png") > 2 * _height(tmp_path / "one.png")


def test_the_mean_has_the_digits_that_its_spread_allows() -> None:
    """The standard deviation is shown to two digits, the mean to the same decimal."""
    values = np.array([-9.5134, -9.5114])
    assert _mean_text(values, "eV") == "mean −9.5124 ± 0.0010 eV"
    assert _mean_text(np.array([10.0, 10.0]), "Å³") == "mean 10.000 ± 0.000 Å³"


def test_atomic_energies_alone_are_drawn(tmp_path: Path) -> None:
    """The fourth kind of label has its row."""
    path = tmp_path / "loss.png"
    loss_curves(path, [1, 2], [1.0, 2.0], {"valid_atomic_energy_rmse": [0.2, 0.1]})
    assert path.stat().st_size > 1000
