"""The training loop: epochs of random batches, validation, best model, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from attrs import define, frozen
from torch import Tensor

from nepforge.errors import DivergenceError, InterruptedRunError
from nepforge.models.potential import Potential
from nepforge.quantities import QUANTITIES
from nepforge.train.average import TailAverage
from nepforge.train.checkpoint import Checkpoint, Progress, load, save
from nepforge.train.metrics import ErrorSums
from nepforge.train.observations import NotFiniteError
from nepforge.train.steppers.stepper import Stepper
from nepforge.train.trace import Trace
from nepforge.train.training_set import FrameSet, errors_of

CHECKPOINT_SECONDS = 60.0  # between checkpoints: the most work that a kill can lose


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
    stopped_early: bool  # by patience or wall time
    trace: Trace


@frozen(eq=False)
class Training:
    """Everything that defines a training run."""

    model: Potential
    scaler: Tensor
    train: FrameSet
    valid: FrameSet
    epochs: int
    batch_size: int
    loss_weights: Mapping[str, float]  # by name of the quantity
    state_folder: Path
    tail_average: float = 0.0  # share of an epoch whose mean parameters are validated and kept
    patience: int | None = None  # epochs in a row without a better one, then stop
    max_seconds: float | None = None  # of wall time, validation included

    def loss(self, metrics: dict[str, float]) -> float:
        """Validation loss: sum over all kinds of labels of (weight * RMSE)^2."""
        return sum(
            (self.loss_weights[quantity.name] * metrics.get(f"valid_{quantity.metric}", 0.0)) ** 2
            for quantity in QUANTITIES
        )

    def stops_early(self, history: Sequence[Mapping[str, float]]) -> bool:
        """Whether patience or wall time has run out after these epochs."""
        if not history:
            return False
        best = min(history, key=lambda row: row["loss"])  # the first of equals
        idle = history[-1]["epoch"] - best["epoch"]
        return (self.patience is not None and idle >= self.patience) or (
            self.max_seconds is not None and history[-1]["wall_seconds"] >= self.max_seconds
        )

    def passes(self, progress: Progress) -> bool:
        """Whether a training with these settings reaches `progress` without stopping earlier."""
        history = progress.history
        before = len(history) - 1 if progress.done == 0 else len(history)
        return len(history) <= self.epochs and not any(
            self.stops_early(history[:epoch]) for epoch in range(1, before + 1)
        )


def train(
    training: Training,
    stepper: Stepper,
    rng: torch.Generator,
    *,
    on_batch: Callable[[int, int, int], None],
    on_epoch: Callable[[Report], None],
    stopping: Callable[[], bool],
) -> TrainingResult:
    """Train until the epochs, the patience or the wall time is used up.

    Resumes from the checkpoint in the state folder if there is one, also from the end of a training
    with fewer epochs, and leaves one there. The bits are the same, resumed or not; only a stop by
    wall time depends on the machine.

    Args:
        on_batch: Called after each step with the epoch, the frames done and their total.
        on_epoch: Called after each validation.
        stopping: Called after each step; if true, a checkpoint is written and the run stops.

    Raises:
        DivergenceError: An energy or force is not finite; says where.
        InterruptedRunError: `stopping` turned true.
    """
    course = _Course.begin(training, stepper, rng)
    progress = course.progress
    while len(progress.history) < training.epochs and not training.stops_early(progress.history):
        if not progress.order:
            progress.order = torch.randperm(len(training.train), generator=rng).tolist()
        errors = ErrorSums.restore(progress.errors) if progress.errors else ErrorSums()
        while progress.done < len(progress.order):
            _step(training, stepper, progress, errors, rng)
            course.average.add(stepper.parameters, progress.done, len(progress.order))
            course.trace.record(stepper.parameters)
            on_batch(progress.epoch, progress.done, len(progress.order))
            stop = stopping()
            if stop or course.is_save_due():
                progress.errors, progress.averaged = errors.state(), course.average.count
                course.save()
            if stop:
                raise InterruptedRunError(f"training stopped in epoch {progress.epoch}")
        stepper.finish_epoch()
        candidate = course.average.finish(stepper.parameters)
        report = _finish_epoch(training, stepper, candidate, progress, errors)
        if report.is_best:
            course.best = candidate
        on_epoch(report)
    course.save()  # a training with more epochs can go on from here
    return TrainingResult(
        parameters=course.best,
        best_epoch=progress.best_epoch,
        history=progress.history,
        resumed=course.resumed,
        stopped_early=len(progress.history) < training.epochs,
        trace=course.trace,
    )


@define(eq=False)
class _Course:
    """A training in progress: what a checkpoint holds."""

    stepper: Stepper
    rng: torch.Generator
    state_folder: Path
    progress: Progress
    best: Tensor
    average: TailAverage
    trace: Trace
    resumed: bool
    last_save: float

    @classmethod
    def begin(cls, training: Training, stepper: Stepper, rng: torch.Generator) -> _Course:
        """From a checkpoint that these settings would have reached, else from scratch."""
        course = cls(
            stepper=stepper,
            rng=rng,
            state_folder=training.state_folder,
            progress=Progress(),
            best=stepper.parameters.clone(),
            average=TailAverage.start(training.tail_average, stepper.parameters),
            trace=Trace(training.model.parameter_groups()),
            resumed=False,
            last_save=time.monotonic(),
        )
        saved = load(training.state_folder)
        if saved is not None and training.passes(saved.progress):
            course.resume(saved)
        else:
            course.trace.record(stepper.parameters)
        return course

    def resume(self, saved: Checkpoint) -> None:
        tensors = dict(saved.tensors)
        self.progress = saved.progress
        self.rng.set_state(saved.rng_state)
        self.best = tensors.pop("best")
        self.average.mean, self.average.count = tensors.pop("average"), saved.progress.averaged
        self.trace.restore(tensors.pop("trace"))
        self.stepper.restore(tensors)
        self.resumed = True

    def is_save_due(self) -> bool:
        return time.monotonic() - self.last_save > CHECKPOINT_SECONDS

    def save(self) -> None:
        tensors = {
            "best": self.best,
            "average": self.average.mean,
            "trace": self.trace.state(),
            **self.stepper.state(),
        }
        save(self.state_folder, Checkpoint(self.progress, self.rng.get_state(), tensors))
        self.last_save = time.monotonic()


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
            hint=f"{stepper.advice}, or look at that frame",
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
    training: Training,
    stepper: Stepper,
    parameters: Tensor,
    progress: Progress,
    errors: ErrorSums,
) -> Report:
    """Validate the parameters and move `progress` on to the next epoch."""
    start = time.perf_counter()
    metrics = errors.report("train")
    found = errors_of(training.model, parameters, training.scaler, training.valid)
    metrics |= found.report("valid")
    loss = training.loss(metrics)
    if not math.isfinite(loss):
        raise DivergenceError(
            f"epoch {progress.epoch}: the validation loss is {loss}",
            hint=f"{stepper.advice}; the errors of the preceding epochs show where it began",
        )
    is_best = loss < progress.best_loss
    if is_best:
        progress.best_epoch, progress.best_loss = progress.epoch, loss
    report = Report(progress.epoch, progress.seconds, metrics, is_best)
    progress.validation_seconds += time.perf_counter() - start
    progress.history.append(
        {
            "epoch": progress.epoch,
            "loss": loss,
            "seconds": progress.seconds,
            "wall_seconds": progress.seconds + progress.validation_seconds,
            **metrics,
        }
    )
    progress.epoch += 1
    progress.order, progress.done, progress.errors, progress.averaged = [], 0, [], 0
    return report
