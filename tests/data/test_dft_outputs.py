"""Outputs of pw.x, ABINIT and CASTEP: what every reader of steps promises.

The three files were written by hand, with the layout of outputs of pw.x 6.7 and 7.3, ABINIT 8.0 and
9.6 and CASTEP 16 to 23, and numbers that are easy to follow.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nepforge.data.formats.read import read_frames
from nepforge.data.frame import Frame, label_digest
from nepforge.errors import DataError

FILES = Path(__file__).parent / "files"
OUTPUTS = {"vc_relax.pwo": "espresso", "datasets.abo": "abinit", "md.castep": "castep"}
N_CUTS = 60

Edit = Callable[[str], str]


def read(path: Path, file_format: str) -> tuple[list[Frame], list[str]]:
    """Frames and the notices about them."""
    notices: list[str] = []
    return read_frames(path, file_format, notice=notices.append), notices


def read_or_refused(path: Path, file_format: str) -> tuple[list[Frame], list[str]]:
    """The same; no frames and "cut off" where no step is complete."""
    try:
        return read(path, file_format)
    except DataError as error:
        return [], [str(error).replace("has no complete step", "cut off")]


def is_part_of(frame: Frame, whole: Frame) -> bool:
    """The same structure and no other label."""
    same = np.array_equal(frame.positions, whole.positions)
    same = same and np.allclose(frame.cell, whole.cell, rtol=0, atol=1e-7)
    pairs = zip(
        (frame.energy, frame.forces, frame.virial),
        (whole.energy, whole.forces, whole.virial),
        strict=True,
    )
    return same and all(a is None or np.allclose(a, b, rtol=1e-8, atol=1e-9) for a, b in pairs)


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_cut_output_gives_its_whole_steps_and_says_so(name: str, tmp_path: Path) -> None:
    """Wherever it is cut; only the very first step may have fewer labels than later ones."""
    whole, _ = read(FILES / name, OUTPUTS[name])
    text = (FILES / name).read_text()
    for end in np.linspace(1, 0.97 * len(text), N_CUTS).astype(int).tolist():
        (tmp_path / name).write_text(text[:end])
        frames, notices = read_or_refused(tmp_path / name, OUTPUTS[name])
        assert len(frames) <= len(whole)
        assert all(map(is_part_of, frames, whole)), end
        assert all(map(_is_labelled, frames[1:])), end
        assert any("cut off" in notice for notice in notices)


def _is_labelled(frame: Frame) -> bool:
    return frame.forces is not None and frame.virial is not None


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_step_with_an_unreadable_block_is_left_out_alone(name: str, tmp_path: Path) -> None:
    """Stars, where a number does not fit into its field, cost one step and are named."""
    whole, said = read(FILES / name, OUTPUTS[name])
    forces = {
        "vc_relax.pwo": ("force =    -0.01000000", "force = **************"),
        "datasets.abo": (" 5.00000000000000E-03", "*********************"),
        "md.castep": ("     -0.05000  ", "     ********  "),
    }
    text = (FILES / name).read_text()
    assert forces[name][0] in text
    (tmp_path / name).write_text(text.replace(*forces[name], 1))
    frames, notices = read(tmp_path / name, OUTPUTS[name])
    assert [frame.energy for frame in frames] == [whole[0].energy, *(f.energy for f in whole[2:])]
    assert "left out: one at line" in notices[-1]
    assert "of its forces is" in notices[-1]
    assert len(notices) == len(said) + 1


@pytest.mark.parametrize("name", OUTPUTS)
def test_runs_one_after_the_other_are_all_read(name: str, tmp_path: Path) -> None:
    """As of jobs that append to the same file; the second knows nothing of the first."""
    whole, _ = read(FILES / name, OUTPUTS[name])
    text = (FILES / name).read_text()
    (tmp_path / name).write_text(text + text)
    frames, _ = read(tmp_path / name, OUTPUTS[name])
    assert list(map(label_digest, frames)) == 2 * list(map(label_digest, whole))
    assert frames[-1].source == f"{name}:{len(frames) - 1}"


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_killed_run_and_its_continuation_are_told_apart(name: str, tmp_path: Path) -> None:
    """The step in which the first run was killed is left out, all others are there."""
    whole, _ = read(FILES / name, OUTPUTS[name])
    text = (FILES / name).read_text()
    marks = {
        "vc_relax.pwo": "   0.00000000   0.00000000  -0.00020000",
        "datasets.abo": " Reduced coordinates (xred)\n",
        "md.castep": " *  y      0.000000     -2.000000     -0.500000",
    }
    killed = text[: text.rindex(marks[name])]
    (tmp_path / name).write_text(killed + "\n" + text)
    frames, notices = read(tmp_path / name, OUTPUTS[name])
    assert list(map(label_digest, frames)) == list(map(label_digest, [whole[0], *whole]))
    assert any("left out: one at line" in notice for notice in notices)


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("vc_relax.pwo", lambda text: text.replace("CELL_PARAMETERS (alat", "x", 1)),
        ("vc_relax.pwo", lambda text: text.replace("   0.900000000   0.0", "   0.950000000   0.0")),
        ("datasets.abo", lambda text: text.replace(" 1.10000000000000E+01", " 1.2E+01")),
        ("md.castep", lambda text: text.replace("   4.2000000 ", "   4.3000000 ")),
    ],
)
def test_a_cell_of_another_volume_than_printed_is_refused(
    name: str, edit: Edit, tmp_path: Path
) -> None:
    """The volume beside a cell tells when labels would go with the cell of another step."""
    whole, _ = read(FILES / name, OUTPUTS[name])
    (tmp_path / name).write_text(edit((FILES / name).read_text()))
    frames, notices = read(tmp_path / name, OUTPUTS[name])
    assert [frame.energy for frame in frames] == [whole[0].energy, *(f.energy for f in whole[2:])]
    assert any("cell" in notice for notice in notices)


def test_what_is_no_output_of_a_calculation_is_refused(tmp_path: Path) -> None:
    """With what was expected."""
    for file_format in OUTPUTS.values():
        (tmp_path / "empty").write_text("\n")
        with pytest.raises(DataError, match="no energy of a structure is in it"):
            read_frames(tmp_path / "empty", file_format)


def test_the_cases_that_were_read_wrongly(shared: Path) -> None:
    """Energies and numbers of frames that the README of each case calls right."""
    cases = {
        "abinit-cell-relax/relax.abo": ("abinit", [-108.84554]),
        "castep-dispersion/ar2.castep": ("castep", [-100.5]),
        "castep-frames-lost/dmd.castep": ("castep", [-100.0, -100.1, -100.2]),
        "castep-interrupted/killed.castep": ("castep", [-100.0]),
        "castep-materials-studio/si.castep": ("castep", [-100.0]),
        "qe-first-energy/two.out": ("espresso", [-31.29309]),
    }
    for name, (file_format, energies) in cases.items():
        frames, _ = read(shared / "cases" / "data" / name, file_format)
        np.testing.assert_allclose([frame.energy for frame in frames], energies, rtol=1e-6)
    (relaxed,), _ = read(shared / "cases" / "data" / "abinit-cell-relax" / "relax.abo", "abinit")
    np.testing.assert_allclose(np.diag(relaxed.cell), 5.8209, rtol=1e-5)
    np.testing.assert_allclose(np.diag(np.asarray(relaxed.virial)), 3.6218, rtol=1e-5)
