"""Whatever LAMMPS does with boxes, ranks, atoms and lists, the energy is that of the structure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nepforge.models.nep.native import NativeModel
from tests.lammps_pair.running import PREAMBLE, run, standard

pytestmark = pytest.mark.lammps

TIME_LIMIT = 240.0  # s, for all the cases
EXACT_ENERGY = 1.0e-8  # eV of all atoms
EXACT_FORCE = 1.0e-9  # eV/Å
STYLES = ("nepforge", "nepforge/gpu/host")
NUMBERS = np.array([0, 14, 8])  # of a LAMMPS type

CELL = PREAMBLE.replace("read_data", "atom_modify map yes\nread_data") + "replicate 2 2 2\n"
PAIR = "pair_style STYLE nep.txt\npair_coeff * * Si O\n"
MOVE = """velocity all create 900 7 loop geom
fix move all nve
neigh_modify every 3 delay 0 check no
"""
START = CELL + PAIR + MOVE
# A cluster that fills a box whose faces follow it.
CLUSTER = PREAMBLE.replace("read_data data.lmp", """boundary s s s
region box block 0 9 0 9 0 9
create_box 2 box
lattice sc 2.2
create_atoms 1 box
set type 1 type/fraction 2 0.5 7
displace_atoms all random 0.1 0.1 0.1 7""")  # fmt: skip
FILM = PREAMBLE.replace("read_data data.lmp", """dimension 2
region box block 0 11 0 11 -0.1 0.1
lattice sq 2.2
create_box 2 box
create_atoms 1 box
set type 1 type/fraction 2 0.5 7""")  # fmt: skip

# commands before the last structure is compared, and which directions are periodic
CASES: dict[str, tuple[str, str]] = {
    "tiles that are balanced": (
        CELL + "comm_style tiled\n" + PAIR + MOVE + "fix even all balance 2 1.0 rcb\nrun 7\n",
        "ppp",
    ),
    "planes that are balanced": (START + "balance 1.0 shift xyz 10 1.01\nrun 7\n", "ppp"),
    "lists of many cutoffs": (
        CELL + "neighbor 0.5 multi\ncomm_modify mode multi\n" + PAIR + MOVE + "run 7\n", "ppp",
    ),
    "lists without bins": (CELL + "neighbor 0.5 nsq\n" + PAIR + MOVE + "run 7\n", "ppp"),
    "ghosts of a short cutoff": (
        CELL + "comm_modify cutoff 2.0\n" + PAIR + MOVE + "run 7\n", "ppp",
    ),
    "atoms that are sorted": (CELL + "atom_modify sort 1 2.0\n" + PAIR + MOVE + "run 7\n", "ppp"),
    "the package omp": (
        CELL.replace("newton on", "newton on\npackage omp 1\nsuffix omp") + PAIR + MOVE + "run 7\n",
        "ppp",
    ),
    "atoms that are deleted": (
        START + "run 3\ndelete_atoms random fraction 0.3 yes all NULL 77\nrun 4\n", "ppp",
    ),
    "atoms that arrive": (
        START.replace("pair_style", "change_box all z final 0 25 boundary p p f\npair_style")
        + "region door block 1 5 1 5 14 20\n"
        + "fix door all deposit 3 2 2 1234 region door near 2.0 vz -1 -1\nrun 7\n", "ppf",
    ),
    "atoms that swap": (
        START + "fix swap all atom/swap 2 3 777 3000 types 1 2 ke no\nrun 7\n", "ppp",
    ),
    "a trajectory read again": (
        START + "dump all all custom 2 traj id type x y z\n"
        + "dump_modify all sort id format float %.17g\nrun 6\nundump all\nunfix move\nrun 1\n"
        + "rerun traj dump x y z\n", "ppp",
    ),
    "faces that follow": (CLUSTER + PAIR + MOVE + "run 7\n", "sss"),
    "two dimensions": (FILM + PAIR + MOVE + "fix flat all enforce2d\nrun 7\n", "pps"),
    "empty ranks": (
        PREAMBLE + "change_box all x final 0 150\n" + PAIR + MOVE + "run 7\n", "ppp",
    ),
    "no atom IDs": (
        CLUSTER.replace("boundary", "atom_modify id no\nboundary") + PAIR + MOVE + "run 7\n", "sss",
    ),
}  # fmt: skip
RUNS = [
    *((style, 1) for style in STYLES),
    *(pytest.param(style, ranks, marks=pytest.mark.slow) for style in STYLES for ranks in (2, 4)),
]
REPORT = """compute energy all pe/atom
run 0
print "cell {number} $(lx) 0 0 $(xy) $(ly) 0 $(xz) $(yz) $(lz)"
write_dump all custom dump.{number} type x y z c_energy fx fy fz modify format float %.17g
clear
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lists")
    standard(path)
    return path


@pytest.mark.parametrize(("style", "ranks"), RUNS)
def test_the_energy_is_that_of_the_structure(style: str, ranks: int, folder: Path) -> None:
    """Energies and forces by the core, of the positions that LAMMPS has at the end."""
    scripts = [
        commands.replace("STYLE", style) + REPORT.format(number=number)
        for number, (commands, _) in enumerate(CASES.values())
    ]
    output = run(folder, "".join(scripts), ranks, time_limit=TIME_LIMIT)
    assert output.status == 0, output.text
    cells = {
        line.split()[1]: np.array(line.split()[2:], dtype=float).reshape(3, 3)
        for line in output.text.splitlines()
        if line.startswith("cell ")
    }
    model = NativeModel(folder / "nep.txt")
    for number, (case, (_, boundary)) in enumerate(CASES.items()):
        rows = np.loadtxt(folder / f"dump.{number}", skiprows=9)
        assert len(rows) > 7, case
        expected = model.evaluate(
            NUMBERS[rows[:, 0].astype(int)], rows[:, 1:4], cells[str(number)],
            [face == "p" for face in boundary],
        )  # fmt: skip
        assert np.abs(expected.forces).max() > 0.1, case
        np.testing.assert_allclose(rows[:, 4], expected.energies, atol=EXACT_ENERGY, err_msg=case)
        forces = expected.forces
        if boundary == "pps":
            forces[:, 2] = 0.0
        np.testing.assert_allclose(rows[:, 5:], forces, atol=EXACT_FORCE, err_msg=case)
