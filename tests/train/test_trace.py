"""The trace of a training: one digest per step and parameter group."""

from __future__ import annotations

from pathlib import Path

import torch

from nepforge.train.trace import Trace

GROUPS = [("network.Hf", 3), ("c.radial", 2)]


def test_last_bit_of_one_parameter_shows_in_its_group_alone(tmp_path: Path) -> None:
    """The row names the tensor that moved."""
    trace = Trace(GROUPS)
    parameters = torch.arange(5, dtype=torch.float64)
    trace.record(parameters)
    parameters[4] = torch.nextafter(parameters[4], torch.tensor(9.0, dtype=torch.float64))
    trace.record(parameters)
    trace.write(tmp_path / "trace.txt")
    head, first, second = (tmp_path / "trace.txt").read_text().splitlines()
    assert head.split() == ["step", "network.Hf", "c.radial"]
    assert [a == b for a, b in zip(first.split(), second.split(), strict=True)] == [
        False,
        True,
        False,
    ]


def test_trace_goes_on_from_its_state() -> None:
    """As a checkpoint keeps it."""
    straight, resumed = Trace(GROUPS), Trace(GROUPS)
    straight.record(torch.zeros(5))
    resumed.restore(straight.state())
    for trace in (straight, resumed):
        trace.record(torch.ones(5))
    assert torch.equal(straight.state(), resumed.state())
