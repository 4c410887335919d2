"""The training loop: epochs of random batches, validation, best model, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from attrs import frozen
from torch import Tensor

from nepforge.errors import DivergenceError, InterruptedRunError
from nepforge.models.nep import NEP
from nepforge.train.average import TailAverage
from nepforge.train.checkpoint import Progress, load, save
from nepforge.train.metrics import ErrorSums
from nepforge.train.observations import NotFiniteError, ObservationWeights
from nepforge.train.steppers import Stepper
from nepforge.train.trace import Trace
from nepforge.train.training_set import FrameSet, errors_of

CHECKPOINT_SECONDS = 60.0  # between checkpoints; a kill loses at most so much work


@frozen
class Report:
    """One finished epoch. `metrics` are those of ErrorSums.report for train and valid."""

    epoch: int
    seconds: float
    metrics: dict[str, float]
    is_best: bool


@frozen(eq=False)
class TrainingResult:
    """The best model on validation data, and the errors of every epoch."""

    parameters: Tensor
    best_epoch: int
    history: list[dict[str, float]]
    resumed: bool
    trace: Trace


@frozen(eq=False)
class Training:
    """Everything that defines a training run."""

    model: NEP
    q_scaler: Tensor
    train: FrameSet
    valid: FrameSet
    epochs: int
    batch_size: int
    loss_weights: ObservationWeights
    state_folder: Path
    tail_average: float = 0.0  # share of an epoch whose mean parameters are validated and kept

    def loss(self, metrics: dict[str, float]) -> float:
        """Validation loss: sum over energy, force, virial of (weight * RMSE)^2."""
        terms = (
            (self.loss_weights.energy, "valid_energy_rmse"),
            (self.loss_weights.force, "valid_force_rmse"),
            (self.loss_weights.virial, "valid_virial_rmse"),
        )
        return sum((weight * metrics.get(name, 0.0)) ** 2 for weight, name in terms)


def train(
    training: Training,
    stepper: Stepper,
    rng: torch.Generator,
    *,
    on_batch: Callable[[int, int, int], None],
    on_epoch: Callable[[Report], None],
    stopping: Callable[[], bool],
) -> TrainingResult:
    """Train to the last epoch, from the checkpoint in the state folder when there is one.

    Args:
        on_batch: Called after each step with the epoch and the frames done and in all.
        on_epoch: Called after each validation.
        stopping: Asked after each step; when true, a checkpoint is written and the run stops.

    Raises:
        DivergenceError: An energy or force is not finite; says where.
        InterruptedRunError: `stopping` turned true.
    """
    best = stepper.parameters.clone()
    progress = Progress()
    average = TailAverage.start(training.tail_average, stepper.parameters)
    trace = Trace(training.model.parameter_groups())
    saved = load(training.state_folder, rng)
    if saved:
        progress, tensors = saved
        best = tensors.pop("best")
        average.mean, average.count = tensors.pop("average"), progress.averaged
        trace.restore(tensors.pop("trace"))
        stepper.restore(tensors)
    else:
        trace.record(stepper.parameters)
    last_save = time.monotonic()
    while progress.epoch <= training.epochs:
        if not progress.order:
            progress.order = torch.randperm(len(training.train), generator=rng).tolist()
        errors = ErrorSums.restore(progress.errors) if progress.errors else ErrorSums()
        while progress.done < len(progress.order):
            _step(training, stepper, progress, errors, rng)
            average.add(stepper.parameters, progress.done, len(progress.order))
            trace.record(stepper.parameters)
            on_batch(progress.epoch, progress.done, len(progress.order))
            stop = stopping()
            if stop or time.monotonic() - last_save > CHECKPOINT_SECONDS:
                progress.errors, progress.averaged = errors.state(), average.count
                tensors = {
                    "best": best,
                    "average": average.mean,
                    "trace": trace.state(),
                    **stepper.state(),
                }
                save(training.state_folder, progress, rng, tensors)
                last_save = time.monotonic()
            if stop:
                raise InterruptedRunError(f"training stopped in epoch {progress.epoch}")
        stepper.finish_epoch()
        candidate = average.finish(stepper.parameters)
        report = _finish_epoch(training, candidate, progress, errors)
        if report.is_best:
            best = candidate
        on_epoch(report)
    return TrainingResult(best, progress.best_epoch, progress.history, saved is not None, trace)


def _step(
    training: Training,
    stepper: Stepper,
    progress: Progress,
    errors: ErrorSums,
    rng: torch.Generator,
) -> None:
    """One batch."""
    start = time.perf_counter()
    indices = progress.order[progress.done : progress.done + training.batch_size]
    batch = training.train.batch(indices)
    where = f"epoch {progress.epoch}"
    try:
        prediction = stepper.step(batch, rng)
    except NotFiniteError as error:
        frame = training.train.frames[indices[error.frame_idx]]
        raise DivergenceError(
            f"{where}, {frame.source}, atom {error.atom_idx} (from 0): the predicted energy or "
            "force is not finite",
            hint="lower optimizer.p0_weight, or look at that frame",
        ) from error
    except DivergenceError as error:
        names = ", ".join(training.train.frames[idx].source for idx in indices)
        raise DivergenceError(
            f"{where}, frames {names}: {error.message}", hint=error.hint
        ) from error
    errors.add(batch, prediction)
    progress.done += len(indices)
    progress.seconds += time.perf_counter() - start


def _finish_epoch(
    training: Training, parameters: Tensor, progress: Progress, errors: ErrorSums
) -> Report:
    """Validate the parameters and move `progress` on to the next epoch."""
    metrics = errors.report("train")
    found = errors_of(training.model, parameters, training.q_scaler, training.valid)
    metrics |= found.report("valid")
    loss = training.loss(metrics)
    if not math.isfinite(loss):
        raise DivergenceError(
            f"epoch {progress.epoch}: the validation loss is {loss}",
            hint="lower optimizer.p0_weight; look at epoch_valid.dat for where it grew",
        )
    is_best = loss < progress.best_loss
    if is_best:
        progress.best_epoch, progress.best_loss = progress.epoch, loss
    report = Report(progress.epoch, progress.seconds, metrics, is_best)
    progress.history.append(
        {"epoch": progress.epoch, "loss": loss, "seconds": progress.seconds, **metrics}
    )
    progress.epoch += 1
    progress.order, progress.done, progress.errors = [], 0, []
    return report
