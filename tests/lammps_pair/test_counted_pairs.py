"""Which pairs count: parts that hybrid, exclusions or special_bonds keep apart are apart."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from nepforge.data.frame import FloatArray
from nepforge.models.nep.native import NativeModel
from tests.lammps_pair.library import run_commands
from tests.lammps_pair.running import run
from tests.nep_files import KINDS

pytestmark = pytest.mark.lammps

TIME_LIMIT = 240.0  # s, for all the cases
EXACT = 1.0e-9  # eV/Å and eV
STYLES = ("nepforge", "nepforge/gpu/host")
NUMBERS = np.array([14, 8, 14, 8, 14, 8])  # LAMMPS types 1 and 2
BONDS = [(1, 4), (1, 5), (1, 6), (2, 4), (2, 5), (2, 6), (3, 4), (3, 5), (3, 6)]
CELL = 30.0 * np.eye(3)

WHOLE = [[0, 1, 2, 3, 4, 5]]
BY_TYPE = [[0, 2, 4], [1, 3, 5]]
BY_HALF = [[0, 1, 2], [3, 4, 5]]  # the bonds are those between the halves, 1-3 within them
SINGLE = [[0], [1], [2], [3], [4], [5]]
ALL = "pair_style STYLE nep.txt\npair_coeff * * Si O\n"
HALVES = "group low id 1:3\ngroup high id 4:6\n"
OVERLAY = """special_bonds lj/coul 1.0e-50 1.0e-50 1.0e-50
pair_style hybrid/overlay STYLE nep.txt zero 5.0
pair_coeff * * STYLE Si O
pair_coeff * * zero
pair_modify pair STYLE special lj/coul {factors}
"""

# commands, and the parts whose atoms see each other; an atom of no part has no energy
CASES: dict[str, tuple[str, list[list[int]]]] = {
    "hybrid": (
        "pair_style hybrid STYLE nep.txt zero 5.0\npair_coeff * * STYLE Si O\n"
        "pair_coeff 1 2 zero\n",
        BY_TYPE,
    ),
    "hybrid of one type": (
        "pair_style hybrid/overlay STYLE nep.txt zero 5.0\npair_coeff * * STYLE Si NULL\n"
        "pair_coeff * * zero\n",
        BY_TYPE[:1],
    ),
    "hybrid of two models": (
        "pair_style hybrid/overlay STYLE nep.txt STYLE nep.txt zero 5.0\n"
        "pair_coeff * * STYLE 1 Si NULL\npair_coeff * * STYLE 2 NULL O\npair_coeff * * zero\n",
        BY_TYPE,
    ),
    "excluded types": (ALL + "neigh_modify exclude type 1 2\n", BY_TYPE),
    "excluded groups": (ALL + HALVES + "neigh_modify exclude group low high\n", BY_HALF),
    "excluded molecules": (ALL + "neigh_modify exclude molecule/inter all\n", BY_HALF),
    "one group": (
        HALVES + "atom_modify first low\n" + ALL + "neigh_modify include low\n",
        [[0, 1, 2]],
    ),
    "bonds that count": (ALL, WHOLE),
    "bonds of LAMMPS's default": ("special_bonds lj/coul 0 0 0\n" + ALL, SINGLE),
    "bonds without neighbours": ("special_bonds lj/coul 0 1 1\n" + ALL, BY_HALF),
    "bonds with charges": ("special_bonds lj 0 1 1 coul 1 1 1\n" + ALL, BY_HALF),
    "bonds without charges": ("special_bonds lj 1 1 1 coul 0 0 0\n" + ALL, WHOLE),
    "bonds of a hybrid that count": (OVERLAY.format(factors="1 1 1"), WHOLE),
    "bonds of a hybrid that do not": (OVERLAY.format(factors="0 1 1"), BY_HALF),
    "bonds with a kspace style": (
        "special_bonds lj/coul 0 1 1\nset atom 1 charge 1.0e-6\nset atom 6 charge -1.0e-6\n"
        "pair_style hybrid/overlay STYLE nep.txt coul/long 5.0\npair_coeff * * STYLE Si O\n"
        "pair_coeff * * coul/long\nkspace_style ewald 1.0e-4\n",
        BY_HALF,
    ),
    "bonds deleted": (ALL + "delete_bonds all bond 1 remove special\n", WHOLE),
}

START = """units metal
atom_style full
bond_style zero
newton on
read_data data.lmp
mass * 20.0
bond_coeff * 1.5
special_bonds lj/coul 1 1 1
"""
REPORT = """compute energy all pe/atom
run 0
write_dump all custom dump.{number} id c_energy fx fy fz modify sort id format float %.17g
clear
"""


def positions() -> FloatArray:
    """Six atoms 2 Å apart, all within the cutoff of most others and none the image of one."""
    rng = np.random.default_rng(3)
    grid = np.stack(np.meshgrid([0, 1], [0, 1, 2], [0], indexing="ij"), axis=-1).reshape(-1, 3)
    return 12.0 + 1.9 * grid + rng.uniform(-0.2, 0.2, (6, 3))


def write_molecule(folder: Path) -> None:
    """The model and a data file in which the halves are molecules, bound to each other."""
    KINDS["nep4"].write(folder / "nep.txt")
    header = ["", "6 atoms", f"{len(BONDS)} bonds", "2 atom types", "1 bond types"]
    header += ["6 extra special per atom"]
    header += [f"0.0 30.0 {axis}lo {axis}hi" for axis in "xyz"]
    atoms = [
        f"{idx + 1} {idx // 3 + 1} {1 if number == 14 else 2} 0.0 {x!r} {y!r} {z!r}"
        for idx, (number, (x, y, z)) in enumerate(zip(NUMBERS, positions().tolist(), strict=True))
    ]
    bonds = [f"{idx + 1} 1 {first} {second}" for idx, (first, second) in enumerate(BONDS)]
    lines = [*header, "\nAtoms # full\n", *atoms, "\nBonds\n", *bonds]
    (folder / "data.lmp").write_text("\n".join(lines) + "\n")


def expected(folder: Path, parts: list[list[int]]) -> FloatArray:
    """Energy and forces of each atom by the core, each part by itself, [6, 4]."""
    model, rows = NativeModel(folder / "nep.txt"), np.zeros((6, 4))
    for part in parts:
        result = model.evaluate(NUMBERS[part], positions()[part], CELL)
        rows[part] = np.column_stack([result.energies, result.forces])
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs")
    write_molecule(path)
    return path


@pytest.fixture(scope="module", params=[(style, ranks) for style in STYLES for ranks in (1, 2)],
                ids=str)  # fmt: skip
def dumps(folder: Path, request: pytest.FixtureRequest) -> list[FloatArray]:
    """What one LAMMPS run says of each case."""
    style, ranks = request.param
    scripts = [
        START + commands.replace("STYLE", style) + REPORT.format(number=number)
        for number, (commands, _) in enumerate(CASES.values())
    ]
    output = run(folder, "".join(scripts), ranks, time_limit=TIME_LIMIT)
    assert output.status == 0, output.text
    return [
        np.loadtxt(folder / f"dump.{number}", skiprows=9)[:, 1:] for number in range(len(scripts))
    ]


@pytest.mark.parametrize("case", CASES.keys())
def test_parts_do_not_see_each_other(case: str, dumps: list[FloatArray], folder: Path) -> None:
    """Energies and forces are those of the isolated parts."""
    parts = CASES[case][1]
    rows, found = expected(folder, parts), dumps[list(CASES).index(case)]
    inside = np.concatenate(parts)  # LAMMPS does not clear forces outside `neigh_modify include`
    np.testing.assert_allclose(found[inside], rows[inside], rtol=0, atol=EXACT)
    np.testing.assert_allclose(found[:, 0], rows[:, 0], rtol=0, atol=EXACT)


def test_the_cases_differ(folder: Path) -> None:
    """The energies that the cases are told apart by."""
    energies = [expected(folder, parts)[:, 0].sum() for parts in (WHOLE, BY_TYPE, BY_HALF, SINGLE)]
    differences = np.abs(np.subtract.outer(energies, energies))[~np.eye(4, dtype=bool)]
    assert differences.min() > 0.01


REFUSED = {
    "a fraction of a pair": ("special_bonds lj/coul 0.5 1 1\n" + ALL + "run 0",
                             "weighs the pair of atom . and atom . by 0.5"),
    "compute group/group": (ALL + "compute one all group/group all\nthermo_style custom c_one\n"
                            "run 0", "does not support compute group/group"),
    "compute pair/local": (ALL + "compute one all pair/local eng\ndump one all local 1 x c_one[1]\n"
                           "run 0", "does not support compute pair/local"),
    "compute stress/tally": (ALL + "compute one all stress/tally all\nrun 0",
                             "compute one of style stress/tally adds up forces"),
    "hybrid/molecular": ("pair_style hybrid/molecular zero 5.0 STYLE nep.txt\n"
                         "pair_coeff * * STYLE Si O\npair_coeff * * zero\nrun 0",
                         "not compatible with manybody"),
}  # fmt: skip


def test_what_needs_single_pairs_is_refused(folder: Path) -> None:
    """With LAMMPS's own message where it has one."""
    names = [(style, case) for style in STYLES for case in REFUSED]
    sequences = [
        (START + REFUSED[case][0]).replace("STYLE", style).split("\n") for style, case in names
    ]
    for (_, case), said in zip(names, run_commands(folder, sequences), strict=True):
        assert isinstance(said[-1], str), case
        assert re.search(REFUSED[case][1], said[-1]), said[-1]
