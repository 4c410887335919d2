"""CP2K's output: what belongs to one energy, electronic steps that failed, cut files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nepforge.data.formats.read import read_frames
from nepforge.data.frame import Frame
from nepforge.errors import DataError

HARTREE, BOHR = 27.211386, 0.5291772109  # eV, Å
UNITS = 1.0e-6  # relative
FORCES = np.array([[-0.01, 0.02, -0.03], [0.01, -0.02, 0.03]])  # hartree/bohr
STRESS = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.5], [0.0, 0.5, 3.0]])  # GPa, compressed

HEADER = " CP2K| version string:                                        CP2K version 7.1\n"
CELL = """ CELL| Vector a [angstrom]:       4.000     0.000     0.000    |a| =       4.000
 CELL| Vector b [angstrom]:       0.000     5.000     0.000    |b| =       5.000
 CELL| Vector c [angstrom]:       0.000     0.000     6.000    |c| =       6.000
"""
ATOMS = """                             - Atoms:                    2

 MODULE QUICKSTEP:  ATOMIC COORDINATES IN angstrom

  Atom  Kind  Element       X           Y           Z          Z(eff)       Mass

       1     1 Si  14    0.000000    0.000000    0.000000      4.00      28.0850
       2     2 H    1    1.000000    2.500000    4.500000      1.00       1.0080

"""
START = HEADER + CELL + ATOMS
CONVERGED = "  *** SCF run converged in    17 steps ***\n\n"
OUTER = "  outer SCF loop converged in   4 iterations or  167 steps\n\n"
OUTER_FAILED = "  outer SCF loop FAILED to converge after   16 iterations or  800 steps\n\n"
FAILED = " *** WARNING in qs_scf.F:542 :: SCF run NOT converged ***\n\n"
OLD_FORCES = """ ATOMIC FORCES in [a.u.]

 # Atom   Kind   Element          X              Y              Z
      1      1      Si         -0.01000000     0.02000000    -0.03000000
      2      2      H           0.01000000    -0.02000000     0.03000000
 SUM OF ATOMIC FORCES           0.00000000     0.00000000     0.00000000     0.00000000

"""
NEW_FORCES = """ FORCES| Atomic forces [hartree/bohr]
 FORCES|   Atom     x               y               z               |f|
 FORCES|      1 -1.00000000E-02  2.00000000E-02 -3.00000000E-02   3.74165739E-02
 FORCES|      2  1.00000000E-02 -2.00000000E-02  3.00000000E-02   3.74165739E-02
 FORCES| Sum     0.00000000E+00  0.00000000E+00  0.00000000E+00   0.00000000E+00
 FORCES| Total atomic force   0.00000000E+00

"""
OLD_STRESS = """ STRESS TENSOR [GPa]

            X               Y               Z
  X       1.00000000      0.00000000      0.00000000
  Y       0.00000000      2.00000000      0.50000000
  Z       0.00000000      0.50000000      3.00000000

  1/3 Trace(stress tensor):   2.00000000E+00

 EIGENVECTORS AND EIGENVALUES OF THE STRESS TENSOR

          0.79289322      1.00000000      3.20710678
          0.55480857      0.47828752      0.87644905

"""
NEW_STRESS = """ STRESS| Analytical stress tensor [bar]
 STRESS|                        x                   y                   z
 STRESS|      x        1.00000000000E+04   0.00000000000E+00   0.00000000000E+00
 STRESS|      y        0.00000000000E+00   2.00000000000E+04   5.00000000000E+03
 STRESS|      z        0.00000000000E+00   5.00000000000E+03   3.00000000000E+04
 STRESS| 1/3 Trace                                               2.00000000000E+04

 STRESS| Eigenvectors and eigenvalues of the analytical stress tensor [bar]
 STRESS|                        1                   2                   3
 STRESS| Eigenvalues   1.79289321881E+04   1.00000000000E+04   3.20710678119E+04
 STRESS|      x        0.000000000000E+00  1.000000000000E+00  0.000000000000E+00
 STRESS|      y       -9.238795325113E-01  0.000000000000E+00  3.826834323651E-01
 STRESS|      z        3.826834323651E-01  0.000000000000E+00  9.238795325113E-01

"""


def energy(value: float = -10.0, unit: str = "(a.u.):", kind: str = "QS") -> str:
    return f" ENERGY| Total FORCE_EVAL ( {kind} ) energy {unit}   {value:.15f}\n\n\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cp2k.out"


def read(path: Path, text: str) -> tuple[list[Frame], list[str]]:
    """Frames and notices of a file with this text."""
    path.write_text(text)
    notices: list[str] = []
    return read_frames(path, "cp2k", notice=notices.append), notices


@pytest.mark.parametrize(
    "text",
    [
        START + CONVERGED + energy() + OLD_FORCES + OLD_STRESS,
        START + CONVERGED + energy(unit="[a.u.]:") + OLD_FORCES + NEW_STRESS,
        START + CONVERGED + energy(unit="[hartree]  ") + NEW_FORCES + NEW_STRESS,
    ],
)
def test_three_generations_give_the_same_labels(path: Path, text: str) -> None:
    """The table of eigenvectors below the stress, which has rows x, y, z too, is not taken."""
    (frame,), notices = read(path, text)
    assert frame.numbers.tolist() == [14, 1]
    assert frame.energy == pytest.approx(-10.0 * HARTREE, rel=UNITS)
    np.testing.assert_allclose(frame.forces, FORCES * HARTREE / BOHR, rtol=UNITS)
    virial = STRESS / 160.2176634 * 120.0
    np.testing.assert_allclose(frame.virial, virial, rtol=UNITS, atol=1e-12)
    assert (frame.converged, notices) == (True, [])


@pytest.mark.parametrize(
    ("before", "converged"),
    [
        (CONVERGED, True),
        (FAILED, False),
        (OUTER_FAILED + FAILED, False),
        (CONVERGED + OUTER_FAILED, False),  # the inner loop converged
        (CONVERGED + OUTER, True),
        (FAILED + CONVERGED, True),  # a restart within the step
        ("", True),  # nothing said, as at a low print level
    ],
)
def test_the_last_word_of_the_electronic_steps_counts(
    path: Path, before: str, converged: bool
) -> None:
    """Of those before the energy; those behind it belong to the next one."""
    text = START + before + energy() + OLD_FORCES + (CONVERGED if not converged else FAILED)
    frames, _ = read(path, text + START + energy(-11.0))
    assert [frame.converged for frame in frames] == [converged, True]


def test_dynamics_give_their_first_structure(path: Path) -> None:
    """CP2K prints the others into files of their own; no energy takes another's structure."""
    text = START + energy(-10.0) + OLD_FORCES
    later = energy(-11.0) + OLD_FORCES.replace("0.01000000", "0.09000000") + OLD_STRESS
    (frame,), (notice,) = read(path, text + 3 * later)
    assert frame.energy == pytest.approx(-10.0 * HARTREE, rel=UNITS)
    np.testing.assert_allclose(frame.forces, FORCES * HARTREE / BOHR, rtol=UNITS)
    assert frame.virial is None
    assert "left out 3 energies without coordinates" in notice


def test_appended_runs_keep_their_cells(path: Path) -> None:
    """A run that died first leaves nothing behind, neither coordinates nor cell."""
    other = START.replace("4.000", "8.000")
    died = START + CONVERGED
    frames, (notice,) = read(path, START + energy() + died + other + energy(-11.0))
    assert [float(frame.cell[0, 0]) for frame in frames] == [4.0, 8.0]
    assert "a run, which has no energy" in notice
    with pytest.raises(DataError, match="has no cell vectors"):
        read(path, START + energy() + HEADER + ATOMS + energy())


@pytest.mark.parametrize("kind", ["MIXED", "QMMM"])
def test_composed_energies_are_refused(path: Path, kind: str) -> None:
    """Their atoms are not those of one block of coordinates."""
    with pytest.raises(DataError, match="several force evaluations"):
        read(path, START + energy(kind=kind))
    with pytest.raises(DataError, match=r"several force evaluations \(FIST, QS\)"):
        read(path, START + energy(kind="FIST") + ATOMS + energy())


def test_other_tables_of_atoms_are_refused(path: Path) -> None:
    """FIST has no atomic numbers, so that x, y and z stand one column further left."""
    with pytest.raises(DataError, match="no rows as Quickstep prints them"):
        read(path, START.replace("Si  14 ", "Si ").replace("H    1 ", "H ") + energy(kind="FIST"))


def test_periodicity_is_that_of_the_cell(path: Path) -> None:
    """That of electrostatics where an old version prints no other."""
    cell, poisson = " CELL| Periodicity     XY\n", " POISSON| Periodicity    NONE\n"
    for line, expected in (
        ("", (True, True, True)),
        (cell, (True, True, False)),
        (poisson, (False, False, False)),
        (poisson + cell, (True, True, False)),
    ):
        (frame,), _ = read(path, HEADER + CELL + line + ATOMS + energy())
        assert frame.pbc == expected


def test_a_cut_file_gives_its_complete_points(path: Path) -> None:
    """Wherever it is cut: no truncated number, no forces of only some atoms."""
    point = START + CONVERGED + energy() + OLD_FORCES + NEW_STRESS
    text = 2 * point
    whole, _ = read(path, text)
    for length in range(len(point), len(text), 13):
        frames, _ = read(path, text[:length])
        for found, expected in zip(frames, whole, strict=False):
            assert found.energy == expected.energy
            for name in ("forces", "virial"):
                if getattr(found, name) is not None:
                    np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "      2      2      H           0.01000000    -0.02000000     0.03000000\n",
            "",
            "add up",
        ),
        ("      1      1      Si ", "      3      1      Si ", "not numbered"),
        ("    -0.03000000", "    -0.04000000", "do not add up"),
        ("  Y       0.00000000", "  U       0.00000000", "expected a row as above it"),
        ("STRESS TENSOR [GPa]", "STRESS TENSOR [mmHg]", "is in mmHg"),
        ("energy (a.u.):", "energy (eV):", "expected an energy in hartree"),
        ("       2     2 H    1    1.0", "       3     2 H    1    1.0", "not numbered 1 to 2"),
        (
            "       2     2 H    1    1.0",
            "       2     2 H    2    1.0",
            "expected an atomic number",
        ),
        (
            "- Atoms:                    2",
            "- Atoms:                    3",
            "of 2 atoms, expected 3",
        ),
        (OLD_FORCES, OLD_FORCES + OLD_FORCES, "a second time forces"),
        (OLD_STRESS, OLD_STRESS + OLD_STRESS, "a second time a stress"),
    ],
)
def test_damage_in_the_middle_is_refused(path: Path, before: str, after: str, message: str) -> None:
    """Rows are numbered and add up; nothing is there twice for one energy."""
    text = START + energy() + OLD_FORCES + OLD_STRESS
    assert before in text
    with pytest.raises(DataError, match=message):
        read(path, text.replace(before, after) + START + energy())


def test_an_unconverged_point_is_known(shared: Path) -> None:
    """The case reported in the issue."""
    path = shared / "cases" / "data" / "unconverged-scf" / "cp2k.out"
    assert [frame.converged for frame in read_frames(path, "cp2k")] == [False]
