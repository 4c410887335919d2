"""XDATCAR: every step of a run, not the first one alone."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from nepforge.data.datasets import load
from nepforge.data.formats.read import read_frames
from nepforge.errors import DataError

HEADER = "H2\n1.0\n{a} 0 0\n0 4 0\n0 0 4\nH\n2\n"
STEP = "Direct configuration= {n:5d}\n 0 0 0\n 0 0 0.{n}\n"


def test_every_step_of_xdatcar_is_read(tmp_path: Path) -> None:
    """Compressed or not."""
    text = HEADER.format(a=4) + "".join(STEP.format(n=n) for n in (1, 2, 3))
    (tmp_path / "XDATCAR").write_text(text)
    (tmp_path / "XDATCAR.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("XDATCAR", "XDATCAR.gz"):
        found = [frame.positions[1, 2] for frame in load([tmp_path / name])]
        assert found == pytest.approx([0.4, 0.8, 1.2])


def test_cells_of_xdatcar_follow_the_run(tmp_path: Path) -> None:
    """With a varying cell its header comes again before every step."""
    text = "".join(HEADER.format(a=3 + n) + STEP.format(n=n) for n in (1, 2))
    (tmp_path / "XDATCAR").write_text(text)
    assert [frame.volume for frame in load([tmp_path / "XDATCAR"])] == pytest.approx([64, 80])


def test_a_cut_xdatcar_is_refused(tmp_path: Path) -> None:
    """In the middle of a step, or after its title."""
    text = HEADER.format(a=4) + STEP.format(n=1) + STEP.format(n=2)
    for cut in (" 0 0 0.2\n", " 0 0 0\n 0 0 0.2\n"):
        (tmp_path / "XDATCAR").write_text(text.removesuffix(cut))
        with pytest.raises(DataError):
            read_frames(tmp_path / "XDATCAR", "poscar")
