"""A model applied to structures: predictions, and errors against their labels.

The functions behind `nepforge infer` and `nepforge test`. They run the C++ core, so every layout of
a NEP is evaluated by the code that LAMMPS runs; a Deep Potential is evaluated by torch.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve, frozen

from nepforge.data.error_bars import ErrorBars
from nepforge.data.frame import FloatArray, Frame
from nepforge.data.frame_labels import label_of, labels_of, quantities_of
from nepforge.errors import DataError
from nepforge.evaluate.calibration import ErrorBarReport, judge_error_bars
from nepforge.formats.open_model import ModelFile, open_model
from nepforge.quantities import QUANTITIES, Quantity
from nepforge.units import EV_PER_A3_IN_GPA, stress_from_virial


@frozen(eq=False)
class Predicted:
    """Predictions for one structure; `frame` holds the structure and its labels."""

    frame: Frame
    energies: FloatArray  # [n_atoms] eV
    forces: FloatArray  # [n_atoms, 3] eV/Å
    virial: FloatArray  # [3, 3] eV, W = -dU/dstrain
    bars: ErrorBars | None = None  # if requested

    @property
    def energy(self) -> float:
        """Total, eV."""
        return float(self.energies.sum())

    @property
    def stress_gpa(self) -> FloatArray | None:
        """-W/V in GPa (ASE sign), [3, 3]; None for a cell without volume."""
        if self.frame.volume == 0.0:
            return None
        stress: FloatArray = stress_from_virial(self.virial, self.frame.volume) * EV_PER_A3_IN_GPA
        return stress

    def as_frame(self) -> Frame:
        """The structure with the predictions as its labels."""
        predicted: dict[str, Any] = {quantity.field: None for quantity in QUANTITIES}
        predicted |= {
            "energy": self.energy,
            "forces": self.forces,
            "virial": self.virial,
            "atomic_energy": self.energies,
        }
        return evolve(self.frame, **predicted, converged=True)


def infer(
    model: Path | str, frames: Sequence[Frame], *, threads: int = 1, uncertainty: bool = False
) -> list[Predicted]:
    """Energy, forces and virial of every frame, in order. Labels are neither needed nor used.

    Args:
        model: nep_model.ckpt, GPUMD's nep.txt (nep3, nep4, nep5), the LAMMPS layout,
            dp_model.ckpt, or a frozen model of DeePMD-kit (the extra `deepmd`).
        frames: Structures, as `nepforge.data.datasets.load` reads them.
        threads: OpenMP threads; 0 uses OMP_NUM_THREADS.
        uncertainty: Whether to find error bars too: by torch, on OMP_NUM_THREADS threads; a frame
            of 96 atoms takes a second at 3000 parameters.

    Raises:
        ModelFileError: The model is missing, damaged, or of a kind that is not evaluated, or it has
            no covariance for error bars.
        DataError: A frame has an element that the model does not know, or two atoms share a
            position.
    """
    opened = open_model(model)
    find_bars = _error_bars_of(opened) if uncertainty else None
    evaluator = opened.evaluator()
    predicted = []
    for frame in frames:
        try:
            found = evaluator.evaluate_structure(
                frame.numbers, frame.positions, frame.cell, frame.pbc, n_threads=threads
            )
        except DataError as error:
            raise DataError(f"{frame.source}: {error.message}", hint=error.hint) from error
        virial = (found.virial + found.virial.T) / 2
        bars = None if find_bars is None else find_bars(frame)
        predicted.append(Predicted(frame, found.energies, found.forces, virial, bars))
    return predicted


def _error_bars_of(opened: ModelFile) -> Callable[[Frame], ErrorBars]:
    from nepforge.formats.covariance_file import covariance_of  # noqa: PLC0415 - torch
    from nepforge.models.uncertainty import error_bars  # noqa: PLC0415

    return partial(error_bars, *covariance_of(opened))


@frozen(eq=False)
class LabelComparison:
    """Labels (nan where missing) and predictions by field, as errors are reported.

    Arrays [all frames or atoms, *shape of the quantity].
    """

    reference: dict[str, FloatArray]
    prediction: dict[str, FloatArray]
    rows: list[dict[str, float | int | str]]  # one per frame, in the order of the data
    error_bars: ErrorBarReport | None  # when the predictions have error bars

    def metrics(self) -> dict[str, float]:
        """energy_rmse (eV/atom), energy_mae, force_rmse (eV/Å), ... of the labels that exist."""
        found: dict[str, float] = {"n_frames": len(self.rows)}
        for quantity in QUANTITIES:
            errors = self.prediction[quantity.field] - self.reference[quantity.field]
            known = errors[~np.isnan(errors)]
            if known.size:
                found[quantity.metric] = float(np.sqrt(np.mean(known**2)))
                found[f"{quantity.name}_mae"] = float(np.mean(np.abs(known)))
        return found | (self.error_bars.metrics() if self.error_bars else {})


def compare(predicted: Sequence[Predicted]) -> LabelComparison:
    """Compare predictions with the labels of their frames.

    Raises:
        DataError: No frame has any label.
    """
    frames = [entry.frame for entry in predicted]
    labelled = quantities_of(frames)
    if not labelled:
        words = ", ".join(quantity.plural for quantity in QUANTITIES)
        raise DataError(
            f"none of the frames has labels to compare with: {words}",
            hint="nepforge infer MODEL STRUCTURE... needs no labels",
        )
    models = [entry.as_frame() for entry in predicted]
    reference = {one.field: labels_of(frames, one) for one in QUANTITIES}
    prediction = {one.field: labels_of(models, one) for one in QUANTITIES}
    errors = {label: prediction[label] - reference[label] for label in ("energy", "forces")}
    shown = [one for one in QUANTITIES if one in labelled or not one.is_optional]
    rows = [_row(idx, entry, shown) for idx, entry in enumerate(predicted)]
    return LabelComparison(reference, prediction, rows, _judge(predicted, errors))


def _judge(
    predicted: Sequence[Predicted], errors: Mapping[str, FloatArray]
) -> ErrorBarReport | None:
    bars = [entry.bars for entry in predicted if entry.bars is not None]
    if not bars:
        return None
    energy_std = np.array([bar.energy / len(bar.forces) for bar in bars])
    forces_std = np.concatenate([bar.forces for bar in bars])
    return judge_error_bars(errors["energy"], energy_std, errors["forces"], forces_std)


def _row(idx: int, entry: Predicted, shown: Sequence[Quantity]) -> dict[str, float | int | str]:
    """One line of the table; errors as they are reported."""
    frame, model, bars = entry.frame, entry.as_frame(), entry.bars
    row: dict[str, float | int | str] = {
        "frame": idx,
        "source": frame.source,
        "n_atoms": frame.n_atoms,
    }
    for quantity in shown:
        row |= _cells(quantity, label_of(frame, quantity), label_of(model, quantity))
    if bars is not None:
        row["energy_std"] = bars.energy / frame.n_atoms
        row["force_std"] = float(np.sqrt(np.mean(bars.forces**2)))
    return row


def _cells(
    quantity: Quantity, reference: FloatArray, prediction: FloatArray
) -> dict[str, float | int | str]:
    """Label, prediction and error of a scalar, else the RMSE; of vectors the largest error too."""
    name, error = quantity.name, prediction - reference
    if error.size == 1 and quantity.belongs_to == "frame":
        return {
            name: float(reference[0]),
            f"{name}_predicted": float(prediction[0]),
            f"{name}_error": float(error[0]),
        }
    cells: dict[str, float | int | str] = {quantity.metric: float(np.sqrt(np.mean(error**2)))}
    if quantity.shape == (3,):
        cells[f"{name}_largest_error"] = float(np.sqrt((error**2).sum(axis=-1)).max())
    return cells


def write_comparison(folder: Path, comparison: LabelComparison) -> list[Path]:
    """Write metrics.json, frames.csv (empty where a label is missing) and parity_*.png.

    With error bars calibration.json and calibration.png too.
    """
    from nepforge.evaluate.figures import (  # noqa: PLC0415 - matplotlib is slow
        write_calibration,
        write_parity,
    )

    folder.mkdir(parents=True, exist_ok=True)
    metrics = folder / "metrics.json"
    metrics.write_text(json.dumps(comparison.metrics(), indent=2) + "\n", encoding="utf-8")
    table = folder / "frames.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(comparison.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(_without_nan(row) for row in comparison.rows)
    pair = comparison.reference, comparison.prediction
    written = [metrics, table, *write_parity(folder, {"test": pair})]
    if comparison.error_bars is not None:
        written += write_calibration(folder, comparison.error_bars, "test")
    return written


def _without_nan(row: Mapping[str, float | int | str]) -> dict[str, float | int | str]:
    return {
        name: "" if isinstance(value, float) and math.isnan(value) else value
        for name, value in row.items()
    }
