"""The training loop: learns, repeats itself, resumes with the same bits."""

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import torch

from nepforge.data.frame import Frame
from nepforge.errors import DivergenceError, InterruptedRunError
from nepforge.models.nep import NEP, predict
from nepforge.train.loop import Report, Training, TrainingResult, train
from nepforge.train.observations import ObservationWeights
from nepforge.train.steppers import LKFSettings, LKFStepper
from nepforge.train.training_set import FrameSet, errors_of, find_scaler
from tests.conftest import SPECIES, random_model

MODEL = NEP(SPECIES, (4.5, 4.0), (2, 2), (3, 3), 2, (), 6)
WEIGHTS = ObservationWeights(energy=30.0, force=1.0, virial=1.0)
MakeFrame = Callable[..., Frame]


def labelled(frames: list[Frame]) -> list[Frame]:
    """The frames with the labels of a teacher model of the same kind."""
    teacher = random_model(MODEL, 9)
    result = []
    for frame, (_, batch) in zip(
        frames, ((i, FrameSet.build([f], MODEL).batch([0])) for i, f in enumerate(frames)),
        strict=True,
    ):  # fmt: skip
        found = predict(MODEL, teacher.parameters, teacher.q_scaler, batch)
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


def stepper_of(training: Training, rng: torch.Generator, p0: float = 1.0) -> LKFStepper:
    return LKFStepper(
        MODEL,
        MODEL.initial_parameters([-8.0, -8.0], rng),
        training.scaler,
        LKFSettings(
            force_groups=2,
            kalman_lambda=0.98,
            kalman_nue=0.9987,
            block_size=100,
            p0_weight=p0,
            weights=WEIGHTS,
        ),
    )


def fit(
    training: Training, *, stop_after: int | None = None, reports: list[Report] | None = None
) -> TrainingResult:
    """Train; with `stop_after`, be interrupted after so many steps."""
    rng = torch.Generator().manual_seed(3)
    steps: list[int] = []
    return train(
        training,
        stepper_of(training, rng),
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


@pytest.mark.parametrize("stop_after", [1, 3, 4, 8])
def test_a_resumed_training_gives_the_same_bits(training: Training, stop_after: int) -> None:
    """Stopped after any step, run again: parameters, trace, errors equal an undisturbed run."""
    straight = fit(training)
    (training.state_folder / "training.npz").unlink(missing_ok=True)
    with pytest.raises(InterruptedRunError):
        fit(training, stop_after=stop_after)
    resumed = fit(training)
    assert resumed.resumed
    assert torch.equal(resumed.parameters, straight.parameters)
    assert torch.equal(resumed.trace.state(), straight.trace.state())
    drop = {"seconds", "wall_seconds"}
    for ours, theirs in zip(resumed.history, straight.history, strict=True):
        assert {k: v for k, v in ours.items() if k not in drop} == {
            k: v for k, v in theirs.items() if k not in drop
        }


def test_two_runs_give_the_same_bits(training: Training) -> None:
    """Same seed, same threads: the same parameters."""
    assert torch.equal(fit(training).parameters, fit(training).parameters)


def test_divergence_names_epoch_frame_and_atom(training: Training) -> None:
    """A parameter that is not finite stops the training with the place."""
    rng = torch.Generator().manual_seed(3)
    stepper = stepper_of(training, rng)
    stepper.parameters[0] = float("inf")
    with pytest.raises(DivergenceError, match=r"epoch 1, random:\d+, atom \d"):
        train(
            training,
            stepper,
            rng,
            on_batch=lambda *_: None,
            on_epoch=lambda _: None,
            stopping=lambda: False,
        )
