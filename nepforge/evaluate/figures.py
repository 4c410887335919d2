"""Figures of a comparison with labels, the same for `nepforge test` and stage evaluate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nepforge.data.frame import FloatArray
from nepforge.evaluate.calibration import ErrorBarReport
from nepforge.evaluate.calibration_plot import calibration
from nepforge.plots.parity import ParitySet, parity
from nepforge.quantities import QUANTITIES

Arrays = Mapping[str, FloatArray]  # by field of the quantity, nan where a label is missing


def write_parity(folder: Path, sets: Mapping[str, tuple[Arrays, Arrays]]) -> list[Path]:
    """Write parity_*.png, one for each quantity that has labels; returns what was written.

    Args:
        folder: Output folder.
        sets: Name of a set -> labels and predictions.
    """
    written = []
    for quantity in QUANTITIES:
        label = quantity.field
        shown = [
            ParitySet(name, reference[label].ravel(), prediction[label].ravel())
            for name, (reference, prediction) in sets.items()
            if label in reference
        ]
        if any(np.isfinite(entry.residual).any() for entry in shown):
            written.append(folder / f"parity_{label}.png")
            parity(written[-1], shown, quantity=quantity.axis, unit=quantity.unit)
    return written


def write_calibration(folder: Path, report: ErrorBarReport, name: str) -> list[Path]:
    """Write calibration.json and, where errors are known, calibration.png of the set `name`."""
    text, figure = folder / "calibration.json", folder / "calibration.png"
    content = json.dumps(report.to_json(), indent=2, sort_keys=True, allow_nan=False)
    text.write_text(content + "\n", encoding="utf-8")
    if not report.has_labels:
        return [text]
    calibration(figure, report, name)
    return [text, figure]
