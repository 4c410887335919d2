"""vasprun.xml: each <calculation> by itself, the cut end of a file, and what is no label."""

from __future__ import annotations

import bz2
from pathlib import Path

import numpy as np
import pytest

from nepforge.data.formats.read import read_frames
from nepforge.data.frame import Frame
from nepforge.errors import DataError
from tests import vasp_files as vasp

EXACT = 1.0e-12
PRESSURE = '<i name="PSTRESS"> 50.0 </i>\n'  # kbar
P_V = 50.0 * vasp.KBAR_IN_EV_PER_A3 * 120.0  # eV


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vasprun.xml"


def read(path: Path, text: str) -> tuple[list[Frame], list[str]]:
    """Frames and notices of a file with this text."""
    path.write_text(text)
    notices: list[str] = []
    return read_frames(path, "vasprun", notice=notices.append), notices


def test_labels_have_our_units_and_signs(path: Path) -> None:
    """The free energy; kbar, positive when compressed."""
    (frame,), notices = read(path, vasp.vasprun(vasp.calculation()))
    assert frame.numbers.tolist() == [14, 1]
    assert frame.energy == -10.6
    np.testing.assert_allclose(frame.positions, vasp.POSITIONS, rtol=0, atol=EXACT)
    np.testing.assert_array_equal(frame.forces, vasp.FORCES)
    np.testing.assert_array_equal(frame.cell, vasp.CELL)
    virial = vasp.KBAR * vasp.KBAR_IN_EV_PER_A3 * 120.0
    np.testing.assert_allclose(frame.virial, virial, rtol=EXACT)
    assert (frame.converged, frame.source, notices) == (True, "vasprun.xml:0", [])


def test_convergence_is_told_by_the_number_of_electronic_steps(path: Path) -> None:
    """Against NELM of the electronic steps, not that of the response functions."""
    body = vasp.calculation(-11.0, 3) + vasp.calculation(-12.0, 4) + vasp.calculation(-13.0, 2)
    frames, _ = read(path, vasp.vasprun(body, nelm=4))
    assert [frame.converged for frame in frames] == [True, False, True]


def test_unknown_convergence_is_said(path: Path) -> None:
    """Where there is no NELM of the electronic steps."""
    text = vasp.vasprun(vasp.calculation()).replace('electronic convergence"', 'other"')
    _, (notice,) = read(path, text)
    assert "whether 1 frames converged is not known" in notice


def test_a_fixed_charge_density_counts_as_not_converged(path: Path) -> None:
    """ICHARG = 11, a band structure."""
    settings = '<i type="int" name="ICHARG"> 11</i>\n'
    (frame,), _ = read(path, vasp.vasprun(vasp.calculation(), settings=settings))
    assert not frame.converged


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (-10.6 - P_V, -10.6 - P_V),  # as VASP does
        (-10.6, -10.6),  # no enthalpy, as the last electronic step shows
        (-9.0, -10.6 - P_V),  # with dispersion, which electronic steps do not have
    ],
)
def test_pressure_times_volume_is_no_energy(path: Path, last: float, expected: float) -> None:
    """With PSTRESS the energy of a calculation is an enthalpy, those of its steps are not."""
    text = vasp.vasprun(vasp.calculation(last=last), settings=PRESSURE)
    (frame,), _ = read(path, text)
    assert frame.energy == pytest.approx(expected, rel=0, abs=1e-7)


def test_machine_learned_results_are_no_labels(path: Path) -> None:
    """They stand beside the calculations."""
    learned = vasp.xml_structure() + vasp.xml_rows("forces", vasp.FORCES) + vasp.xml_energy(5.0)
    body = learned + vasp.calculation(-11.0) + learned + vasp.calculation(-12.0)
    frames, (notice,) = read(path, vasp.vasprun(body))
    assert [frame.energy for frame in frames] == [-11.0, -12.0]
    assert "2 results of VASP's machine-learned force field" in notice


def test_calculations_without_labels_are_left_out(path: Path) -> None:
    """Response functions have no energy; forces alone may be missing."""
    bare = "<calculation>\n<dielectricfunction></dielectricfunction>\n</calculation>\n"
    no_forces = vasp.calculation().replace(vasp.xml_rows("forces", vasp.FORCES), "")
    frames, (notice,) = read(path, vasp.vasprun(bare + no_forces))
    assert [(frame.energy, frame.forces) for frame in frames] == [(-10.6, None)]
    assert "1 calculations without structure or energy" in notice
    with pytest.raises(DataError, match="1 calculations without structure or energy"):
        read(path, vasp.vasprun(bare))


def test_a_cut_file_gives_its_complete_calculations(path: Path) -> None:
    """Wherever it is cut: the first frames of the whole file, bit for bit, and a notice."""
    text = vasp.vasprun("".join(vasp.calculation(-10.0 - n) for n in range(3)))
    whole, _ = read(path, text)
    starts = [idx for idx in range(len(text)) if text.startswith("<calculation>", idx)]
    for length in range(0, len(text) - 20, 61):
        if length < starts[1]:
            continue
        frames, (notice,) = read(path, text[:length])
        assert "cut" in notice
        assert len(frames) >= sum(length > start for start in starts[1:])
        for found, expected in zip(frames, whole, strict=False):
            assert found.energy == expected.energy
            np.testing.assert_array_equal(found.forces, expected.forces)
            np.testing.assert_array_equal(found.virial, expected.virial)
    with pytest.raises(DataError, match="cut"):
        read(path, text[: starts[0]])


def test_runs_behind_each_other_are_all_read(path: Path) -> None:
    """A whole one, one that is cut inside a line, and a third."""
    text = vasp.vasprun(vasp.calculation(-11.0))
    cut = vasp.vasprun(2 * vasp.calculation(-12.0))[:-1500]
    frames, (notice,) = read(path, text + cut + vasp.vasprun(vasp.calculation(-13.0)))
    assert [frame.energy for frame in frames] == [-11.0, -12.0, -13.0]
    assert "cut after calculation 1" in notice


def test_symbols_that_are_none_are_told_by_the_potential(path: Path) -> None:
    """VASP writes X for xenon and r for zirconium."""
    text = vasp.vasprun(vasp.calculation(), symbols=("X ", "r "))
    text = text.replace("Si_sv", "Xe").replace("H.5", "Zr_sv")
    assert read(path, text)[0][0].numbers.tolist() == [54, 40]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("<c>H </c><c>   2</c>", "<c>He</c><c>   2</c>", "is also called"),
        ("<atoms> 2 </atoms>", "<atoms> 3 </atoms>", "names 2 atoms, expected 3"),
        ("     120.00000000 ", "     121.00000000 ", "the file has 121"),
        ("      -0.30000000 </v>", "      -0.30000000 </v><v> 0 0 0 </v>", "has 3 forces"),
        ("      -0.30000000 </v>", "  *************** </v>", r"found \"\*"),
        ("      -0.30000000 </v>", "  -0.3 0.1 </v>", "expected three numbers"),
        ("      30.00000000 </v>", "      30.00000000 </v><v> 0 0 0 </v>", "has 4 rows of stress"),
        ("</structure>\n<varray", "</structure><structure/><varray", "a second structure"),
        ("</calculation>", "</calculaton>", "is not XML"),
    ],
)
def test_damage_is_refused(path: Path, before: str, after: str, message: str) -> None:
    """What is there twice must agree, arrays are as long as the list of atoms."""
    text = vasp.vasprun(vasp.calculation())
    assert before in text
    with pytest.raises(DataError, match=message):
        read(path, text.replace(before, after))


def test_compressed_files_are_read(tmp_path: Path) -> None:
    """vasprun.xml.bz2."""
    path = tmp_path / "vasprun.xml.bz2"
    path.write_bytes(bz2.compress(vasp.vasprun(vasp.calculation()).encode()))
    assert read_frames(path, "vasprun")[0].energy == -10.6


def test_the_step_that_used_up_nelm_is_known(shared: Path) -> None:
    """The case that came with the issue."""
    path = shared / "cases" / "data" / "unconverged-scf" / "vasprun.xml"
    assert [frame.converged for frame in read_frames(path, "vasprun")] == [True, False]
