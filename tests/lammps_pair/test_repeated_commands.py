"""pair_style and pair_coeff, repeated or failing: the whole of what they say holds, or nothing."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from nepforge.models.nep.native import NativeModel
from tests.lammps_pair.library import Answer, run_commands
from tests.lammps_pair.running import PREAMBLE, standard
from tests.nep_files import KINDS, Structure

pytestmark = pytest.mark.lammps

EXACT = 1.0e-9  # eV
NOT_SET = "All pair coeffs are not set"
STYLES = ("nepforge", "nepforge/gpu/host")
START = [*PREAMBLE.split("\n")[1:-1], "thermo_style custom step pe"]
FIRST, SECOND = "pair_style STYLE nep.txt", "pair_style STYLE second.txt"
MAP = "pair_coeff * * Si O"
THREE_TYPES = [
    "clear", "units metal", "region box block 0 20 0 20 0 20", "create_box 3 box",
    "create_atoms 1 single 1 1 1", "create_atoms 3 single 3 1 1", "mass * 20.0",
    "thermo_style custom step pe",
]  # fmt: skip

# In the place of an energy: of the structure by the first model, by the second, with the species of
# the types exchanged, of the dimer of THREE_TYPES by the second; in that of a failure: its words.
CASES: dict[str, list[tuple[str, str]]] = {
    "again": [(FIRST, ""), (MAP, ""), ("run 0", "first"), (FIRST, ""), ("run 0", NOT_SET),
              (MAP, ""), ("run 0", "first")],
    "another model": [(FIRST, ""), (MAP, ""), ("run 0", "first"), (SECOND, ""), ("run 0", NOT_SET),
                      (MAP, ""), ("run 0", "second")],
    "another precision": [(FIRST, ""), (MAP, ""), (f"{FIRST} precision mixed", ""),
                          ("minimize 0 0 1 1", NOT_SET), (FIRST, ""), (MAP, ""),
                          ("run 0", "first")],
    "before any run": [(FIRST, ""), (MAP, ""), (SECOND, ""), ("run 0", NOT_SET)],
    "restart file": [(FIRST, ""), (MAP, ""), ("run 0", "first"), (FIRST, ""),
                     ("write_restart restart", NOT_SET)],
    "settings that fail": [
        (FIRST, ""), (MAP, ""), ("run 0", "first"),
        ("pair_style STYLE absent.txt", "absent.txt: found no file"), ("run 0", "first"),
        ("pair_style STYLE cut.txt", "cut.txt:41: found"), ("run 0", "first"),
        ("pair_style STYLE second.txt precision half", "double or mixed"), ("run 0", "first"),
        ("pair_style STYLE second.txt nep.txt", "found 2 models"), ("run 0", "first"),
        ("pair_style STYLE second.txt out_freq 1", "found one"), (MAP, ""), ("run 0", "first"),
        (SECOND, ""), (MAP, ""), ("run 0", "second"),
    ],
    "species that fail": [
        (FIRST, ""), ("pair_coeff * * Si C", "names 'C'"), ("run 0", NOT_SET),
        (MAP, ""), ("pair_coeff * * O C", "names 'C'"), ("run 0", "first"),
        ("pair_coeff * * O", "each of the 2 atom types"), ("run 0", "first"),
        ("pair_coeff * * O Si Si", "each of the 2 atom types"), ("run 0", "first"),
        ("pair_coeff * * NULL NULL", "maps no atom type"), ("run 0", "first"),
        ("pair_coeff * * O NULL", ""), ("run 0", NOT_SET),
        ("pair_coeff * * O Si", ""), ("run 0", "exchanged"),
    ],
    "a first model that fails": [("pair_style STYLE absent.txt", "found no file"),
                                 (MAP, "needs pair_style before it"), ("run 0", NOT_SET),
                                 (FIRST, ""), (MAP, ""), ("run 0", "first")],
    "models of pair_coeff": [
        ("pair_style STYLE precision double", ""), ("run 0", NOT_SET),
        (MAP, "found no model file"), ("pair_coeff * * absent.txt Si O", "found no file"),
        ("pair_coeff * * nep.txt Si O", ""), ("run 0", "first"),
        ("pair_coeff * * second.txt Si C", "names 'C'"), ("run 0", "first"),
        ("pair_coeff * * second.txt Si O", ""), ("run 0", "second"),
    ],
    "no setup": [(FIRST, ""), (MAP, ""), ("run 0", "first"), ("pair_coeff * * O Si", ""),
                 ("run 1 pre no", "after the last setup"), ("run 0", "exchanged"),
                 (SECOND, ""), ("run 1 pre no", "after the last setup")],
    "a box of three types": [(FIRST, ""), (MAP, ""), ("run 0", "first"),
                             *((command, "") for command in THREE_TYPES), (SECOND, ""),
                             (MAP, "each of the 3 atom types"), ("pair_coeff * * O Si Al", ""),
                             ("run 0", "dimer"), (SECOND, ""), ("run 0", NOT_SET)],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A structure and models of two and of three species."""
    path = tmp_path_factory.mktemp("commands")
    standard(path)
    attrs.evolve(
        KINDS["nep4"], species=("O", "Si", "Al"), seed=5, cutoff="5.5 4.0"
    ).write(path / "second.txt")  # fmt: skip
    (path / "cut.txt").write_text("".join((path / "nep.txt").read_text().splitlines(True)[:40]))
    return path


@pytest.fixture(scope="module")
def energies(folder: Path) -> dict[str, float]:
    """What the runs above should give, by the core."""
    structure = standard(folder)
    swapped = attrs.evolve(structure, numbers=22 - structure.numbers)  # 14 <-> 8

    def energy(model: str, made: Structure) -> float:
        native = NativeModel(folder / model)
        return float(native.evaluate(made.numbers, made.positions, made.cell).energies.sum())

    dimer = NativeModel(folder / "second.txt").evaluate(
        [8, 13], [[1, 1, 1], [3, 1, 1]], [[20, 0, 0], [0, 20, 0], [0, 0, 20]]
    )
    return {
        "first": energy("nep.txt", structure),
        "second": energy("second.txt", structure),
        "exchanged": energy("nep.txt", swapped),
        "dimer": float(dimer.energies.sum()),
    }


@pytest.fixture(scope="module")
def answers(folder: Path) -> dict[tuple[str, str], list[Answer]]:
    """What LAMMPS says to all the cases, one after another in one process."""
    names = [(style, case) for style in STYLES for case in CASES]
    sequences = [
        [*START, *(command.replace("STYLE", style) for command, _ in CASES[case])]
        for style, case in names
    ]
    said = run_commands(folder, sequences)
    return dict(zip(names, said, strict=True))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("case", CASES.keys())
def test_a_command_does_all_that_it_says_or_nothing(
    case: str,
    style: str,
    answers: dict[tuple[str, str], list[Answer]],
    energies: dict[str, float],
) -> None:
    """Each command fails with its words or goes through, each run gives the energy it should."""
    said = answers[style, case][len(START) :]
    assert len(said) == len(CASES[case])
    for (command, expected), answer in zip(CASES[case], said, strict=True):
        if expected in energies:
            assert answer == pytest.approx(energies[expected], abs=EXACT), command
        elif expected:
            assert isinstance(answer, str), command
            assert re.search(expected, answer), f"{command}: {answer}"
        else:
            assert answer is None, f"{command}: {answer}"
