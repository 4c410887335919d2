"""Curves of several runs."""

from pathlib import Path

import numpy as np
import pytest

from nepforge.plots.comparison import Curve, comparison_curves


def curve(variant: str, n_epochs: int, *, energy: float = 0.01, has_floor: bool = False) -> Curve:
    epochs = np.arange(1.0, n_epochs + 1)
    errors = {"energy": energy / epochs, "force": 1 / epochs}
    return Curve(variant, epochs, 2 * epochs, errors, has_floor)


def test_runs_of_very_different_length_share_a_figure(tmp_path: Path) -> None:
    """Seeds of one variant, a floor, logarithmic axes."""
    curves = [curve("a", 3), curve("a", 4), curve("b", 60, has_floor=True)]
    comparison_curves(tmp_path / "c.png", curves)
    assert (tmp_path / "c.png").stat().st_size > 20_000


def test_a_quantity_without_labels_gets_no_row(tmp_path: Path) -> None:
    """Forces alone are one row; nothing at all is refused."""
    comparison_curves(tmp_path / "both.png", [curve("a", 3)])
    comparison_curves(tmp_path / "one.png", [curve("a", 3, energy=np.nan)])
    assert (tmp_path / "one.png").stat().st_size < (tmp_path / "both.png").stat().st_size
    nothing = Curve("a", np.ones(1), np.ones(1), {"energy": np.full(1, np.nan)})
    with pytest.raises(ValueError, match="no finite error"):
        comparison_curves(tmp_path / "none.png", [nothing])
