"""The training loop: learns, repeats itself, resumes with the same bits."""

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import torch

from nepforge.data.frame import Frame
from nepforge.errors import DivergenceError, InterruptedRunError
from nepforge.models.nep.network import NEP
from nepforge.recipe.tables import (
    AdamOptimizer,
    LKFOptimizer,
    Prefactors,
    SNESOptimizer,
    Weights,
)
from nepforge.train.loop import Report, Training, TrainingResult, train
from nepforge.train.steppers import AdamStepper, LKFStepper, SNESStepper, Stepper
from nepforge.train.training_set import FrameSet, errors_of, find_scaler
from tests.conftest import SPECIES, random_model

MODEL = NEP(SPECIES, (4.5, 4.0), (2, 2), (3, 3), 2, (), 6)
WEIGHTS = {"energy": 30.0, "force": 1.0, "virial": 1.0, "atomic_energy": 0.0}
MakeFrame = Callable[..., Frame]


def labelled(frames: list[Frame]) -> list[Frame]:
    """The frames with the labels of a teacher model of the same kind."""
    teacher = random_model(MODEL, 9)
    result = []
    for frame, (_, batch) in zip(
        frames, ((i, FrameSet.build([f], MODEL).batch([0])) for i, f in enumerate(frames)),
        strict=True,
    ):  # fmt: skip
        found = MODEL.predict(teacher.parameters, teacher.q_scaler, batch)
        result.append(
            attrs.evolve(
                frame,
                energy=float(found.energy[0]),
                forces=batch.to_source_order(found.forces).numpy(),
                virial=found.virial[0].numpy(),
            )
        )
    return result


@pytest.fixture
def training(random_frame: MakeFrame, tmp_path: Path) -> Training:
    frames = labelled([random_frame(seed, 6) for seed in range(12)])
    train_set = FrameSet.build(frames[:9], MODEL)
    return Training(
        model=MODEL,
        scaler=find_scaler(MODEL, train_set),
        train=train_set,
        valid=FrameSet.build(frames[9:], MODEL),
        epochs=5,
        batch_size=4,
        loss_weights=WEIGHTS,
        state_folder=tmp_path,
    )


def lkf(training: Training, rng: torch.Generator) -> Stepper:
    return LKFStepper(
        MODEL,
        MODEL.initial_parameters([-8.0, -8.0], rng),
        training.scaler,
        LKFOptimizer(
            kind="lkf",
            epochs=training.epochs,
            batch_size=training.batch_size,
            force_groups=2,
            block_size=100,
            p0_weight=1.0,
            weights=Weights(energy=30.0, force=1.0, virial=1.0),
        ),
    )


def adam(training: Training, rng: torch.Generator) -> Stepper:
    return AdamStepper(
        MODEL,
        MODEL.initial_parameters([-8.0, -8.0], rng),
        training.scaler,
        AdamOptimizer(
            kind="adamw",
            epochs=training.epochs,
            batch_size=training.batch_size,
            learning_rate=(0.02, 0.002),
            schedule_steps=60,
            decay_steps=4,
            weight_decay=1.0e-4,
            prefactors=Prefactors(energy=(0.1, 1.0), force=(10.0, 1.0), virial=(1.0, 1.0)),
            weights=Weights(energy=30.0, force=1.0, virial=1.0),
        ),
    )


def snes(training: Training, rng: torch.Generator) -> Stepper:
    return SNESStepper(
        MODEL,
        MODEL.initial_parameters([-8.0, -8.0], rng),
        training.scaler,
        SNESOptimizer(
            kind="snes",
            epochs=training.epochs,
            batch_size=training.batch_size,
            population=8,
            lambda_1=0.01,
            lambda_2=0.01,
            weights=Weights(energy=1.0, force=1.0, virial=0.1),
        ),
    )


OPTIMIZERS = {"lkf": lkf, "adam": adam, "snes": snes}
each_optimizer = pytest.mark.parametrize("kind", OPTIMIZERS)


def fit(
    training: Training,
    kind: str = "lkf",
    *,
    stop_after: int | None = None,
    reports: list[Report] | None = None,
) -> TrainingResult:
    """Train; with `stop_after`, be interrupted after so many steps."""
    rng = torch.Generator().manual_seed(3)
    steps: list[int] = []
    return train(
        training,
        OPTIMIZERS[kind](training, rng),
        rng,
        on_batch=lambda epoch, _done, _total: steps.append(epoch),
        on_epoch=(reports if reports is not None else []).append,
        stopping=lambda: len(steps) == stop_after,
    )


def test_it_learns_what_a_model_of_its_kind_can_say(training: Training) -> None:
    """The force error on unseen frames falls below a third within a few epochs."""
    reports: list[Report] = []
    result = fit(attrs.evolve(training, epochs=12), reports=reports)
    first, best = reports[0].metrics, reports[result.best_epoch - 1].metrics
    assert best["valid_force_rmse"] < first["valid_force_rmse"] / 3
    assert best["valid_energy_rmse"] < first["valid_energy_rmse"]


def test_the_kept_model_is_the_best_on_validation(training: Training) -> None:
    """Its errors are those reported for the best epoch, whose loss is the smallest."""
    result = fit(training)
    losses = [row["loss"] for row in result.history]
    assert losses.index(min(losses)) + 1 == result.best_epoch
    found = errors_of(MODEL, result.parameters, training.scaler, training.valid).report("valid")
    row = result.history[result.best_epoch - 1]
    assert found == {name: row[name] for name in found}


@pytest.mark.parametrize(("kind", "factor"), [("adam", 30.0), ("snes", 1.5)])
def test_the_other_optimizers_learn_too(training: Training, kind: str, factor: float) -> None:
    """The validation loss falls, with Adam in more epochs than LKF and with SNES slowly."""
    history = fit(attrs.evolve(training, epochs=40), kind).history
    assert history[-1]["loss"] < history[0]["loss"] / factor


def without_times(history: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if not k.endswith("seconds")} for row in history]


def assert_same_bits(one: TrainingResult, other: TrainingResult) -> None:
    assert torch.equal(one.parameters, other.parameters)
    assert torch.equal(one.trace.state(), other.trace.state())
    assert without_times(one.history) == without_times(other.history)


def forget(training: Training) -> None:
    (training.state_folder / "training.npz").unlink()


@pytest.mark.parametrize("stop_after", [1, 3, 4, 8])
@each_optimizer
def test_a_resumed_training_gives_the_same_bits(
    training: Training, kind: str, stop_after: int
) -> None:
    """Stopped after any step and run again, parameters and errors equal an undisturbed run."""
    straight = fit(training, kind)
    forget(training)
    with pytest.raises(InterruptedRunError):
        fit(training, kind, stop_after=stop_after)
    resumed = fit(training, kind)
    assert resumed.resumed
    assert_same_bits(resumed, straight)


@pytest.mark.parametrize("first", [1, 3])
@each_optimizer
def test_more_epochs_go_on_from_a_finished_training(
    training: Training, kind: str, first: int
) -> None:
    """Only the new epochs are computed, and the bits are those of a straight run."""
    straight = fit(training, kind)
    forget(training)
    fit(attrs.evolve(training, epochs=first), kind)
    reports: list[Report] = []
    extended = fit(training, kind, reports=reports)
    assert [report.epoch for report in reports] == list(range(first + 1, 6))
    assert_same_bits(extended, straight)


@each_optimizer
def test_more_epochs_go_on_from_an_unfinished_training(training: Training, kind: str) -> None:
    """One that was stopped within an epoch, as by a kill."""
    straight = fit(training, kind)
    forget(training)
    with pytest.raises(InterruptedRunError):
        fit(attrs.evolve(training, epochs=3), kind, stop_after=4)
    extended = fit(training, kind)
    assert extended.resumed
    assert_same_bits(extended, straight)


def test_fewer_epochs_start_anew(training: Training) -> None:
    """The end of a longer training is no part of a shorter one."""
    short = attrs.evolve(training, epochs=2)
    straight = fit(short)
    fit(training)
    again = fit(short)
    assert not again.resumed
    assert_same_bits(again, straight)


def test_patience_stops_after_idle_epochs(training: Training) -> None:
    """So many epochs after the best one, and the best model is kept."""
    long = attrs.evolve(training, epochs=60, patience=2)
    result = fit(long, "snes")
    assert result.stopped_early
    assert len(result.history) == result.best_epoch + 2
    longer = fit(attrs.evolve(long, patience=4), "snes")
    assert longer.resumed
    shorter = fit(attrs.evolve(long, patience=1), "snes")  # would have stopped before that end
    assert len(shorter.history) <= len(result.history)
    assert shorter.history[-1]["epoch"] == shorter.best_epoch + 1


def test_the_wall_time_budget_ends_the_training_after_an_epoch(training: Training) -> None:
    """No budget, no stop; with none left, one epoch is still done."""
    assert not fit(training).stopped_early
    forget(training)
    result = fit(attrs.evolve(training, max_seconds=1.0e-9))
    assert result.stopped_early
    assert len(result.history) == 1


@each_optimizer
def test_two_runs_give_the_same_bits(training: Training, kind: str) -> None:
    """Same seed, same threads: the same parameters."""
    one = fit(training, kind)
    forget(training)
    assert_same_bits(fit(training, kind), one)


@each_optimizer
def test_divergence_names_epoch_frame_and_atom(training: Training, kind: str) -> None:
    """A parameter that is not finite stops the training with the place and the key to change."""
    rng = torch.Generator().manual_seed(3)
    stepper = OPTIMIZERS[kind](training, rng)
    stepper.parameters[0] = float("inf")
    with pytest.raises(DivergenceError, match=r"epoch 1, random:\d+, atom \d") as caught:
        train(
            training,
            stepper,
            rng,
            on_batch=lambda *_: None,
            on_epoch=lambda _: None,
            stopping=lambda: False,
        )
    assert "lower optimizer." in caught.value.hint
