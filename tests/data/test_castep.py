"""CASTEP: which of its energies, forces and stresses belong to a structure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase.units import Bohr, Hartree

from nepforge.data.formats.read import read_frames
from nepforge.data.frame import Frame
from nepforge.errors import DataError
from nepforge.units import EV_PER_A3_IN_GPA

MD = (Path(__file__).parent / "files" / "md.castep").read_text()
AFTER_MD = "after the last step of MD"
UNCONVERGED = "*Warning* max. SCF cycles performed but system has not reached the groundstate.\n\n"
SAME = 1.0e-9

Reader = Callable[[str], tuple[list[Frame], list[str]]]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Frames of a text, and the notices about them."""

    def of(text: str) -> tuple[list[Frame], list[str]]:
        notices: list[str] = []
        (tmp_path / "a.castep").write_text(text)
        return read_frames(tmp_path / "a.castep", "castep", notice=notices.append), notices

    return of


def test_steps_have_free_energies_with_dispersion(read: Reader) -> None:
    """E - TS + dispersion; W = -stress · V; the cell changes with the step."""
    frames, notices = read(MD)
    assert [frame.energy for frame in frames] == pytest.approx([-102.1, -102.6], abs=SAME)
    assert frames[0].numbers.tolist() == [14, 1]
    np.testing.assert_allclose(frames[1].cell, np.diag([4.2, 5.0, 6.0]), atol=SAME)
    np.testing.assert_allclose(frames[1].positions[1], [0.26 * 4.2, 2.5, 4.5], atol=SAME)
    np.testing.assert_allclose(np.asarray(frames[1].forces)[0], [-0.05, 0.2, -0.3], atol=SAME)
    stress = np.array([[-1.5, 0, 0], [0, -2.0, -0.5], [0, -0.5, -3.0]]) / EV_PER_A3_IN_GPA
    np.testing.assert_allclose(frames[1].virial, -stress * 126.0, atol=SAME)
    assert len(notices) == 1


def test_the_stress_after_md_is_left_out(read: Reader) -> None:
    """CASTEP 16 prints it with the other sign there; it is said where it alone is printed."""
    _, notices = read(MD)
    assert AFTER_MD in notices[0]
    blocks = MD.split(" ***************** Stress Tensor")
    text = "".join(f" ***************** No Tensor{block}" for block in blocks[1:-1])
    frames, notices = read(f"{blocks[0]}{text} ***************** Stress Tensor{blocks[-1]}")
    assert [frame.virial for frame in frames] == [None, None]
    assert AFTER_MD in notices[0]


@pytest.mark.parametrize(
    ("gone", "energies"),
    [
        (("Dispersion corrected final free",), [-102.1, -102.6]),
        (("Dispersion corrected final",), [-100.1, -100.6]),
        (("Dispersion corrected final free", "Final free", ", E  ", ", Ecor"), [-102.0, -102.5]),
        (("Dispersion corrected final free", ", Ecor"), [-102.1, -102.6]),
    ],
)
def test_the_energy_is_the_one_of_the_forces(
    read: Reader, gone: tuple[str, ...], energies: list[float]
) -> None:
    """Whatever kinds of energy a version prints."""
    text = MD
    for words in gone:
        text = text.replace(words, "    " if words.startswith(",") else "x")
    frames, _ = read(text)
    assert [frame.energy for frame in frames] == pytest.approx(energies, abs=SAME)


def test_a_missing_dispersion_energy_is_said(read: Reader) -> None:
    """Dispersion is on, and no energy with it is there."""
    _, notices = read(MD.replace("Dispersion corrected final", "x"))
    assert "dispersion correction that is on" in notices[-1]


def test_energies_at_lower_cutoffs_do_not_count(read: Reader) -> None:
    """The finite basis set correction begins with them; a run killed there has no energy."""
    begin, rest = MD.split("\nFinal energy, E", 1)
    low = "\nFinal energy =  -99.0 eV\nCalculating total energy with cut-off of 150.000 eV.\n"
    text = f"{begin}\nCalculating total energy with cut-off of 145.000 eV.\n{low}\nFinal energy, E"
    corrected = " Total energy corrected for finite basis set =   -99.900000 eV\n\n Starting MD\n"
    frames, notices = read(text + rest.replace(" Starting MD\n", corrected, 1))
    assert frames[0].energy == pytest.approx(-102.1, abs=SAME)
    assert "without the finite basis set correction" in notices[-1]
    with pytest.raises(DataError, match="ends before its energy with the last cut-off"):
        read(text.removesuffix("\nFinal energy, E"))


@pytest.mark.parametrize("word", ["*Warning*", " WARNING -", "Warning:"])
def test_unconverged_steps_are_marked(read: Reader, word: str) -> None:
    """The warning stands before the energy."""
    first, second, third = MD.split("Final energy, E")
    warning = UNCONVERGED.replace("*Warning*", word)
    frames, _ = read(f"{first}{warning}Final energy, E{second}Final energy, E{third}")
    assert [frame.converged for frame in frames] == [False, True]


def test_constrained_forces_are_no_labels(read: Reader) -> None:
    """They are no derivatives of the energy; unconstrained ones beside them are."""
    text = MD.replace("-0.10000   ", "-0.10000(cons'd)")
    frames, notices = read(text)
    assert frames[0].forces is None
    assert "constrained" in notices[0]
    frames, _ = read(MD.replace("** Forces **", "** Constrained Symmetrised Forces **"))
    assert [frame.forces for frame in frames] == [None, None]
    start = MD.index(" *********************************** Forces")
    block = MD[start : MD.index("\n\n", start)] + "\n\n"
    both = block.replace("* Forces *", "* Unconstrained Forces *") + block.replace(
        "0.10000   ", "0.00000(cons'd)"
    )
    frames, _ = read(MD[:start] + both + MD[start + len(block) :])
    assert np.asarray(frames[0].forces)[1, 0] == pytest.approx(0.1)


@pytest.mark.parametrize("title", ["BFGS", "LBFGS", "TPSD", "DMD", "FIRE", "MD"])
def test_the_name_of_the_optimiser_does_not_matter(read: Reader, title: str) -> None:
    """Steps are told apart by their structures."""
    frames, _ = read(MD.replace("Starting MD iteration", f"{title}: starting iteration"))
    assert len(frames) == 2


def test_a_structure_printed_again_is_no_step(read: Reader) -> None:
    """A final configuration repeats structure, forces and stress, now symmetrised."""
    start = MD.rindex("        Real Lattice(A)")
    structure = MD[start : MD.index("----- <-- SCF", start)]
    end = MD.replace("Total time", f" BFGS: Final Configuration:\n{structure}\nTotal time")
    frames, notices = read(end)
    assert (len(frames), len(notices)) == (2, 1)


def test_energies_without_a_structure_are_left_out(read: Reader) -> None:
    """As of displaced supercells and paths."""
    text = MD.replace("Total time", "\nFinal energy =  -90.0 eV\n\nTotal time")
    frames, notices = read(text)
    assert len(frames) == 2
    assert "no positions are printed for it" in notices[-1]


TABLE = """
            ++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++
                             Coordinates: Fractional components
            ++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++
            +  Element    Atom                                                 +
            +            Number           x          y          z              +
            ++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++
            +Si:1          1          0.000000   0.000000   0.000000           +
            +H             1          {x:.6f}   0.500000   0.750000           +
            ++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++
                           Forces: Cartesian components: eV/A
            ++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++
            +  Element    Atom                                                 +
            +            Number           x          y          z              +
            ++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++
            +Si:1          1          0.300000   0.000000  -0.000000           +
            +H             1         -0.300000   0.000000   0.000000           +
            ++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++
"""


def point(energy: float, printed: float, place: float | None = None) -> str:
    """A point of a transition search, with its structure where `place` is one."""
    table = "" if place is None else TABLE.format(x=place)
    return (
        f"\nFinal energy =  {energy:.8f}     eV\n\n Path coordinate:  0.1\n"
        f" Energy:         {printed:.5f} eV\n{table}"
    )


def test_points_of_a_transition_search(read: Reader) -> None:
    """Structures come after their energies, some energies have none, and the ends of the path in
    the head belong to no energy."""
    head = MD[
        : MD.index("\n-----------------------------------------------------------------------")
    ]
    table = head[head.index("            x  Element") :]
    ends = f"            x      Reactant        x\n{table}\n            x      Product         x\n"
    search = head.replace(table, f"{ends}{table}").replace(": on\n", ": off\n")
    search += "\nFinal energy =  -100.5000000     eV\n"
    search += point(-101.0, -101.0, 0.25) + point(-102.0, -102.0) + point(-103.0, -103.0, 0.35)
    search += point(-104.0, -104.1, 0.45)
    frames, notices = read(search + "\nTotal time = 1 s\n")
    assert [frame.energy for frame in frames] == [-101.0, -103.0]
    np.testing.assert_allclose([frame.positions[1, 0] for frame in frames], [1.0, 1.4])
    np.testing.assert_allclose(np.asarray(frames[0].forces)[0], [0.3, 0.0, 0.0])
    assert "no positions are printed" in notices[0]
    assert "its energy is not the last that was calculated" in notices[1]


def test_units_are_those_that_are_printed(read: Reader) -> None:
    """Hartree, bohr and MPa; others are refused."""
    text = MD.replace(".0000000000     eV", ".0000000000     Ha").replace("(eV/A)", "(Ha/bohr)")
    text = text.replace("(GPa)", "(MPa)").replace("Dispersion", "x").replace("Final free", "x")
    text = text.replace("energy, E ", "energy    ")
    text = text.replace("Real Lattice(A)", "Real Lattice(bohr)").replace("Current cell", "x")
    frames, _ = read(text)
    assert frames[0].energy == pytest.approx(-100.0 * Hartree)
    np.testing.assert_allclose(np.diag(frames[0].cell), Bohr * np.array([4, 5, 6]))
    np.testing.assert_allclose(np.asarray(frames[0].forces)[0, 0], -0.1 * Hartree / Bohr)
    expected = 1.0e-3 / EV_PER_A3_IN_GPA * frames[0].volume
    np.testing.assert_allclose(np.asarray(frames[0].virial)[0, 0], expected)
    with pytest.raises(DataError, match='the unit is "furlong", expected one of a, ang'):
        read(MD.replace("Real Lattice(A)", "Real Lattice(furlong)"))


def test_mixtures_of_elements_are_refused(read: Reader) -> None:
    """Virtual crystals have no atomic numbers."""
    with pytest.raises(DataError, match="mixtures of elements"):
        read(MD.replace("Cell Contents", "Cell Contents\n      x  Mixture   x", 1))
