"""Stage train: fit the model of the recipe, keep the best on validation data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from nepforge.data.frame import load_frames
from nepforge.events import EpochFinished, Message, StageProgress
from nepforge.formats.covariance_file import FILE, write_covariance
from nepforge.formats.neighbor_counts import NeighborCounts, count_neighbors
from nepforge.formats.potential_file import NEPModel, Trained, with_numbers, write_potential
from nepforge.models.potential import Potential
from nepforge.models.uncertainty import triangular_factor
from nepforge.plan.tables import TrainTable
from nepforge.plots.curves import has_values, loss_curves
from nepforge.quantities import QUANTITIES
from nepforge.recipe.tables import LKFOptimizer
from nepforge.stages.context import StageContext
from nepforge.stages.first_model import first_baseline, first_model, model_from_table
from nepforge.stages.outputs import write_json, write_metrics
from nepforge.train.loop import Report, Training, TrainingResult, train
from nepforge.train.observations import observation_weights
from nepforge.train.residuals import calibrated
from nepforge.train.steppers import LKFStepper, Stepper, make_stepper
from nepforge.train.training_set import FrameSet


def run(table: TrainTable, inputs: Mapping[str, Path], ctx: StageContext) -> None:
    """Write <kind>_model.ckpt, trace.txt, epoch_*.dat, loss.png, timing.json.

    NEP by LKF leaves covariance.npz too.
    """
    torch.set_num_threads(ctx.threads)
    torch.use_deterministic_algorithms(True)
    settings = table.optimizer
    model = model_from_table(table.data.species, table.model)
    frames = load_frames(inputs["train"])
    train_set = FrameSet.build(frames, model)
    valid_set = FrameSet.build(load_frames(inputs["valid"]), model)
    ctx.emit(Message("info", _sizes_text(model, train_set, valid_set), ctx.stage))
    rng = torch.Generator().manual_seed(table.seed)
    baseline = first_baseline(table, frames)
    first = first_model(model, inputs.get("start_from"), train_set, rng, baseline)
    scaler = first.scaler
    stepper = make_stepper(model, first.parameters, scaler, settings)
    training = Training(
        model=model,
        scaler=scaler,
        train=train_set,
        valid=valid_set,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        loss_weights=observation_weights(settings.weights),
        state_folder=ctx.state,
        tail_average=settings.tail_average if isinstance(settings, LKFOptimizer) else 0.0,
        patience=settings.patience,
        max_seconds=None if settings.max_minutes is None else 60.0 * settings.max_minutes,
    )
    result = train(
        training,
        stepper,
        rng,
        on_batch=_batch_listener(ctx, training),
        on_epoch=_epoch_listener(ctx, training),
        stopping=ctx.stopping,
    )
    kept = with_numbers(model, result.parameters, scaler, _counts(first, train_set))
    write_potential(ctx.out / f"{table.model.kind}_model.ckpt", kept)
    _write_covariance(ctx.out, kept, stepper, valid_set)
    result.trace.write(ctx.out / "trace.txt")
    _write_history(ctx.out, result)
    write_metrics(ctx.out, _metrics(result, model))
    seconds = result.history[-1]["seconds"]
    per_frame = seconds / (len(train_set) * len(result.history))
    write_json(ctx.out / "timing.json", {"seconds": seconds, "seconds_per_frame": per_frame})


def _counts(first: Trained, train_set: FrameSet) -> NeighborCounts | None:
    """Largest numbers of neighbours that this training and those before it met."""
    if not isinstance(first, NEPModel):
        return None
    return count_neighbors(first.model, train_set.neighbors).or_more(first.neighbors)


def _write_covariance(out: Path, kept: Trained, stepper: Stepper, valid_set: FrameSet) -> None:
    """The covariance at the end, which the checkpoint holds anyway: since the best epoch error bars
    have changed little but in scale, and the validation set sets the scale."""
    if isinstance(stepper, LKFStepper) and isinstance(kept, NEPModel):
        factors = [triangular_factor(block) for block in stepper.filter.covariances()]
        covariance = calibrated(kept, factors, valid_set)
        write_covariance(out / FILE, covariance, kept.parameters)


def _metrics(result: TrainingResult, model: Potential) -> dict[str, float]:
    """The errors of the best epoch, and how the training ended."""
    best = result.history[result.best_epoch - 1]
    errors = {name: value for name, value in best.items() if name.startswith(("train_", "valid_"))}
    return {
        "best_epoch": result.best_epoch,
        "epochs": len(result.history),
        "stopped_early": float(result.stopped_early),
        "n_parameters": model.n_parameters,
        **errors,
    }


def _sizes_text(model: Potential, train_set: FrameSet, valid_set: FrameSet) -> str:
    return (
        f"{len(train_set)} training and {len(valid_set)} validation frames, "
        f"{model.n_descriptor} descriptors, {model.n_parameters} parameters"
    )


def _batch_listener(ctx: StageContext, training: Training) -> Any:
    total = training.epochs * len(training.train)

    def on_batch(epoch: int, done: int, of_epoch: int) -> None:
        frames = (epoch - 1) * of_epoch + done
        ctx.emit(StageProgress(ctx.stage, frames, total, "frame", f"epoch {epoch}"))

    return on_batch


def _epoch_listener(ctx: StageContext, training: Training) -> Any:
    def on_epoch(report: Report) -> None:
        ctx.emit(
            EpochFinished(
                stage=ctx.stage,
                epoch=report.epoch,
                epochs=training.epochs,
                seconds=report.seconds,
                metrics=report.metrics,
                is_best=report.is_best,
            )
        )

    return on_epoch


def _write_history(folder: Path, result: TrainingResult) -> None:
    """epoch_*.dat (errors in the units of their quantities, time in s) and the curves.

    An optional quantity has a column only where the data have such labels.
    """
    known = {name for row in result.history for name in row}
    errors = [
        quantity.metric
        for quantity in QUANTITIES
        if not quantity.is_optional
        or any(f"{prefix}_{quantity.metric}" in known for prefix in ("train", "valid"))
    ]
    for prefix in ("train", "valid"):
        names = [f"{prefix}_{error}" for error in errors]
        heads = [f"{error:>14}" for error in (*errors, "loss", "seconds")]
        lines = [f"# epoch  {'  '.join(heads)}"]
        for row in result.history:
            values = [row.get(name, float("nan")) for name in names]
            numbers = (*values, row["loss"], row["seconds"])
            text = "  ".join(f"{number:14.6e}" for number in numbers)
            lines.append(f"{int(row['epoch']):7d}  {text}")
        (folder / f"epoch_{prefix}.dat").write_text("\n".join(lines) + "\n", encoding="ascii")
    series = {
        f"{prefix}_{error}": [row.get(f"{prefix}_{error}", float("nan")) for row in result.history]
        for prefix in ("train", "valid")
        for error in errors
    }
    if not any(has_values(series, error) for error in errors):
        return  # every error is exactly 0: isolated atoms without energies
    loss_curves(
        folder / "loss.png",
        [int(row["epoch"]) for row in result.history],
        [row["seconds"] for row in result.history],
        series,
        best_epoch=result.best_epoch,
    )
