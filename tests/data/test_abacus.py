"""ABACUS's log against numbers written into it, and what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.units import Bohr

from nepforge.data.datasets import load
from nepforge.data.formats.detect import file_format
from nepforge.data.formats.read import read_frames
from nepforge.data.frame import Frame
from nepforge.errors import DataError

FILE = Path(__file__).parent / "files" / "running_relax.log"
GPA = 1.0 / 160.2176634  # eV/Å³


def read(path: Path) -> tuple[list[Frame], list[str]]:
    notices: list[str] = []
    return read_frames(path, "abacus", notice=notices.append), notices


def test_steps_have_their_own_structure_and_labels() -> None:
    """Two layouts of blocks and coordinates; eV/Å, not Ry/bohr; kbar, positive when compressed."""
    frames, notices = read(FILE)
    assert notices == []
    first, second = frames
    assert first.numbers.tolist() == [14, 1]
    np.testing.assert_allclose(first.cell, np.diag([10.0, 10.0, 20.0]) * Bohr, rtol=1e-9)
    np.testing.assert_allclose(first.positions[1], np.array([2.5, 5.0, 7.5]) * Bohr, rtol=1e-9)
    np.testing.assert_allclose(second.positions[1], np.array([2.6, 5.0, 7.5]) * Bohr, rtol=1e-9)
    assert (first.energy, second.energy) == (-100.5, -100.7)
    np.testing.assert_array_equal(first.forces, [[-0.1, 0.2, -0.3], [0.1, -0.2, 0.3]])
    np.testing.assert_array_equal(second.forces, [[0.01, 0.02, 0.03], [-0.01, -0.02, -0.03]])
    stress = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.5], [0.0, 0.5, 3.0]])  # GPa
    np.testing.assert_allclose(first.virial, stress * GPA * first.volume, rtol=1e-9)
    assert (first.converged, second.converged) == (True, False)


def test_a_step_whose_structure_is_not_printed_is_left_out(tmp_path: Path) -> None:
    """As in molecular dynamics: its labels must not go to the structure before."""
    text = FILE.read_text()
    start, stop = text.index("DIRECT COORDINATES"), text.index(" ---", text.index("DIRECT"))
    (tmp_path / "running_md.log").write_text(text[:start] + text[stop:])
    frames, notices = read(tmp_path / "running_md.log")
    assert [frame.energy for frame in frames] == [-100.5]
    assert "1 of 2 steps are left out" in notices[0]


def test_a_step_that_is_cut_is_left_out(tmp_path: Path) -> None:
    """Without its energy or its stress; in the middle of a block the file is refused."""
    text = FILE.read_text()
    for cut in (text.index("convergence has NOT"), text.rindex(" TOTAL-STRESS")):
        (tmp_path / "running_relax.log").write_text(text[:cut])
        frames, notices = read(tmp_path / "running_relax.log")
        assert [frame.energy for frame in frames] == [-100.5]
        assert "is not finished" in notices[0]
    (tmp_path / "running_relax.log").write_text(text[: text.rindex("H1 ")])
    with pytest.raises(DataError, match="has 1 rows, expected 2"):
        read(tmp_path / "running_relax.log")


def test_a_cell_that_contradicts_the_volume_is_refused(tmp_path: Path) -> None:
    """A lattice constant of another unit, a vector that was lost."""
    text = FILE.read_text().replace("+0                  +2\n", "+0                  +1\n")
    (tmp_path / "running_relax.log").write_text(text)
    with pytest.raises(DataError, match=r"the cell has 148\.185 Å³, the file prints 296\.369"):
        read(tmp_path / "running_relax.log")


def test_logs_are_found_in_a_tree_of_runs(tmp_path: Path) -> None:
    """OUT.* folders, by name or content."""
    for name in ("a", "b"):
        (tmp_path / "runs" / name / "OUT.ABACUS").mkdir(parents=True)
        target = tmp_path / "runs" / name / "OUT.ABACUS" / "running_relax.log"
        target.write_bytes(FILE.read_bytes())
    assert len(load([tmp_path / "runs"])) == 4
    (tmp_path / "log").write_bytes(FILE.read_bytes())
    assert file_format(tmp_path / "log") == "abacus"
