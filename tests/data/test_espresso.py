"""pw.x: which energy, which structure, which of several runs; elements, units, convergence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase.units import Bohr, Rydberg

from nepforge.data.formats.read import read_frames
from nepforge.data.frame import Frame
from nepforge.errors import DataError

VC_RELAX = (Path(__file__).parent / "files" / "vc_relax.pwo").read_text()
SAME = 1.0e-9

Reader = Callable[[str], tuple[list[Frame], list[str]]]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Frames of a text, and the notices about them."""

    def of(text: str) -> tuple[list[Frame], list[str]]:
        notices: list[str] = []
        (tmp_path / "pw.out").write_text(text)
        return read_frames(tmp_path / "pw.out", "espresso", notice=notices.append), notices

    return of


def test_labels_belong_to_the_structure_before_them(read: Reader) -> None:
    """Two steps of a vc-relax and its final calculation, each with its own cell."""
    frames, notices = read(VC_RELAX)
    assert notices == []
    lengths = np.array([10.0, 9.0, 9.0]) * Bohr
    energies, forces = (-20.0, -20.5, -20.625), (0.02, -0.01, -0.005)
    pressures, places = (1e-4, -2e-4, -1e-4), (0.2, 0.25, 0.25)
    for idx, frame in enumerate(frames):
        assert frame.numbers.tolist() == [14, 1]
        np.testing.assert_allclose(frame.cell, lengths[idx] * np.eye(3), atol=SAME)
        np.testing.assert_allclose(
            frame.positions[1], [places[idx] * lengths[idx], 0, 0], atol=SAME
        )
        assert frame.energy == pytest.approx(energies[idx] * Rydberg, abs=SAME)
        force = forces[idx] * Rydberg / Bohr
        np.testing.assert_allclose(frame.forces, [[force, 0, 0], [-force, 0, 0]], atol=SAME)
        virial = pressures[idx] * Rydberg / Bohr**3 * lengths[idx] ** 3
        np.testing.assert_allclose(frame.virial, virial * np.eye(3), atol=SAME)
    assert [frame.converged for frame in frames] == [True, True, True]


@pytest.mark.parametrize("last", ["!    total energy", "!!   total energy"])
def test_the_last_marked_energy_counts(read: Reader, last: str) -> None:
    """With iprint = 1 every iteration is marked; hybrids end with two marks."""
    text = VC_RELAX.replace("     total energy ", "!    total energy ")
    text = text.replace(
        "!    total energy              =     -20.6", f"{last}              =     -20.6"
    )
    frames, _ = read(text)
    assert frames[-1].energy == pytest.approx(-20.625 * Rydberg, abs=SAME)


def test_a_hybrid_is_finished_when_its_exchange_is(read: Reader) -> None:
    """Energies before the exchange is switched on converge too, and are another functional's."""
    head, rest = VC_RELAX.split("     Self-consistent Calculation\n", 1)
    head += "     EXX-fraction              =        0.25\n\n     Self-consistent Calculation\n"
    first = rest[: rest.index("     Forces acting")]
    refine = "\n     EXX: now go back to refine exchange calculation\n"
    with pytest.raises(DataError, match="electronic steps are cut short"):
        read(head + first + refine)
    end = "!!   total energy     =     -20.12500000 Ry\n\n     EXX self-consistency reached\n"
    (frame,), _ = read(head + first + refine + end)
    assert frame.energy == pytest.approx(-20.125 * Rydberg, abs=SAME)


def test_energies_marked_while_they_converge_need_an_end(read: Reader) -> None:
    """In a killed run the last marked energy may belong to any iteration."""
    start = VC_RELAX.rindex("     smearing contrib.")
    frames, notices = read(VC_RELAX[:start])
    assert len(frames) == 2
    assert "electronic steps are cut short" in notices[1]
    frames, notices = read(VC_RELAX[:start] + "   JOB DONE.\n")
    assert (len(frames), notices) == (3, [])


def test_unconverged_steps_are_marked(read: Reader) -> None:
    """As pw.x states, or by the accuracy where it was told to go on regardless."""
    worse = "accuracy    <          1.0E-09", "accuracy    <       0.00065000"
    frames, _ = read(VC_RELAX.replace(*worse, 1))
    assert [frame.converged for frame in frames] == [False, True, True]
    stop = VC_RELAX.rindex("!    total energy")
    text = VC_RELAX[:stop] + "     convergence NOT achieved after   2 iterations: stopping\n"
    frames, _ = read(text + "   JOB DONE.\n")
    assert [frame.converged for frame in frames] == [True, True, False]
    assert frames[-1].energy == pytest.approx(-20.125 * Rydberg, abs=SAME)
    assert frames[-1].forces is None


@pytest.mark.parametrize(
    ("unit", "cell", "place"),
    [
        ("bohr", 9.0, 2.25),
        ("angstrom", 9.0 * Bohr, 2.25 * Bohr),
        ("alat", 0.9, 0.225),
        ("alat= 10.00000000", 0.9, 0.225),
    ],
)
def test_units_of_cells_and_positions(read: Reader, unit: str, cell: float, place: float) -> None:
    """alat, bohr, angstrom; crystal is the file's own."""
    text = VC_RELAX.replace("(alat= 10.00000000)", f"({unit})")
    text = text.replace("0.900000000", f"{cell:.9f}")
    text = text.replace("(crystal)", f"({unit.partition('=')[0]})")
    text = text.replace("0.2500000000        0.0", f"{place:.10f}        0.0")
    frames, notices = read(text)
    assert notices == []
    np.testing.assert_allclose(frames[1].cell, 9.0 * Bohr * np.eye(3), atol=1e-8)
    np.testing.assert_allclose(frames[1].positions[1], [2.25 * Bohr, 0, 0], atol=1e-8)


def test_a_cell_in_angstrom_is_taken_at_its_word(read: Reader) -> None:
    """Whatever the volume beside it; with alat the volume decides whether it was understood."""
    text = VC_RELAX.replace("729.00000 a.u.^3", "730.00000 a.u.^3", 1)
    frames, notices = read(text)
    assert len(frames) == 2
    assert "its cell has" in notices[0]
    text = text.replace("(alat= 10.00000000)", "(angstrom)", 1)
    frames, notices = read(text.replace(" 0.900000000", f" {9.0 * Bohr:.9f}", 3))
    assert len(frames) == 3
    assert "CELL_PARAMETERS is taken" in notices[0]


@pytest.mark.parametrize(
    ("label", "pseudopotential", "number"),
    [
        ("Fe", "Fe", 26),
        ("FE1", "Fe", 26),
        ("Ni_up", "Ni", 28),
        ("co-2", "Co", 27),
        ("CO", "C", 6),
        ("D", "H", 1),
        ("H1", "H", 1),
    ],
)
def test_elements_of_labels(read: Reader, label: str, pseudopotential: str, number: int) -> None:
    """The pseudopotential decides between cobalt and carbon."""
    text = VC_RELAX.replace("Si1 ", f"{label} ").replace("Si( 1.00)", f"{pseudopotential}( 1.00)")
    frames, _ = read(text)
    assert {int(frame.numbers[0]) for frame in frames} == {number}


def test_a_label_of_another_element_is_refused(read: Reader) -> None:
    """Fe with a pseudopotential of oxygen is neither Fe nor O."""
    text = VC_RELAX.replace("Si1 ", "Fe  ").replace("Si( 1.00)", "O ( 1.00)")
    with pytest.raises(
        DataError, match='species "Fe" with a pseudopotential of "O" is not an element'
    ):
        read(text)


def test_energies_without_new_positions_are_left_out(read: Reader) -> None:
    """Such as images of a path: nothing says where their atoms are."""
    start = VC_RELAX.index("     new unit-cell volume")
    stop = VC_RELAX.index("     iteration #", start)
    frames, notices = read(VC_RELAX[:start] + VC_RELAX[stop:])
    assert len(frames) == 2
    assert "no positions are printed for it" in notices[0]


def test_a_spin_that_vanished_is_calculated_again(read: Reader) -> None:
    """pw.x repeats the last structure without magnetization; its last labels count."""
    again = VC_RELAX[VC_RELAX.rindex("     iteration #  1") :].replace("-20.625", "-20.750")
    text = (
        VC_RELAX.replace("   JOB DONE.\n", "") + "\n     lsda relaxation :  a final configuration\n"
    )
    frames, notices = read(text + again)
    assert [frame.energy for frame in frames] == pytest.approx(
        [-20.0 * Rydberg, -20.5 * Rydberg, -20.75 * Rydberg]
    )
    assert "calculated again" in notices[0]


def test_bands_have_no_energy(read: Reader) -> None:
    """The output of a nscf run is refused, with what was expected."""
    text = VC_RELAX[: VC_RELAX.index("     iteration #")]
    with pytest.raises(DataError, match="no energy of a structure"):
        read(text + "     End of band structure calculation\n   JOB DONE.\n")


def test_an_electric_field_is_said(read: Reader) -> None:
    """Forces in a field are those of no potential; a dipole correction without one is none."""
    line = "        E field amplitude [Ha a.u.]:  {}\n     Self-consistent Calculation\n"
    text = VC_RELAX.replace("     Self-consistent Calculation\n", line, 1)
    assert read(text.format("0.0000E+00"))[1] == []
    assert "electric field" in read(text.format("1.0000E-02"))[1][0]
