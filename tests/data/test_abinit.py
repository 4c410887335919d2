"""ABINIT: which labels and which cell of several datasets, steps and images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase.units import Bohr, Hartree

from nepforge.data.formats.read import read_frames
from nepforge.data.frame import Frame
from nepforge.errors import DataError

DATASETS = (Path(__file__).parent / "files" / "datasets.abo").read_text()
SECOND = "\n== DATASET  2 "
UNCONVERGED = (
    "\n scprqt:  WARNING -\n  nstep=    2 was not enough SCF cycles to converge;\n"
    "  maximum force difference=  6.953E-04 exceeds toldff=  1.000E-09\n"
)
SAME = 1.0e-8

Reader = Callable[[str], tuple[list[Frame], list[str]]]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Frames of a text, and the notices about them."""

    def of(text: str) -> tuple[list[Frame], list[str]]:
        notices: list[str] = []
        (tmp_path / "run.abo").write_text(text)
        return read_frames(tmp_path / "run.abo", "abinit", notice=notices.append), notices

    return of


def test_each_step_has_its_own_cell_and_labels(read: Reader) -> None:
    """Two steps that change the cell, then another dataset; the end of the first is no step."""
    frames, notices = read(DATASETS)
    assert notices == []
    lengths = np.array([10.0, 11.0, 12.0]) * Bohr
    energies, forces = (-10.0, -10.25, -10.5), (0.01, 0.005, -0.002)
    stresses, places = (-1e-4, -5e-5, 2e-5), (0.2, 0.21, 0.25)
    for idx, frame in enumerate(frames):
        assert frame.numbers.tolist() == [14, 1]
        np.testing.assert_allclose(frame.cell, lengths[idx] * np.eye(3), atol=SAME)
        np.testing.assert_allclose(
            frame.positions[1], [places[idx] * lengths[idx], 0, 0], atol=1e-7
        )
        assert frame.energy == pytest.approx(energies[idx] * Hartree, abs=SAME)
        force = forces[idx] * Hartree / Bohr
        np.testing.assert_allclose(frame.forces, [[force, 0, 0], [-force, 0, 0]], atol=SAME)
        virial = -stresses[idx] * Hartree / Bohr**3 * lengths[idx] ** 3
        np.testing.assert_allclose(frame.virial, virial * np.eye(3), atol=SAME)


def test_final_cells_are_those_after_the_computation(read: Reader) -> None:
    """Without the steps themselves the list at the end has the cell of the end."""
    start = DATASETS.index("--- Iteration")
    text = DATASETS[:start] + DATASETS[DATASETS.index("=====", start) :]
    frames, notices = read(text)
    assert notices == []
    assert [frame.cell[0, 0] for frame in frames] == pytest.approx([11.0 * Bohr, 12.0 * Bohr])
    assert frames[0].energy == pytest.approx(-10.25 * Hartree, abs=SAME)
    cut = text[: text.index(" -outvars: echo values of variables after")]
    frames, notices = read(cut)
    assert [frame.cell[0, 0] for frame in frames] == pytest.approx([12.0 * Bohr])
    assert "no cell is printed for it" in notices[-1]


def test_unconverged_steps_are_marked(read: Reader) -> None:
    """The warning stands before the block of the step, or before the end of a dataset."""
    first, second = DATASETS.split(SECOND)
    marked = first.replace("\n---OUTPUT", f"{UNCONVERGED}\n---OUTPUT", 1)
    frames, _ = read(marked + SECOND + second)
    assert [frame.converged for frame in frames] == [False, True, True]
    marked = second.replace("\n ----iterations", f"{UNCONVERGED}\n ----iterations", 1)
    frames, _ = read(first + SECOND + marked)
    assert [frame.converged for frame in frames] == [True, True, False]


def test_images_do_not_mix(read: Reader) -> None:
    """The stress of the next image is printed before its end begins."""
    first, second = DATASETS.split(SECOND)
    image = second[second.index(" Real(R)") : second.index("== END DATASET")]
    next_image = image.replace("2.00000000E-05", "3.00000000E-05").replace("-1.05", "-1.06")
    text = second.replace("== END DATASET", f"{next_image}== END DATASET")
    frames, notices = read(first + SECOND + text)
    assert notices == []
    pressures = [frame.virial[0, 0] / frame.volume for frame in frames[2:]]  # type: ignore[index]
    np.testing.assert_allclose(pressures, np.array([-2e-5, -3e-5]) * Hartree / Bohr**3)
    assert frames[3].energy == pytest.approx(-10.6 * Hartree)


def test_a_cell_that_does_not_fit_the_positions_is_refused(read: Reader) -> None:
    """Reduced times cell is not what is printed as cartesian."""
    first, second = DATASETS.split(SECOND)
    frames, notices = read(first + SECOND + second.replace("R(1)= 12.0000000", "R(1)= 12.1000000"))
    assert len(frames) == 2
    assert "cell" in notices[0]
    moved = second.replace("      0.250000000000 ", "      0.350000000000 ")
    frames, notices = read(first + SECOND + moved)
    assert len(frames) == 2
    assert "in units of the cell differ by 0.635 Å" in notices[0]


def test_the_end_of_a_dataset_must_be_its_last_step(read: Reader) -> None:
    """Otherwise it is named."""
    first, second = DATASETS.split(SECOND)
    other = first.replace("total_energy        : -1.025", "total_energy        : -1.026")
    frames, notices = read(other + SECOND + second)
    assert len(frames) == 3
    assert "the end of its dataset is not the last of its steps" in notices[0]


def test_bands_are_no_step(read: Reader) -> None:
    """A dataset without energy has a structure at its end, and nothing is said of it."""
    first, second = DATASETS.split(SECOND)
    start, stop = second.index(" cartesian forces"), second.index("== END DATASET")
    bands = second[:start] + second[stop:]
    bands = bands.replace(" ETOT  1", " kpt").replace("iter   Etot", "iter   x")
    frames, notices = read(first + SECOND + bands)
    assert (len(frames), notices) == (2, [])


def test_energies_of_the_log_without_structure_are_named(read: Reader) -> None:
    """The log of a single calculation has no coordinates at its end."""
    start = DATASETS.index(" cartesian coordinates (angstrom)", DATASETS.index(SECOND))
    text = DATASETS[:start] + DATASETS[DATASETS.index("== END DATASET") :]
    frames, notices = read(text)
    assert len(frames) == 2
    assert "no structure is printed with its energy" in notices[0]


def test_mixtures_of_elements_are_refused(read: Reader) -> None:
    """Virtual crystals have no atomic numbers."""
    text = DATASETS.replace(
        "            znucl ", "         mixalch      0.5  0.5\n            znucl "
    )
    with pytest.raises(DataError, match="has no complete step"):
        read(text)


def test_an_electric_field_is_said(read: Reader) -> None:
    """Forces in a field are those of no potential."""
    text = DATASETS.replace(
        "            natom  ", "        berryopt2           4\n            natom  ", 1
    )
    frames, notices = read(text)
    assert len(frames) == 3
    assert "dataset 2 was calculated in an electric field" in notices[0]
