"""The screen of the live view, drawn without a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from nepforge.ui.console import LiveView

from .events import Clock, timed_run


def _screen(until: float, width: int = 80, *, stopping: bool = False) -> list[str]:
    """The lines at a time of the run."""
    console = Console(file=io.StringIO(), width=width)
    clock = Clock()
    view = LiveView(console, lambda: stopping, clock)
    for clock.now, event in timed_run():
        if clock.now > until:
            break
        view(event)
    clock.now = until
    with console.capture() as capture:
        console.print(view.screen())
    return [line.rstrip() for line in capture.get().splitlines()]


def test_the_screen_shows_stages_errors_and_time_left() -> None:
    """Everything a waiting user asks for, in 80 columns."""
    lines = _screen(36.0)
    assert lines[0].startswith("hfo2  recipe 3f2a91c0b7de ")
    assert lines[0].endswith("0:36")
    assert lines[2] == "  ✓ data         cached"
    assert lines[3].startswith("  ● train        ━")
    assert "epoch 3/4  0:12 left, until " in lines[3]
    assert lines[4].split() == [
        *("energy", "RMSE", "train", "5.33", "validation", "6.33", "best", "6.33", "meV/atom")
    ]
    assert lines[6].strip() == "validation force RMSE by epoch  █▄▁"
    assert lines[7] == "  ○ md:npt-300K"
    assert lines[-1].startswith("  memory ")
    assert max(map(len, lines)) <= 80


def test_the_best_value_is_kept_beside_a_worse_one() -> None:
    """The fourth epoch lowers the error, yet the run calls the third its best."""
    energy = _screen(48.0)[4]
    assert energy.split()[5:8] == ["5.50", "best", "6.33"]


def test_md_progress_has_a_bar() -> None:
    """Steps, time left and what the stage says."""
    line = next(text for text in _screen(61.0, width=120) if "● md:npt-300K" in text)
    assert "step 1900/2000" in line
    assert line.endswith("T 301 K")


def test_a_clean_stop_is_announced() -> None:
    """After the first Ctrl-C the foot of the screen says what happens."""
    assert _screen(36.0, stopping=True)[-1].startswith("  stopping ")


@pytest.mark.parametrize("width", [20, 40])
def test_a_narrow_terminal_does_not_break_the_view(width: int) -> None:
    """Lines are cut, never wrapped into each other."""
    assert all(len(line) <= width for line in _screen(36.0, width=width))
