"""The pair styles over the table of potentials and structures: ranks, threads, precision, device.

One LAMMPS run goes through many structures and models. A lone atom, and three in one corner of a
box of 40 Å, leave ranks without atoms; beside small cells ranks have many images.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from ase.data import chemical_symbols
from attrs import frozen

from nepforge.data.frame import FloatArray
from nepforge.models.nep.native import NativeModel, NativeResult
from tests.lammps_pair.running import PAIR, PREAMBLE, run, write_data
from tests.nep_files import NepFile, Structure
from tests.potential_table import COUNTS, POTENTIALS, SHORT_ANGULAR_CUTOFF
from tests.structure_table import gathered, structures

pytestmark = pytest.mark.lammps

EXACT, MIXED = 1.0e-10, 1.0e-5  # eV and eV/Å, of the largest force or of one
BAR_A3 = 1.6021765e6  # 1 eV in the unit of LAMMPS's stress of an atom
ORDER = [0, 1, 2, 0, 0, 1, 1, 2, 2], [0, 1, 2, 1, 2, 2, 0, 0, 1]  # of its nine components
TIME_LIMIT = 800.0  # s, of many structures on more ranks than cores


@frozen
class Way:
    """How the table is run."""

    style: str = "nepforge"
    precision: str = "double"
    ranks: int = 1
    threads: int = 1


WAYS = {
    "one rank": Way(),
    "one rank, mixed": Way(precision="mixed"),
    "two ranks": Way(ranks=2),
    "four ranks": Way(ranks=4),
    "two threads": Way(threads=2),
    "two threads on two ranks, mixed": Way(precision="mixed", ranks=2, threads=2),
    "device kernels": Way("nepforge/gpu/host"),
    "device kernels, mixed": Way("nepforge/gpu/host", "mixed"),
    "device kernels on two ranks": Way("nepforge/gpu/host", ranks=2),
}

CASE = """
clear
units metal
atom_style atomic
newton on
read_data {structure}
mass * 20.0
pair_style {style} {model} precision {precision}
pair_coeff * * {species}
neighbor 0.5 bin
thermo_style custom step pe
compute energy all pe/atom
compute virial all centroid/stress/atom NULL virial
run 0
write_dump all custom {dump} id fx fy fz c_energy c_virial[*] modify sort id format float %.17g
"""


def types_of(file: NepFile, structure: Structure) -> list[int]:
    """LAMMPS types: the species of the model, one after another."""
    return [file.species.index(chemical_symbols[z]) + 1 for z in structure.numbers]


def cases(file: NepFile) -> dict[str, Structure]:
    """The table, what has a box of its own in one box, and some of it by itself."""
    of_file = structures(file)
    repelled = of_file.pop("dimer repelled")  # its forces would set the tolerance of all
    together, names = gathered(of_file)
    kept = [name for name in of_file if name not in names] + ["alone", "lone atom first"]
    return {"gathered": together, "repelled": repelled, **{name: of_file[name] for name in kept}}


def run_table(
    folder: Path, files: dict[str, NepFile], way: Way, left_out: Sequence[str] = ()
) -> None:
    """Every structure of every file: energies, forces and virials of the atoms are the core's."""
    script, expected = "", {}
    for number, (name, file) in enumerate(files.items()):
        model = file.write(folder / f"{number}.txt")
        native = NativeModel(model)
        for idx, (label, structure) in enumerate(cases(file).items()):
            if label in left_out:
                continue
            case = f"{number}.{idx}"
            types = types_of(file, structure)
            write_data(folder / f"{case}.lmp", structure, types, len(file.species))
            script += CASE.format(
                structure=f"{case}.lmp", dump=f"{case}.dump", model=model.name, style=way.style,
                precision=way.precision, species=" ".join(file.species),
            )  # fmt: skip
            found = native.evaluate(structure.numbers, structure.positions, structure.cell)
            expected[f"{case}.dump"] = (f"{name}: {label}", found)
    output = run(folder, script, way.ranks, way.threads, TIME_LIMIT)
    assert output.status == 0, output.text[-2000:]
    for dump, (label, found) in expected.items():
        rows = np.loadtxt(folder / dump, skiprows=9, ndmin=2)
        assert_same(rows, found, EXACT if way.precision == "double" else MIXED, label)


def assert_same(rows: FloatArray, expected: NativeResult, tolerance: float, label: str) -> None:
    """`tolerance` in eV, eV/Å and, ten times, in eV of a virial."""
    forces, energies, virials = rows[:, 1:4], rows[:, 4], -rows[:, 5:14] / BAR_A3
    tolerance *= max(1.0, float(np.abs(expected.forces).max()))
    np.testing.assert_allclose(forces, expected.forces, rtol=0, atol=tolerance, err_msg=label)
    np.testing.assert_allclose(energies, expected.energies, rtol=0, atol=tolerance, err_msg=label)
    wanted = expected.virials[:, *ORDER]
    np.testing.assert_allclose(virials, wanted, rtol=0, atol=10 * tolerance, err_msg=label)


def every_ninth() -> dict[str, NepFile]:
    """Of each number of species one potential, each time another row of the table."""
    return {name: file for idx, (name, file) in enumerate(POTENTIALS.items()) if idx % 9 == 0}


ONE_PROCESS = {name: WAYS[name] for name in ("one rank", "one rank, mixed", "device kernels")}
SEVERAL = {name: WAYS[name] for name in ("two ranks", "four ranks", "two threads")}


@pytest.mark.parametrize("way", ONE_PROCESS.values(), ids=ONE_PROCESS.keys())
def test_lammps_gives_the_numbers_of_the_core(way: Way, tmp_path: Path) -> None:
    """Models of each number of species in one process."""
    run_table(tmp_path, every_ninth() | SHORT_ANGULAR_CUTOFF, way)


@pytest.mark.parametrize("way", SEVERAL.values(), ids=SEVERAL.keys())
def test_ranks_and_threads_give_the_numbers_of_the_core(way: Way, tmp_path: Path) -> None:
    """A model whose species share vectors; ranks without atoms, threads without neighbours."""
    name = "5 species, l_max 5 0 0"
    left_out = ("repelled", "crystal", "slab and a lone atom")
    run_table(tmp_path, {name: POTENTIALS[name]}, way, left_out)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("count", COUNTS)
def test_every_potential_runs_every_way(way: Way, count: int, tmp_path: Path) -> None:
    """The whole table; a part of it on more ranks than there may be cores, which wait spinning."""
    names = [name for name, file in POTENTIALS.items() if len(file.species) == count]
    chosen = names[count % 4 :: 4] if way.ranks > 2 else names
    run_table(tmp_path, {name: POTENTIALS[name] for name in chosen}, way)


LOST = """
neighbor 2.0 bin
neigh_modify every 10 delay 10 check no
group lost id 1
velocity lost set 1.0e308 0.0 0.0
fix 1 all nve
timestep 1.0e3
run 1
"""


@pytest.mark.parametrize("style", ["nepforge", "nepforge/gpu/host"])
@pytest.mark.parametrize("label", ["crystal", "alone"])
def test_a_position_that_is_not_finite_ends_the_run(style: str, label: str, tmp_path: Path) -> None:
    """Before LAMMPS looks at the positions itself: the atom must not pass for a lone one."""
    file = POTENTIALS["5 species, l_max 5 0 0"]
    file.write(tmp_path / "nep.txt")
    structure = structures(file)[label]
    write_data(tmp_path / "data.lmp", structure, types_of(file, structure), len(file.species))
    pair = PAIR.format(species=" ".join(file.species)).replace("nepforge nep", f"{style} nep")
    output = run(tmp_path, PREAMBLE + pair + LOST)
    assert output.status != 0
    assert "the energy of atom 1 is not finite at step 1" in output.text


LEAVING = """
mass * 200.0
velocity all create 300 3 loop geom
group leaving id {leaving}
velocity leaving set 0.0 0.0 100.0
fix 1 all nve
timestep 0.0001
thermo 100
thermo_style custom step etotal
thermo_modify format float %.12g
run 1000
"""


@pytest.mark.parametrize("style", ["nepforge", "nepforge/gpu/host"])
def test_an_atom_that_leaves_a_slab_conserves_the_energy(style: str, tmp_path: Path) -> None:
    """10 Å away from its last neighbour: the energy of a lone atom belongs to its forces."""
    file = POTENTIALS["5 species, l_max 5 0 0"]
    file.write(tmp_path / "nep.txt")
    slab = structures(file)["slab and a lone atom"]
    slab.positions[-1] = [2.2, 2.2, slab.positions[:-1, 2].max() + 2.2]
    write_data(tmp_path / "data.lmp", slab, types_of(file, slab), len(file.species))
    pair = PAIR.format(species=" ".join(file.species)).replace("nepforge nep", f"{style} nep")
    output = run(tmp_path, PREAMBLE + pair + LEAVING.format(leaving=len(slab.numbers)))
    assert output.status == 0, output.text
    rows = [line.split() for line in output.text.split("TotEng")[1].splitlines()[1:12]]
    energies = [float(energy) for _, energy in rows]
    assert np.ptp(energies) < 1.0e-4  # eV, of 1e3 eV and more in the motion
