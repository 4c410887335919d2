"""MOVEMENT and atom.config in the forms that versions of PWmat and pwdata write."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import ase.units
import numpy as np
import pytest

from nepforge.data.formats.read import read_frames
from nepforge.data.frame import Frame
from nepforge.errors import DataError

HEAD = " 2 atoms,Iteration (fs) = 0.1E+01, Etot,Ep,Ek (eV) = -0.98E+01  -0.99E+01  0.1E+00, SCF = 8"
LATTICE = " Lattice vector (Angstrom)\n 6.0 0.0 0.0\n 0.0 6.0 0.0\n 0.0 0.0 6.0\n"
ROWS = ["6.0 0.0 0.0 {} 2.16 0 0", "0.0 6.0 0.0 {} 0 4.32 0", "0.0 0.0 6.0 {} 0 0 6.48"]
STRESS = (
    " Lattice vector (Angstrom)\n" + "\n".join(row.format("stress (eV):") for row in ROWS) + "\n"
)
POSITION = " Position (normalized), move_x, move_y, move_z\n 14 0 0 0 1 1 1\n 14 0 0 0.4 1 1 1\n"
FORCE = " Force (-force, eV/Angstrom)\n 14 0 0 -0.12\n 14 0 0 0.12\n"
VELOCITY = " Velocity (bohr/fs)\n 14 0 0 1\n 14 0 0 2\n"
MAGNETIC = " MAGNETIC\n 14 1.0\n 14 -1.0\n"
ATOMIC = "Atomic-Energy, Etot(eV),E_nonloc(eV),Q_atom:dE(eV)= -1.9\n 14 -4 0 0\n 14 -4 0 0\n"
INFO = " MD_INFO: METHOD(1-VV,2-NH) TIME(fs) TEMP(K)\n 1 0.1E+01 0.3E+03\n"
STARS = " MD_INFO: METHOD(1-VV,2-NH) TIME(fs) TEMP(K)\n     *    ************   ********\n"


def read(tmp_path: Path, text: str) -> tuple[list[Frame], list[str]]:
    path = tmp_path / "MOVEMENT"
    path.write_bytes(text.encode())
    notices: list[str] = []
    return read_frames(path, "movement", notice=notices.append), notices


def pressure(sign: float) -> str:
    """The block of +W/V in hartree/bohr³, W the diagonal of STRESS times the sign."""
    rows = sign * np.diag([0.01, 0.02, 0.03]) / (ase.units.Hartree / ase.units.Bohr**3)
    lines = "\n".join(" ".join(f"{x:.10E}" for x in row) for row in rows)
    return f" Pressure Internal(Hartree/bohr^3)\n{lines}\n"


@pytest.mark.parametrize("head", [
    HEAD,
    HEAD.replace("atoms,", "atoms, "),
    HEAD.replace("(eV) =", "="),  # a relaxation
    " 2 atoms,Iteration = 8, Etot,Ep,Ek =  -9.8  -9.9  0.1, Average Force= 0.1E-02, Max force= 0",
    "     2 atoms,Iteration (f) = 0.1E+01, Etot,Ep,Ek (eV)= -9.8 -9.9 0.1",
    " 2atoms,Iteration (fs) = 0.1E+01, Etot,Ep,Ek (eV) = -9.8  -9.9  0.1, SCF = 8",
])  # fmt: skip
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_every_head_gives_the_potential_energy(tmp_path: Path, head: str, line_end: str) -> None:
    """Ep, the second of three; two frames; Windows line ends."""
    frame = f"{head}\n{LATTICE}{POSITION}{FORCE} ------\n"
    frames, notices = read(tmp_path, (2 * frame).replace("\n", line_end))
    assert ([f.energy for f in frames], notices) == ([-9.9, -9.9], [])
    np.testing.assert_array_equal(frames[1].forces, [[0, 0, 0.12], [0, 0, -0.12]])


def test_the_old_title_of_the_forces_holds_minus_the_forces_too(tmp_path: Path) -> None:
    """Energies of the next frames agree with the work of such forces; it is said."""
    old = FORCE.replace("-force, ", "")
    frames, (notice,) = read(tmp_path, 2 * f"{HEAD}\n{LATTICE}{POSITION}{old}")
    np.testing.assert_array_equal(frames[0].forces, [[0, 0, 0.12], [0, 0, -0.12]])
    assert notice.startswith("MOVEMENT:0 and 1 more frame: the block")


def test_the_case_of_an_old_title_goes_with_the_work_of_its_forces(shared: Path) -> None:
    """F dr = -dE from frame to frame."""
    frames = read_frames(shared / "cases/data/movement-old-force-title/MOVEMENT", "movement")
    for first, second in pairwise(frames):
        assert first.energy is not None
        assert second.energy is not None
        mean = (np.array(first.forces) + np.array(second.forces)) / 2.0
        work = float(np.sum(mean * (second.positions - first.positions)))
        assert work == pytest.approx(first.energy - second.energy, rel=0.05)


@pytest.mark.parametrize(
    ("blocks", "sign", "is_said"),
    [
        (INFO, -1.0, False),
        ("", -1.0, False),
        (STARS, 1.0, True),
        (INFO + pressure(-1.0), -1.0, False),
        (STARS + pressure(-1.0), -1.0, False),  # asterisks of an overflow
        (INFO + pressure(1.0), 1.0, True),
    ],
)
def test_the_sign_of_the_virial_is_the_one_of_the_program(
    tmp_path: Path, blocks: str, sign: float, is_said: bool
) -> None:
    """PWmat writes -W, pwdata +W; `Pressure Internal` is +W/V and decides where it is there."""
    ((frame,), notices) = read(tmp_path, f"{HEAD}\n{blocks}{STRESS}{POSITION}{FORCE}")
    np.testing.assert_allclose(frame.virial, sign * np.diag([2.16, 4.32, 6.48]))
    assert ["sign of pwdata" in notice for notice in notices] == [True] * is_said


def test_other_blocks_are_passed_over(tmp_path: Path) -> None:
    """Velocities, magnetic moments; atomic energies need their zero."""
    text = f"{HEAD}\n{LATTICE}{POSITION}{FORCE}{VELOCITY}{MAGNETIC}{ATOMIC}"
    ((frame,), notices) = read(tmp_path, text)
    assert (frame.energy, notices) == (-9.9, [])
    ((frame,), (notice,)) = read(tmp_path, text.replace("dE(eV)= -1.9", ""))
    assert frame.atomic_energy is None
    assert "atomic energies are left out" in notice


def test_a_stress_that_is_not_named_so_is_left_out_and_said(tmp_path: Path) -> None:
    """Of a relaxation, an atom: nobody knows which."""
    rows = STRESS.replace("stress (eV):", "").replace("(Angstrom)", "(Angstrom), stress(eV/natom)")
    ((frame,), (notice,)) = read(tmp_path, f"{HEAD}\n{rows}{POSITION}{FORCE}")
    assert frame.virial is None
    assert "stress(eV/natom)" in notice


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{HEAD}\n{LATTICE}{POSITION}{FORCE.replace('-force, eV', 'Ry')}",
         'force block is called "Force (Ry/Angstrom)"'),
        (f"{HEAD}\n{LATTICE}{POSITION} FORCE\n 14 0 0 1\n 14 0 0 -1\n", 'is called "FORCE"'),
        (f"{HEAD}\n{LATTICE}{POSITION} Atomic forces\n 14 0 0 1\n", 'called "Atomic forces"'),
        (f"{HEAD}\n{LATTICE.replace('Angstrom', 'Bohr')}{POSITION}", '"Lattice vector (Bohr)"'),
        (f"{HEAD}\n{LATTICE}{POSITION} 14 0 0 0.5 1 1 1\n", "position has more rows than the 2"),
        (f"{HEAD}\n{LATTICE}{POSITION}{FORCE} 14 0 0 1\n", "force has more rows than the 2"),
        (f"{HEAD.replace('2', '3', 1)}\n{LATTICE}{POSITION}{FORCE}", "position"),
        (f"{HEAD}\n{LATTICE}{POSITION}{FORCE}{FORCE}", "has two blocks of force"),
        (f"{HEAD.replace('Etot,Ep,Ek', 'Etot,Ep')}\n{LATTICE}", "the title names energies as"),
        (f"{HEAD.replace('-0.99E+01', '********')}\n{LATTICE}{POSITION}", "found 2 energies"),
        (f"{HEAD}\n{LATTICE}{POSITION.replace('14', '14.5')}", "begin with atomic numbers"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    """Titles, counts, energies: with the frame."""
    with pytest.raises(DataError, match=r"^MOVEMENT:0: ") as error:
        read(tmp_path, text)
    assert words in str(error.value)
