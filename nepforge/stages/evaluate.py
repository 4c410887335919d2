"""Stage evaluate: errors, parity plots and predictions of the best model on both sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import frozen

from nepforge.data.frame import FloatArray, Frame, load_frames
from nepforge.data.frame_labels import quantities_of
from nepforge.evaluate.calibration import judge_error_bars
from nepforge.evaluate.figures import write_calibration, write_parity
from nepforge.events import Message
from nepforge.formats.covariance_file import read_covariance
from nepforge.formats.open_model import open_model
from nepforge.models.potential import TrainedPotential
from nepforge.models.uncertainty import Covariance
from nepforge.plan.tables import EvaluateTable
from nepforge.quantities import QUANTITIES
from nepforge.stages.context import StageContext
from nepforge.stages.outputs import write_json, write_metrics
from nepforge.stages.usefulness import judge
from nepforge.train.metrics import ErrorSums
from nepforge.train.residuals import residuals
from nepforge.train.training_set import FrameSet

SETS = {"train": "train", "valid": "validation"}


@frozen(eq=False)
class SetPrediction:
    """Labels (nan where missing) and predictions of a set by field, as errors are reported.

    Frames in order; an optional quantity only where the set has such labels.
    """

    errors: ErrorSums
    reference: dict[str, FloatArray]
    prediction: dict[str, FloatArray]


def run(table: EvaluateTable, inputs: Mapping[str, Path], ctx: StageContext) -> None:
    """Write metrics.json, usefulness.json, groups.json, predictions_*.npz and parity_*.png.

    With a covariance calibration.json and calibration.png too, of the validation set.
    """
    del table  # the pinned thread count is in the context already
    torch.set_num_threads(ctx.threads)
    trained = open_model(inputs["model"]).trained
    metrics: dict[str, float] = {}
    by_group: dict[str, Any] = {}
    found: dict[str, SetPrediction] = {}
    for name in SETS:
        frames = load_frames(inputs[name])
        found[name] = predict_set(trained, frames)
        metrics |= found[name].errors.report(name)
        by_group[name] = {
            group: predict_set(trained, members).errors.report(name)
            for group, members in _groups(frames).items()
        }
        arrays: dict[str, Any] = dict(found[name].prediction)
        np.savez(ctx.out / f"predictions_{name}.npz", **arrays)
    write_metrics(ctx.out, metrics)
    write_json(ctx.out / "groups.json", by_group)
    train, valid = (load_frames(inputs[name]) for name in SETS)
    found_useful = judge(metrics, train, valid, trained.model.species)
    found_useful.write(ctx.out)
    for text in found_useful.warnings:
        ctx.emit(Message("warning", text, ctx.stage))
    sets = {SETS[name]: (one.reference, one.prediction) for name, one in found.items()}
    write_parity(ctx.out, sets)
    if "covariance" in inputs:
        covariance = read_covariance(inputs["covariance"], trained.parameters)
        _judge_error_bars(ctx.out, trained, covariance, load_frames(inputs["valid"]))


def predict_set(trained: TrainedPotential, frames: Sequence[Frame]) -> SetPrediction:
    """Evaluate a model on frames."""
    frame_set = FrameSet.build(frames, trained.model)
    errors = ErrorSums()
    labelled = quantities_of(frames)
    shown = [one for one in QUANTITIES if one in labelled or not one.is_optional]
    reference: dict[str, list[FloatArray]] = {quantity.field: [] for quantity in shown}
    prediction: dict[str, list[FloatArray]] = {quantity.field: [] for quantity in shown}
    for _, batch in frame_set.batches():
        predicted = trained.model.predict(trained.parameters, trained.scaler, batch)
        errors.add(batch, predicted)
        for target, source in ((reference, batch), (prediction, predicted)):
            for quantity in shown:
                values = quantity.reported(getattr(source, quantity.field), batch.n_atoms)
                if quantity.belongs_to == "atom":
                    values = batch.to_source_order(values)
                target[quantity.field].append(values.numpy())
    return SetPrediction(
        errors,
        {name: np.concatenate(parts) for name, parts in reference.items()},
        {name: np.concatenate(parts) for name, parts in prediction.items()},
    )


def _judge_error_bars(
    folder: Path, trained: TrainedPotential, covariance: Covariance, frames: Sequence[Frame]
) -> None:
    found = residuals(trained, covariance, FrameSet.build(frames, trained.model))
    report = judge_error_bars(
        found.energy.numpy(),
        found.energy_std.numpy(),
        found.forces.numpy(),
        found.forces_std.numpy(),
    )
    write_calibration(folder, report, SETS["valid"])


def _groups(frames: Sequence[Frame]) -> dict[str, list[Frame]]:
    """Frames by their group, when the recipe asked for groups."""
    groups: dict[str, list[Frame]] = {}
    for frame in frames:
        if frame.group:
            groups.setdefault(frame.group, []).append(frame)
    return dict(sorted(groups.items()))
