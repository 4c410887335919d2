"""VASP's OUTCAR: what is printed for a step is counted, and what is left out is said."""

from __future__ import annotations

import contextlib
import gzip
import re
from collections.abc import Sequence
from pathlib import Path

import ase.io
import numpy as np
import pytest

from nepforge.data.formats.read import read_frames
from nepforge.data.frame import Frame
from nepforge.errors import DataError
from tests import vasp_files as vasp

EXACT = 1.0e-12
VIRIAL = vasp.KBAR * vasp.KBAR_IN_EV_PER_A3 * 120.0  # eV, positive when compressed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "OUTCAR"


def read(path: Path, text: str) -> tuple[list[Frame], list[str]]:
    """Frames and notices of a file with this text."""
    path.write_text(text)
    notices: list[str] = []
    return read_frames(path, "outcar", notice=notices.append), notices


def energies(frames: Sequence[Frame]) -> list[float | None]:
    return [frame.energy for frame in frames]


def assert_same(found: Frame, expected: Frame) -> None:
    assert found.energy == expected.energy
    for name in ("numbers", "positions", "cell", "forces", "virial"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_labels_have_our_units_and_signs(path: Path) -> None:
    """TOTEN, neither the enthalpy nor sigma -> 0; "in kB" times V without the kinetic part."""
    (frame,), notices = read(path, vasp.header() + vasp.step() + vasp.END)
    assert frame.numbers.tolist() == [14, 1]
    assert frame.energy == -10.6
    np.testing.assert_array_equal(frame.positions, vasp.POSITIONS)
    np.testing.assert_array_equal(frame.forces, vasp.FORCES)
    np.testing.assert_array_equal(frame.cell, vasp.CELL)
    np.testing.assert_allclose(frame.virial, VIRIAL, rtol=EXACT)
    assert (frame.converged, frame.source, notices) == (True, "OUTCAR:0", [])


def test_the_energy_stands_first_in_vasp_4(path: Path) -> None:
    """Each energy goes with the forces of its own step in both orders."""
    texts = [
        vasp.header()
        + "".join(vasp.step(n, -10.0 - n, forces=n * vasp.FORCES, is_old=is_old) for n in (1, 2, 3))
        for is_old in (False, True)
    ]
    new, old = (read(path, text)[0] for text in texts)
    assert energies(new) == [-11.0, -12.0, -13.0]
    for found, expected in zip(old, new, strict=True):
        assert_same(found, expected)
    assert new[2].forces is not None
    np.testing.assert_allclose(new[2].forces, 3.0 * vasp.FORCES, rtol=EXACT)


def test_columns_without_dispersion_are_not_taken(path: Path) -> None:
    """LVDW prints further columns and energies, which may be NaN."""
    text = vasp.header() + vasp.step()
    more = vasp.force_block(
        title=",             FORCE-w/o vdW (eV/Angst)", more="      9.000000           NaN      9.0"
    )
    text = text.replace(vasp.force_block(), more).replace(
        "-10.60000000 eV\n", "-10.60000000 eV    w/o vdW =       -99.00000000 eV\n"
    )
    (frame,), _ = read(path, text)
    assert frame.energy == -10.6
    np.testing.assert_array_equal(frame.forces, vasp.FORCES)


def test_machine_learned_steps_are_no_labels(path: Path) -> None:
    """ML_LMLFF: before, after and between steps of DFT; the cell of a prediction is the next's."""
    moved = 1.1 * vasp.CELL
    text = (
        vasp.header()
        + vasp.learned_step(1.0)
        + vasp.step(1, -11.0)
        + vasp.learned_step(2.0)
        + vasp.learned_step(3.0)
        + vasp.step(2, -12.0, cell=moved)
        + vasp.learned_step(4.0)
    )
    frames, (notice,) = read(path, text)
    assert energies(frames) == [-11.0, -12.0]
    np.testing.assert_allclose(frames[0].cell, vasp.CELL, rtol=EXACT)
    np.testing.assert_allclose(frames[1].cell, moved, rtol=EXACT)
    np.testing.assert_array_equal(frames[1].forces, vasp.FORCES)
    assert notice.startswith("OUTCAR: left out 4 results of VASP's machine-learned force field")


def test_a_run_of_the_learned_force_field_holds_no_label(path: Path) -> None:
    """ML_MODE = run."""
    with pytest.raises(DataError, match="left out: 2 results of VASP's machine-learned"):
        read(path, vasp.header() + 2 * vasp.learned_step() + vasp.END)


def test_steps_without_positions_are_left_out(path: Path) -> None:
    """NWRITE = 0 prints positions of the first and last step of dynamics alone."""
    bare = "".join(
        vasp.iterations(n, 3) + vasp.stress_block() + vasp.energy_block(-20.0) for n in (2, 3)
    )
    frames, (notice,) = read(path, vasp.header() + vasp.step(1) + bare + vasp.step(4, -11.0))
    assert energies(frames) == [-10.6, -11.0]
    assert "ionic steps 2, 3, whose positions are not printed" in notice


def test_an_energy_alone_belongs_to_the_input(path: Path) -> None:
    """Without printed forces, only the first step has the positions of the input."""
    alone = [vasp.iterations(n, 3) + vasp.energy_block(-10.0 - n) for n in (1, 2)]
    (frame,), (notice,) = read(path, vasp.header() + alone[0] + alone[1] + vasp.END)
    assert (frame.energy, frame.forces, frame.virial) == (-11.0, None, None)
    np.testing.assert_array_equal(frame.positions, vasp.POSITIONS)
    np.testing.assert_array_equal(frame.cell, vasp.CELL)
    assert "ionic steps 2, whose positions" in notice


@pytest.mark.parametrize("end", [vasp.END, "", "      0.00000      0.0"])
def test_appended_runs_are_all_read(path: Path, end: str) -> None:
    """A second run has its own elements; it may begin in the middle of a line of a killed one."""
    second = vasp.header(titles=("PAW_PBE O 08Apr2002", vasp.TITLES[1]), valences=("O: s2p4", ""))
    killed = vasp.iterations(2, 3) + vasp.force_block().partition(" ---")[0] + " ---\n" + end
    text = vasp.header() + vasp.step(1) + (end if end == vasp.END else killed)
    frames, notices = read(path, text + second + vasp.step(1, -11.0) + vasp.step(2, -12.0))
    assert energies(frames) == [-10.6, -11.0, -12.0]
    assert [frame.numbers.tolist() for frame in frames] == [[14, 1], [8, 1], [8, 1]]
    assert len(notices) == (end != vasp.END)
    assert all("cut" in notice for notice in notices)


def test_steps_may_lack_iterations(path: Path) -> None:
    """As in files that somebody has shortened: a step is over when it is complete."""
    steps = [vasp.step(n, -10.0 - n).partition(vasp.REACHED)[2] for n in (1, 2)]
    frames, (notice,) = read(path, vasp.header() + steps[0] + steps[1])
    assert energies(frames) == [-11.0, -12.0]
    assert "not known" in notice


@pytest.mark.parametrize("is_old", [False, True])
def test_a_cut_file_gives_its_complete_steps_or_none(path: Path, is_old: bool) -> None:
    """Wherever it is cut: the first frames of the whole file, bit for bit, and a notice."""
    text = vasp.header() + "".join(vasp.step(n, -10.0 - n, is_old=is_old) for n in (1, 2, 3))
    whole, _ = read(path, text)
    starts = [text.index(f"Iteration {n:6d}(   1)") for n in (1, 2, 3)]
    for length in range(0, len(text), 61):
        try:
            frames, notices = read(path, text[:length])
        except DataError:
            assert length < starts[1]
            continue
        assert len(frames) >= sum(length > start for start in starts[1:])
        for found, expected in zip(frames, whole, strict=False):
            assert_same(found, expected)
        assert len(frames) + len(notices) >= sum(length > start + 90 for start in starts)


@pytest.mark.parametrize(
    ("n_iterations", "end", "icharg", "converged"),
    [
        (3, vasp.REACHED, 2, True),
        (4, vasp.REACHED, 2, False),  # what VASP 5 says when NELM is used up
        (4, vasp.GAVE_UP, 2, False),
        (3, vasp.GAVE_UP, 2, False),
        (3, vasp.REACHED, 11, False),  # the charge density is not made self-consistent
    ],
)
def test_convergence_is_told_by_iterations(
    path: Path, n_iterations: int, end: str, icharg: int, converged: bool
) -> None:
    """Against NELM = 4, whatever the line at the end says."""
    text = vasp.header(nelm=4, icharg=icharg) + vasp.step(1, -11.0, n_iterations, end)
    (first, second), _ = read(path, text + vasp.step(2, -12.0, 2))
    assert first.converged == converged
    assert second.converged == (icharg < 10)


def test_unknown_convergence_is_said(path: Path) -> None:
    """Where NELM is not printed."""
    text = vasp.without(vasp.header(), "NELM   =") + vasp.step(1) + vasp.step(2)
    frames, (notice,) = read(path, text)
    assert len(frames) == 2
    assert "whether 2 frames converged is not known" in notice


def test_iterations_of_linear_response_do_not_count(path: Path) -> None:
    """They count on behind the ionic step and print no energy of their own."""
    text = vasp.header(nelm=8) + vasp.step(1, n_iterations=5)
    frames, notices = read(path, text + vasp.iterations(1, 9) + vasp.iterations(1, 9) + vasp.END)
    assert ([frame.converged for frame in frames], notices) == ([True], [])


def test_wide_numbers_touch(path: Path) -> None:
    """Fortran's columns: positions and forces, the cell, counts of ions."""
    far = np.array([[-1000.5, -2000.25, -3000.125], [1.0, 2.5, 4.5]])
    large = np.array([[-100000.25, -200000.5, -1.0], [1.0, 2.0, 3.0]])
    skew = np.array([[40.0, 0.0, 0.0], [-20.25, -10.5, 0.0], [-10.125, -15.0, -60.0]])
    text = vasp.header(counts="            10001000").replace("NIONS =      2", "NIONS =   2000")
    text += vasp.iterations(1, 3) + vasp.cell_block(skew)
    text += vasp.force_block(np.tile(large, (1000, 1)), np.tile(far, (1000, 1)))
    (frame,), _ = read(path, text + vasp.energy_block(-10.6))
    assert "-1000.50000  -2000.25000" in path.read_text()
    assert "-20.250000000-10.500000000" in path.read_text()
    assert frame.numbers.tolist() == 1000 * [14] + 1000 * [1]
    np.testing.assert_array_equal(frame.positions[:2], far)
    assert frame.forces is not None
    np.testing.assert_array_equal(frame.forces[:2], large)
    np.testing.assert_array_equal(frame.cell, skew)


def test_a_stress_wider_than_its_columns_is_left_out(path: Path) -> None:
    """Asterisks are not a number; the other labels are kept."""
    text = vasp.header() + vasp.step().replace("    30.00000", "************")
    (frame,), (notice,) = read(path, text)
    assert (frame.virial, frame.energy) == (None, -10.6)
    assert "the stress of 1 steps, which does not fit its columns" in notice


@pytest.mark.parametrize(
    ("title", "valence", "number"),
    [
        ("PAW_PBE Zr_sv_GW 05Dec2013", "Zr: 4s4p5s4d", 40),
        ("PAW_PBE H.5 07Sep2000", "H: ultrasoft test", 1),
        ("PAW H1.25 07Sep2000", "H: ultrasoft test", 1),
        ("US C", "C: s2p2", 6),
        ("^PAW_PBE F_h_GW 20May2014", "F: s2p5", 9),
        ("PAW_PBE Hf_pv 06Sep2000", "", 72),
        ("PAW_PBE N 08Apr2002", "4p5s4d", 7),
        ("NC for tests", "Sc : 3p4s3d", 21),
    ],
)
def test_potentials_name_their_element(path: Path, title: str, valence: str, number: int) -> None:
    """By TITEL or by VRHFIN."""
    text = vasp.header((title, vasp.TITLES[1]), (valence, vasp.VALENCES[1])) + vasp.step()
    assert read(path, text)[0][0].numbers.tolist() == [number, 1]


def test_counts_of_more_than_ten_kinds_are_put_elsewhere(path: Path) -> None:
    """Fortran begins the table again, with the other counts in the places of its numbers."""
    symbols = ["Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge"]
    again = (
        "   1" * 10
        + "\n\n\n\n Dimension of arrays:\n"
        + "   k-points           NKPTS =      3   k-points in BZ     NKDIM =      2   number of ban"
        + "ds    NBANDS= \n   NGX,Y,Z   is equivalent  to a cutoff of  12.42, 12.42, 12.42 a.u.\n"
    )
    text = vasp.header([f"PAW_PBE {s}_pv 06Sep2000" for s in symbols], [""] * 12, again)
    text = text.replace("NIONS =      2", "NIONS =     15") + vasp.iterations(1, 3)
    rows = np.arange(45.0).reshape(15, 3)
    text += vasp.cell_block(vasp.CELL) + vasp.force_block(rows, rows) + vasp.energy_block(-1.0)
    (frame,), _ = read(path, text)
    assert frame.numbers.tolist() == [*range(21, 31), 31, 31, 31, 32, 32]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("TITEL  = PAW_PBE Si_sv", "TITEL  = PAW_PBE Ge_sv", "is also called"),
        ("TITEL  = PAW_PBE Si_sv", "TITEL  = unknown", ""),
        ("NIONS =      2", "NIONS =      3", "2 positions of 3 ions"),
        (
            "ions per type =                1   1",
            "ions per type =                2",
            "positions of",
        ),
        (" -10.60000000 eV", " ************ eV", "energy: found"),
        ("   volume of cell", "   volume", ""),
        ("   120.00\n", "   121.00\n", "the cell has 120.00 Å³, the file prints 121.00"),
        ("    20.00000", "    20.10000", "is not the row `Total`"),
    ],
)
def test_contradictions_are_refused(path: Path, before: str, after: str, message: str) -> None:
    """Elements, counts, volume and stress are there twice, and must agree."""
    text = vasp.header() + vasp.step() + vasp.step(2)
    assert before in text or not message
    if message:
        with pytest.raises(DataError, match=message):
            read(path, text.replace(before, after))


SECOND = vasp.step(2)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (vasp.without(SECOND, "0.300000$"), "has 1 positions of 2 ions"),
        (vasp.without(SECOND, "free  energy"), "ionic step 2 has forces and no energy"),
        (SECOND.replace(vasp.cell_block(vasp.CELL), ""), "ionic step 2 has no cell"),
        (SECOND.replace("    10.00000", "    1x.00000"), "1x.00000"),
        (SECOND.replace("-0.300000", ""), "expected 6 numbers with decimals"),
        (SECOND.replace(vasp.force_block(), 2 * vasp.force_block()), "a second forces"),
        (SECOND.replace(vasp.stress_block(), 2 * vasp.stress_block()), "a second stress"),
        (SECOND.replace("-10.60000000 eV", "-10.60000000"), "TOTEN  = ... eV"),
        (SECOND + vasp.energy_block(-9.0), "ionic step 2 has a second energy"),
    ],
)
def test_damage_in_the_middle_is_refused(path: Path, second: str, message: str) -> None:
    """Rows that are missing, and blocks that are there twice or not at all."""
    with pytest.raises(DataError, match=message):
        read(path, vasp.header() + vasp.step(1) + second + vasp.step(3))


def test_compressed_files_are_read(tmp_path: Path) -> None:
    """OUTCAR.gz."""
    path = tmp_path / "OUTCAR.gz"
    path.write_bytes(gzip.compress((vasp.header() + vasp.step()).encode()))
    assert energies(read_frames(path, "outcar")) == [-10.6]


@pytest.mark.parametrize("name", ["OUTCAR_WH-AIMD", "OUTCAR_diamond_relax"])
def test_real_files_agree_with_ase(shared: Path, name: str) -> None:
    """Dynamics with three potentials, and a relaxation."""
    path = shared / "data" / "samples" / name
    frames = read_frames(path, "outcar")
    images = ase.io.read(path, index=":", format="vasp-out")
    for frame, atoms in zip(frames, images, strict=True):
        assert frame.numbers.tolist() == atoms.numbers.tolist()
        assert frame.energy == atoms.calc.results["free_energy"]
        np.testing.assert_array_equal(frame.positions, atoms.positions)
        np.testing.assert_array_equal(frame.cell, atoms.cell.array)
        np.testing.assert_array_equal(frame.forces, atoms.calc.results["forces"])
        virial = -atoms.get_stress(voigt=False) * atoms.get_volume()
        np.testing.assert_allclose(frame.virial, virial, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "before", ["Iteration      2(   1)", "NELM   =     60", "NIONS =      2", "  1   1\n"]
)
def test_endless_integers_are_refused_or_passed_over(path: Path, before: str) -> None:
    """Python does not read integers of thousands of digits."""
    text = vasp.header() + vasp.step(1) + vasp.step(2)
    assert before in text
    with contextlib.suppress(DataError):
        read(path, text.replace(before, re.sub(r"\d", "9" * 5000, before, count=1)))
