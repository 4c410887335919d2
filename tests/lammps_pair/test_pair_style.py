"""The pair style inside LAMMPS: the same numbers as the core, LAMMPS manners, clear refusals."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from nepforge.models.nep.native import NativeModel
from nepforge.units import BAR_PER_GPA, EV_PER_A3_IN_GPA
from tests.lammps_pair.running import (
    PAIR,
    PREAMBLE,
    REPORT,
    run,
    simple,
    standard,
    types_of,
    write_data,
)
from tests.nep_files import NUMBERS, SPECIES, Structure

pytestmark = pytest.mark.lammps

EXACT_FORCE = 1.0e-10  # eV/Å
EXACT_ENERGY = 1.0e-10  # eV
EXACT_VIRIAL = 1.0e-9  # eV
BAR = 1.0e4 * EV_PER_A3_IN_GPA  # of 1 eV/Å³
LAMMPS_BAR = 1.6021765e6  # LAMMPS's own factor in units metal


@pytest.mark.parametrize(
    "kind", ["nep3", "nep5", "bias per species", "type-wise cutoffs", "every invariant", "zbl"]
)
def test_lammps_gives_the_numbers_of_the_core(kind: str, tmp_path: Path) -> None:
    """Energies, forces and per-atom virials of a skewed cell smaller than the cutoff."""
    structure = standard(tmp_path, kind)
    output = run(tmp_path, simple())
    expected = NativeModel(tmp_path / "nep.txt").evaluate(
        structure.numbers, structure.positions, structure.cell
    )
    scale = max(1.0, float(np.abs(expected.forces).max()))
    assert output.value("energy") == pytest.approx(expected.energies.sum(), abs=EXACT_ENERGY)
    np.testing.assert_allclose(output.atoms[:, 1:4], expected.forces, atol=EXACT_FORCE * scale)
    np.testing.assert_allclose(output.atoms[:, 4], expected.energies, atol=EXACT_ENERGY)
    centroid = output.atoms[:, 11:20] / LAMMPS_BAR  # xx yy zz xy xz yz yx zx zy, of -virial
    rows, columns = [0, 1, 2, 0, 0, 1, 1, 2, 2], [0, 1, 2, 1, 2, 2, 0, 0, 1]
    np.testing.assert_allclose(
        -centroid, expected.virials[:, rows, columns], atol=EXACT_VIRIAL * scale
    )


def test_per_atom_values_add_up(tmp_path: Path) -> None:
    """Atomic energies sum to the energy, atomic stresses to the pressure tensor."""
    structure = standard(tmp_path)
    output = run(tmp_path, simple())
    assert output.atoms[:, 4].sum() == pytest.approx(output.value("energy"), abs=EXACT_ENERGY)
    volume = np.linalg.det(structure.cell)
    stress = -output.atoms[:, 5:11].sum(axis=0) / volume
    assert stress[0] == pytest.approx(output.value("pxx"), rel=1.0e-9)
    assert stress[3] == pytest.approx(output.value("pxy"), rel=1.0e-9)
    centroid = -output.atoms[:, 11:20].sum(axis=0) / volume
    np.testing.assert_allclose(centroid[:6], stress, rtol=1.0e-9)


def test_pressure_is_the_trace_of_the_virial(tmp_path: Path) -> None:
    """pxx = W_xx / V in bar at rest: positive when compressed."""
    structure = standard(tmp_path)
    output = run(tmp_path, simple())
    virial = (
        NativeModel(tmp_path / "nep.txt")
        .evaluate(structure.numbers, structure.positions, structure.cell)
        .virials.sum(axis=0)
    )
    expected = virial[0, 0] / np.linalg.det(structure.cell) * EV_PER_A3_IN_GPA * BAR_PER_GPA
    assert output.value("pxx") == pytest.approx(expected, rel=1.0e-6)  # LAMMPS's e is of 2010


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("kind", ["nep4", "type-wise cutoffs"])
def test_ranks_give_the_result_of_one(kind: str, ranks: int, tmp_path: Path) -> None:
    """Forces, energies and stresses after ten steps on one and on several processes."""
    standard(tmp_path, kind)
    moving = (
        PREAMBLE + "replicate 3 1 1\n" + PAIR.format(species="Si O")
        + "velocity all create 300 7 loop geom\nfix 1 all nve\n" + REPORT.format(steps=10)
    )  # fmt: skip
    one, several = run(tmp_path, moving), run(tmp_path, moving, ranks=ranks)
    assert one.status == several.status == 0, one.text + several.text
    assert f"CPU use with {ranks} MPI tasks" in several.text
    scale = max(1.0, float(np.abs(one.atoms[:, 5:]).max()))
    np.testing.assert_allclose(several.atoms[:, :5], one.atoms[:, :5], atol=1.0e-8)
    np.testing.assert_allclose(several.atoms[:, 5:], one.atoms[:, 5:], atol=1.0e-9 * scale)


@pytest.mark.parametrize("species", ["O Si", "8 14", "O 14"])
def test_types_are_mapped_by_name_or_number(species: str, tmp_path: Path) -> None:
    """The order of LAMMPS types is free; symbols and atomic numbers mean the same."""
    structure = standard(tmp_path)
    original = run(tmp_path, simple())
    write_data(tmp_path / "data.lmp", structure, types_of(structure, NUMBERS[::-1]), 2)
    mapped = run(tmp_path, simple(species))
    np.testing.assert_allclose(mapped.atoms, original.atoms, atol=EXACT_FORCE)


def test_the_style_of_the_pwmlff_manual_runs(tmp_path: Path) -> None:
    """pair_style pwmlff 1 FILE and atomic numbers, as that manual writes it."""
    standard(tmp_path)
    script = simple("14 8").replace("nepforge nep.txt", "pwmlff 1 nep.txt")
    np.testing.assert_array_equal(run(tmp_path, script).atoms, run(tmp_path, simple()).atoms)


def test_null_types_belong_to_another_style_of_a_hybrid(tmp_path: Path) -> None:
    """Atoms of a NULL type neither feel nor feed the potential."""
    structure = standard(tmp_path)
    alone = run(tmp_path, simple())
    ghostly = Structure(
        np.append(structure.numbers, 2),
        np.vstack([structure.positions, structure.cell.sum(axis=0) * [0.24, 0.26, 0.24]]),
        structure.cell,
    )
    write_data(tmp_path / "data.lmp", ghostly, types_of(ghostly, (*NUMBERS, 2)), 3)
    hybrid = """
pair_style hybrid nepforge nep.txt zero 5.0
pair_coeff * * nepforge Si O NULL
pair_coeff * 3 zero
"""
    mixed = run(tmp_path, PREAMBLE + hybrid + REPORT.format(steps=0))
    assert mixed.status == 0, mixed.text
    np.testing.assert_allclose(mixed.atoms[:-1], alone.atoms, atol=EXACT_VIRIAL * BAR)
    assert not mixed.atoms[-1, 1:].any()


def test_overlay_adds_two_models(tmp_path: Path) -> None:
    """hybrid/overlay of the model with itself doubles every force and stress."""
    standard(tmp_path)
    alone = run(tmp_path, simple())
    overlay = """
pair_style hybrid/overlay nepforge nep.txt nepforge nep.txt
pair_coeff * * nepforge 1 Si O
pair_coeff * * nepforge 2 Si O
"""
    doubled = run(tmp_path, PREAMBLE + overlay + REPORT.format(steps=0))
    assert doubled.status == 0, doubled.text
    np.testing.assert_allclose(
        doubled.atoms[:, 1:], 2 * alone.atoms[:, 1:], rtol=1.0e-9, atol=EXACT_FORCE
    )
    assert doubled.value("pxx") == pytest.approx(2 * alone.value("pxx"), rel=1.0e-9)


def test_nve_conserves_energy(tmp_path: Path) -> None:
    """Forces that are not the gradient of the energy would heat or cool the system."""
    standard(tmp_path)
    script = (
        PREAMBLE + "replicate 2 2 2\n" + PAIR.format(species="Si O")
        + "min_modify norm max\nminimize 0 1.0e-3 50 100\nreset_timestep 0\ntimestep 0.0005\n"
        + "velocity all create 200 7 loop geom\nfix 1 all nve\nthermo 20\n"
        + "thermo_style custom step etotal\nthermo_modify format float %.12g\nrun 200\n"
    )  # fmt: skip
    output = run(tmp_path, script)
    assert output.status == 0, output.text
    tail = output.text.rsplit("Step ", maxsplit=1)[1].splitlines()[1:]
    energies = [float(line.split()[1]) for line in tail if len(line.split()) == 2][:11]
    assert len(energies) == 11
    assert np.ptp(energies) / 64 < 2.0e-5  # eV/atom


def test_energy_minimum_with_a_changing_box(tmp_path: Path) -> None:
    """fix box/relax lowers the energy: virial and energy belong together."""
    standard(tmp_path)
    script = (
        PREAMBLE + PAIR.format(species="Si O") + "fix 1 all box/relax tri 0.0 vmax 0.001\n"
        + "min_modify line quadratic\nminimize 0 1.0e-4 20 100\n"
    )  # fmt: skip
    output = run(tmp_path, script)
    assert output.status == 0, output.text
    first, _, last = output.text.split("Energy initial, next-to-last, final =")[1].split()[:3]
    assert float(last) < float(first)


SCRIPT = PREAMBLE + PAIR.format(species="Si O")
REFUSED = {
    "units": (SCRIPT.replace("metal", "real") + "run 0\n", "found units real, expected units m"),
    "newton": (SCRIPT.replace("newton on", "newton off") + "run 0\n", "expected newton on"),
    "no model": (SCRIPT.replace("nep.txt", ""), "found no model file, expected one or more"),
    "absent model": (SCRIPT.replace("nep.txt", "no.txt"), "no.txt: found no file that can be read"),
    "broken model": (SCRIPT.replace("nep.txt", "cut.txt"), "cut.txt:41: found 34 numbers after"),
    "too few": (PREAMBLE + PAIR.format(species="Si"), "a species or NULL for each of the 2 atom"),
    "pairs": (SCRIPT.replace("* *", "1 2"), r"must start with \* \* for pair style nepforge"),
    "unknown": (PREAMBLE + PAIR.format(species="Si C"), "names 'C', the model knows Si O"),
    "all NULL": (PREAMBLE + PAIR.format(species="NULL NULL"), "pair_coeff maps no atom type"),
    "one NULL": (PREAMBLE + PAIR.format(species="Si NULL") + "run 0\n", "pair coeffs are not set"),
    "pair_write": (SCRIPT + "pair_write 1 1 10 r 1 2 f x\n", "does not support pair_write"),
    "pwmlff": (SCRIPT.replace("nepforge nep", "pwmlff 2 nep"), "expected 'N MODEL...'"),
    "pwmlff, more models": (
        SCRIPT.replace("nepforge nep", "pwmlff 1 nep.txt nep"), "found 2 models before the keywords"
    ),
    "pwmlff, fewer models": (
        SCRIPT.replace("nepforge nep.txt", "pwmlff 3 nep.txt nep.txt out_freq 1 out_file d"),
        "found 2 models before the keywords, the number says 3",
    ),
    "precision": (SCRIPT.replace("p.txt", "p.txt precision half"), "expected double or mixed"),
    "keyword": (SCRIPT.replace("p.txt", "p.txt precision mixed a b"), "found 'a' after the key"),
    "no value": (SCRIPT.replace("p.txt", "p.txt precision"), "nothing follows the keyword prec"),
    "no second": (SCRIPT.replace("p.txt", "p.txt out_freq 5"), "compare several models, found one"),
    "no output": (SCRIPT.replace("p.txt", "p.txt nep.txt"), "found 2 models"),
    "no folder": (SCRIPT.replace("p.txt", "p.txt nep.txt out_freq 1 out_file no/no"),
                  "out_file no/no cannot be written"),
    "respa": (SCRIPT + "run_style respa 2 2 pair 1\nrun 0\n", "found run_style respa"),
    "coincident": (SCRIPT + "set atom 2 x 1.0 y 1.0 z 1.0\nset atom 1 x 1.0 y 1.0 z 1.0\nrun 0\n",
                   "the energy of atom [12] is not finite at step 0"),
}  # fmt: skip


@pytest.mark.parametrize(("script", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_misuse_is_refused_with_a_sentence(script: str, words: str, tmp_path: Path) -> None:
    """LAMMPS ends with an error that says what was found and what was expected."""
    standard(tmp_path)
    cut = (tmp_path / "nep.txt").read_text().splitlines()[:40]
    (tmp_path / "cut.txt").write_text("\n".join(cut) + "\n")
    output = run(tmp_path, script)
    assert output.status != 0
    errors = [line for line in output.text.splitlines() if "ERROR" in line]
    assert errors
    assert re.search(words, " ".join(errors)), output.text


def test_a_broken_model_ends_all_ranks(tmp_path: Path) -> None:
    """The ranks fail together: no process is left waiting for another."""
    standard(tmp_path)
    (tmp_path / "nep.txt").write_text("nep4 2 Si O\n")
    output = run(tmp_path, simple(), ranks=2)
    assert output.status != 0
    assert "nep.txt:2: the file ends here" in output.text


def test_golden_cell_runs_in_lammps(shared: Path, tmp_path: Path) -> None:
    """The 96-atom HfO2 cell and its model, types in the order of the data file."""
    models = shared / "data" / "models"
    for name in ("hfo2_nep_to_lmps.txt", "hfo2_96.lmp"):
        (tmp_path / name).write_bytes((models / name).read_bytes())
    script = simple("Hf O").replace("nep.txt", "hfo2_nep_to_lmps.txt")
    output = run(tmp_path, script.replace("data.lmp", "hfo2_96.lmp"))
    rows = np.loadtxt(models / "hfo2_96.lmp", skiprows=9)
    cell = [[10.1048401831, 0, 0], [0, 10.2807, 0], [-1.7274452626, 0, 10.2752045831]]
    expected = NativeModel(models / "hfo2_nep_to_lmps.txt").evaluate(
        np.where(rows[:, 1] == 1, 72, 8), rows[:, 2:5], np.array(cell)
    )
    assert output.value("energy") == pytest.approx(expected.energies.sum(), abs=1.0e-8)
    np.testing.assert_allclose(output.atoms[:, 1:4], expected.forces, atol=EXACT_FORCE)


assert SPECIES == ("Si", "O")  # the scripts above name them
