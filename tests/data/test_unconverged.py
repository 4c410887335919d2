"""Frames whose electronic steps did not converge: left out or kept, and said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import ase.io
import pytest
from attrs import evolve
from click.testing import CliRunner, Result

from nepforge.cli import commands
from nepforge.data.doctor import DataSet, examine
from nepforge.data.formats.read import read_frames
from nepforge.data.formats.write import write_frames
from nepforge.data.frame import Frame, load_frames, save_frames
from nepforge.data.unconverged import leave_out_unconverged
from nepforge.errors import DataError
from tests import vasp_files as vasp

MakeFrame = Callable[..., Frame]


def nepforge_data(*words: object) -> Result:
    return CliRunner().invoke(commands, ["data", *map(str, words)])


@pytest.fixture
def outcar(tmp_path: Path) -> Path:
    """Three steps of which the second used up NELM."""
    path = tmp_path / "OUTCAR"
    steps = [vasp.step(n + 1, -10.0 - n, 4 if n == 1 else 3) for n in range(3)]
    path.write_text(vasp.header(nelm=4) + "".join(steps) + vasp.END)
    return path


def unconverged(frames: list[Frame]) -> list[bool]:
    return [not frame.converged for frame in frames]


def test_marks_survive_the_file_of_frames(random_frame: MakeFrame, tmp_path: Path) -> None:
    """Which has the same bytes as ever where every frame converged."""
    frames = [random_frame(seed) for seed in range(3)]
    save_frames(tmp_path / "a.npz", frames)
    assert unconverged(load_frames(tmp_path / "a.npz")) == [False, False, False]
    assert b"converged" not in (tmp_path / "a.npz").read_bytes()
    save_frames(tmp_path / "b.npz", [frames[0], evolve(frames[1], converged=False)])
    assert unconverged(load_frames(tmp_path / "b.npz")) == [False, True]


def test_marks_survive_extended_xyz(random_frame: MakeFrame, tmp_path: Path) -> None:
    """As an info key that ASE reads too; only false is written."""
    path = tmp_path / "a.xyz"
    write_frames(path, "extxyz", [random_frame(0), evolve(random_frame(1), converged=False)])
    assert path.read_text().count("scf_converged=F") == 1
    assert unconverged(read_frames(path, "extxyz")) == [False, True]
    assert [atoms.info.get("scf_converged") for atoms in ase.io.read(path, ":")] == [None, False]


def test_nothing_left_is_an_error(random_frame: MakeFrame) -> None:
    """With the way to keep the frames."""
    frames = [evolve(random_frame(seed), converged=False, source=f"a:{seed}") for seed in (0, 1)]
    with pytest.raises(DataError, match=r"all 2 frames .*a:0 to a:1") as caught:
        leave_out_unconverged(frames)
    assert 'unconverged = "keep"' in caught.value.hint
    assert leave_out_unconverged([]) == ([], [])


def test_the_doctor_names_them(random_frame: MakeFrame) -> None:
    """Left out or kept."""
    frame = evolve(random_frame(0), converged=False, source="a:7")
    for data, words in (
        (DataSet([random_frame(1)], left_out=[frame]), "1 frames are left out"),
        (DataSet([random_frame(1), frame]), "1 frames are kept"),
    ):
        (found,) = [finding for finding in examine(data) if finding.code == "unconverged"]
        assert (found.level, found.frames) == ("warning", ("a:7",))
        assert found.text.startswith(words)


def test_show_counts_them(outcar: Path) -> None:
    """All frames of the file are shown."""
    assert "3 (1 unconverged)" in nepforge_data("show", outcar).output
    (summary,) = json.loads(nepforge_data("show", outcar, "--json").stdout)["files"]
    assert (summary["n_frames"], summary["n_unconverged"]) == (3, 1)


@pytest.mark.parametrize("command", ["convert", "merge"])
def test_conversion_leaves_them_out_and_says_so(outcar: Path, tmp_path: Path, command: str) -> None:
    """Unless they are to be kept."""
    result = nepforge_data(command, outcar, tmp_path / "a.xyz")
    assert (result.exit_code, len(read_frames(tmp_path / "a.xyz", "extxyz"))) == (
        0,
        2 - (command == "merge"),
    )
    assert "1 frames are left out" in result.stderr
    assert "OUTCAR:1" in result.stderr
    result = nepforge_data("convert", "--unconverged", "keep", outcar, tmp_path / "b.xyz")
    assert result.stderr == ""
    assert unconverged(read_frames(tmp_path / "b.xyz", "extxyz")) == [False, True, False]


def test_selecting_leaves_them_out_too(outcar: Path, tmp_path: Path) -> None:
    """Before the conditions, so that none of them is drawn."""
    result = nepforge_data("select", outcar, tmp_path / "a.xyz", "--slice", ":")
    assert result.exit_code == 0, result.output
    assert unconverged(read_frames(tmp_path / "a.xyz", "extxyz")) == [False, False]
    nepforge_data("select", "--unconverged", "keep", outcar, tmp_path / "b.xyz", "--slice", ":")
    assert unconverged(read_frames(tmp_path / "b.xyz", "extxyz")) == [False, True, False]


def test_what_a_format_cannot_hold_is_said(outcar: Path, tmp_path: Path) -> None:
    """Folders of arrays have no place for the mark."""
    result = nepforge_data(
        "convert", "--unconverged", "keep", outcar, tmp_path / "a", "--to", "deepmd"
    )
    assert "OUTCAR:1: not written: scf_converged; deepmd has no place for it" in result.stderr


def test_check_examines_what_is_left(outcar: Path) -> None:
    """And the others too when they are kept."""
    assert "OUTCAR:1" in nepforge_data("check", outcar).output
    result = nepforge_data("check", outcar, "--unconverged", "keep", "--json")
    content = json.loads(result.stdout)
    assert content["n_train"] == 3
    assert any("are kept" in finding["text"] for finding in content["findings"])
