"""Calibration of error bars: errors on labelled frames against predicted deviations."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.stats import spearmanr

FloatArray = NDArray[np.float64]

BINS = 10
FEWEST_IN_A_BIN = 8
FEWEST_TO_RANK = 3


@frozen
class Calibration:
    """Errors of one quantity sorted by their predicted deviation, in equally filled bins.

    Normal errors lie within one deviation in 68.3 % of the cases, within two in 95.4 %.
    """

    count: int
    predicted: tuple[float, ...]  # root mean square of the deviations of each bin
    found: tuple[float, ...]  # root mean square of the errors of each bin
    within_1_std: float  # share of the errors
    within_2_std: float
    rank_correlation: float | None  # Spearman's, of |error| and deviation; None for too few


@frozen
class ErrorBarReport:
    """Energies by frame in eV/atom, forces by component in eV/Å; None without labels."""

    energy: Calibration | None
    force: Calibration | None
    atom_rank_correlation: float | None  # as above, of the lengths |dF| and |sigma| of an atom

    @property
    def has_labels(self) -> bool:
        """Whether any error is known."""
        return self.energy is not None or self.force is not None

    def to_json(self) -> dict[str, Any]:
        return attrs.asdict(self)

    def metrics(self) -> dict[str, float]:
        """energy_within_1_std, force_rank_correlation, ...: known values only."""
        names = ("within_1_std", "within_2_std", "rank_correlation")
        found = {
            f"{quantity}_{name}": getattr(entry, name)
            for quantity, entry in (("energy", self.energy), ("force", self.force))
            for name in names
            if entry is not None
        }
        found["atom_rank_correlation"] = self.atom_rank_correlation
        return {name: value for name, value in found.items() if value is not None}


def judge_error_bars(
    energy_error: FloatArray,
    energy_std: FloatArray,
    force_error: FloatArray,
    force_std: FloatArray,
) -> ErrorBarReport:
    """Judge the error bars of a set.

    Args:
        energy_error: Prediction minus label in eV/atom, [F], nan without a label.
        energy_std: Predicted standard deviations, of the same shape.
        force_error: eV/Å, [n, 3], nan without labels.
        force_std: Predicted standard deviations, of the same shape.
    """
    return ErrorBarReport(
        calibration_of(energy_error, energy_std),
        calibration_of(force_error, force_std),
        rank_correlation(*(np.linalg.norm(part, axis=1) for part in (force_error, force_std))),
    )


def calibration_of(error: FloatArray, std: FloatArray) -> Calibration | None:
    """Errors (nan without a label) beside deviations of the same shape; None without any label."""
    known = np.isfinite(error)
    size, std = np.abs(error[known]), std[known]
    if not size.size:
        return None
    order = np.argsort(std, kind="stable")
    bins = np.array_split(order, max(1, min(BINS, size.size // FEWEST_IN_A_BIN)))
    return Calibration(
        count=size.size,
        predicted=tuple(_rms(std[members]) for members in bins),
        found=tuple(_rms(size[members]) for members in bins),
        within_1_std=float((size <= std).mean()),
        within_2_std=float((size <= 2.0 * std).mean()),
        rank_correlation=rank_correlation(size, std),
    )


def rank_correlation(size: FloatArray, std: FloatArray) -> float | None:
    """Spearman's, ignoring nan; None where it is undefined."""
    known = np.isfinite(size)
    size, std = size[known], std[known]
    if size.size < FEWEST_TO_RANK or np.ptp(size) == 0.0 or np.ptp(std) == 0.0:
        return None
    return float(spearmanr(size, std).statistic)


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2)))
