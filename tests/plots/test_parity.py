"""The parity plot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from nepforge.plots.parity import ParitySet, _errors, parity

SEED = 7


def _set(name: str, count: int, error: float) -> ParitySet:
    rng = np.random.default_rng(SEED)
    reference = rng.normal(size=count)
    return ParitySet(name, reference, reference + error * rng.normal(size=count))


@pytest.mark.parametrize("count", [40, 4000], ids=["points", "density"])
def test_the_same_data_give_the_same_bytes(tmp_path: Path, count: int) -> None:
    """A figure holds no date and no version, so the cache can compare it."""
    sets = [_set("train", count, 0.1), _set("validation", count // 4, 0.2)]
    for name in ("first.png", "second.png"):
        parity(tmp_path / name, sets, quantity="Force component", unit="eV/Å")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_points_of_both_sets_are_visible(tmp_path: Path) -> None:
    """Train is drawn in blue and validation in orange."""
    path = tmp_path / "energy.png"
    sets = [_set("train", 40, 0.1), _set("validation", 40, 0.3)]
    parity(path, sets, quantity="Energy", unit="eV/atom")
    red, green, blue = (imread(path)[..., channel] for channel in range(3))
    assert ((blue > 0.5) & (red < 0.3)).sum() > 100
    assert ((red > 0.6) & (blue < 0.3) & (green < 0.7)).sum() > 100


def test_errors_per_atom_are_shown_in_mev() -> None:
    """An RMSE of 0.003 eV/atom reads 3.00 meV/atom; force errors keep their unit."""
    reference = np.zeros(4)
    entry = ParitySet("train", reference, np.array([0.003, -0.003, 0.003, -0.003]))
    assert _errors(entry, "eV/atom") == "train: RMSE 3.00, MAE 3.00 meV/atom"
    assert _errors(entry, "eV/Å") == "train: RMSE 0.00300, MAE 0.00300 eV/Å"


def test_missing_labels_are_left_out(tmp_path: Path) -> None:
    """NaN marks a missing label; a set that has no label at all gets no panel."""
    reference = np.array([1.0, np.nan, 2.0])
    sets = [
        ParitySet("train", reference, np.ones(3)),
        ParitySet("validation", np.full(2, np.nan), np.ones(2)),
    ]
    parity(tmp_path / "virial.png", sets, quantity="Virial", unit="eV/atom")
    assert (tmp_path / "virial.png").stat().st_size > 1000


def test_a_perfect_single_point_still_has_axes(tmp_path: Path) -> None:
    """No range and no residual is no reason to fail."""
    one = np.array([2.0])
    parity(tmp_path / "one.png", [ParitySet("train", one, one)], quantity="Energy", unit="eV/atom")
    assert (tmp_path / "one.png").exists()


def test_nothing_to_plot_is_refused(tmp_path: Path) -> None:
    """An empty figure would look like a result."""
    with pytest.raises(ValueError, match="no finite energy"):
        parity(tmp_path / "none.png", [], quantity="Energy", unit="eV/atom")
