"""Progress as plain lines."""

from __future__ import annotations

import io

from nepforge.events import Message, StageProgress
from nepforge.ui.plain import PlainView, QuietView

from .events import Clock, epoch, started, timed_run

GOLDEN = """\
[0:00:00] run hfo2, recipe 3f2a91c0b7de0000000000000000000000000000000000000000000000000000
[0:00:00] 3 stages: 1 cached, 2 to run
[0:00:00] data: cached
[0:00:00] train: started (optimizer.epochs: 3 -> 4 (hfo2.toml:27))
[0:00:12] train: epoch 1/4, train energy 12.0 meV/atom, train force 0.217 eV/Å, \
validation energy 13.0 meV/atom, validation force 0.227 eV/Å, best
[0:00:24] train: epoch 2/4, train energy 7.00 meV/atom, train force 0.124 eV/Å, \
validation energy 8.00 meV/atom, validation force 0.134 eV/Å, best, 0:24 left
[0:00:24] data: warning: frames 3 and 9 are the same
[0:00:36] train: epoch 3/4, train energy 5.33 meV/atom, train force 0.0899 eV/Å, \
validation energy 6.33 meV/atom, validation force 0.0999 eV/Å, best, 0:12 left
[0:00:48] train: epoch 4/4, train energy 4.50 meV/atom, train force 0.0773 eV/Å, \
validation energy 5.50 meV/atom, validation force 0.0873 eV/Å
[0:00:51] train: done in 0:51
[0:00:51] md:npt-300K: started (no earlier result)
[0:00:52] md:npt-300K: step 100/2000, T 301 K
[0:01:04] md:npt-300K: done in 0:13
[0:01:04] finished after 1:04, run \
a81b52cd90ef0000000000000000000000000000000000000000000000000000, ledger entry 12
"""


def test_a_run_reads_as_whole_lines() -> None:
    """Golden text: no control codes, whole hashes, at most one line of progress in 10 s."""
    stream, clock = io.StringIO(), Clock()
    view = PlainView(stream, lambda: False, clock)
    for clock.now, event in timed_run():
        view(event)
    assert stream.getvalue() == GOLDEN


def test_fast_epochs_give_one_line_an_interval() -> None:
    """300 epochs of 0.1 s are three lines, at 0, 10 and 20 s."""
    stream, clock = io.StringIO(), Clock()
    view = PlainView(stream, lambda: False, clock)
    view(started())
    for idx in range(300):
        clock.now = 0.1 * idx
        view(epoch(1))
    assert stream.getvalue().count("epoch 1/4") == 3


def test_steps_inside_an_epoch_are_told_when_epochs_are_long() -> None:
    """Short epochs speak for themselves."""
    stream, clock = io.StringIO(), Clock()
    view = PlainView(stream, lambda: False, clock)
    view(started())
    view(epoch(1))
    for clock.now in (12.0, 25.0, 31.0, 40.0):
        view(StageProgress("train", 40, 200, "frame", "epoch 2"))
    frames = [line for line in stream.getvalue().splitlines() if "frame" in line]
    assert [line.split()[0] for line in frames] == ["[0:00:31]"]


def test_a_stop_is_told_once() -> None:
    """After Ctrl-C the next event says what happens."""
    stream = io.StringIO()
    view = PlainView(stream, lambda: True, Clock())
    view(started())
    view(epoch(1))
    assert stream.getvalue().count("stopping:") == 1


def test_a_message_of_several_lines_stays_one_line() -> None:
    """So that every line of a log has its time."""
    stream = io.StringIO()
    PlainView(stream, lambda: False, Clock())(Message("warning", "first\nsecond"))
    assert stream.getvalue() == "[0:00:00] warning: first second\n"


def test_quiet_lets_warnings_through() -> None:
    """And nothing else."""
    stream = io.StringIO()
    view = QuietView(stream)
    for _, event in timed_run():
        view(event)
    assert stream.getvalue() == "warning: frames 3 and 9 are the same\n"
