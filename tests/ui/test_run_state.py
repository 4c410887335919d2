"""What the views know of a run."""

from __future__ import annotations

import pytest

from nepforge.events import EpochFinished, RunFinished, StageProgress, StageStarted
from nepforge.ui.run_state import RunState

from .events import KEY, started, timed_run


def _running_training() -> RunState:
    state = RunState()
    state.apply(started(), 0.0)
    state.apply(StageStarted("train", "train", KEY, ""), 5.0)
    return state


def _epoch(number: int, epochs: int) -> EpochFinished:
    return EpochFinished("train", number, epochs, 0.0, {}, False)


def test_time_left_follows_the_speed_since_the_first_epoch() -> None:
    """Setting up took 15 s; the epochs after the first take 2 s each, so 7 more take 14 s."""
    state = _running_training()
    for number, now in ((1, 20.0), (2, 22.0), (3, 24.0)):
        state.apply(_epoch(number, 10), now)
    assert state.stages["train"].seconds_left(24.0) == pytest.approx(14.0)
    assert state.stages["train"].seconds_left(25.5) == pytest.approx(12.5)


def test_time_left_of_a_resumed_stage_ignores_what_was_done_before() -> None:
    """Epoch 51 is the first one seen; nothing is said about the 50 before it."""
    state = _running_training()
    state.apply(_epoch(51, 60), 10.0)
    assert state.stages["train"].seconds_left(10.0) is None
    state.apply(_epoch(52, 60), 13.0)
    assert state.stages["train"].seconds_left(13.0) == pytest.approx(24.0)


def test_finer_steps_move_the_bar_between_epochs() -> None:
    """Steps count the whole stage; an epoch that ends does not set the bar back."""
    state = _running_training()
    train = state.stages["train"]
    state.apply(StageProgress("train", 38, 200, "frame"), 6.0)
    assert (train.fraction, train.count) == (pytest.approx(0.19), "frame 38/200")
    state.apply(_epoch(2, 10), 7.0)
    assert (train.fraction, train.count) == (pytest.approx(0.19), "epoch 2/10")
    state.apply(StageProgress("train", 45, 200, "frame"), 8.0)
    assert train.fraction == pytest.approx(0.225)


def test_the_best_epoch_stays_when_a_later_one_is_worse() -> None:
    """The last epoch of the run is not the best one."""
    state = RunState()
    for now, event in timed_run():
        state.apply(event, now)
    train = state.stages["train"]
    assert train.last_epoch is not None
    assert train.best_epoch is not None
    assert (train.last_epoch.epoch, train.best_epoch.epoch) == (4, 3)
    assert [stage.condition for stage in state.stages.values()] == ["cached", "done", "done"]


def test_the_stage_that_ran_when_a_run_ended_is_stopped() -> None:
    """A failed or interrupted run shows where; the stages after it wait."""
    state = _running_training()
    state.apply(RunFinished("interrupted", "", "", 1, 9.0, {}, None), 9.0)
    assert [stage.condition for stage in state.stages.values()] == ["cached", "stopped", "waiting"]
    assert state.stages["train"].seconds == pytest.approx(4.0)


def test_a_stage_that_was_not_planned_is_shown_all_the_same() -> None:
    """A view must not fail because of what it does not know."""
    state = RunState()
    state.apply(StageProgress("train", 1, 0), 0.0)
    assert state.stages["train"].fraction == 0.0
