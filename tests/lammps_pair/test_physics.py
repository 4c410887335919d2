"""What users compute with the pair style: elastic constants, phonons, heat flux, long runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase
import ase.build
import numpy as np
import pytest
from attrs import frozen

from nepforge.data.frame import FloatArray
from tests.lammps_pair.running import PAIR, PREAMBLE, Output, run, standard, types_of, write_data
from tests.nep_files import KINDS, NUMBERS, NepFile, Structure, random_structure

pytestmark = pytest.mark.lammps

BAR = 1.6021765e6  # of 1 eV/Å³, LAMMPS's own factor in units metal
MASS = 20.0  # amu, of PREAMBLE
EV_PS2_PER_AMU_A2 = 1.0364269656262175e-4
ROUNDING = 1.0e-8  # relative; a difference of two forces or stresses loses some digits

STRAIN = 1.0e-3
DISPLACEMENT = 1.0e-3  # Å
PHONON_MASS = 1.0e-3  # amu: LAMMPS prints the matrix with eight decimals
PHONON_DIGITS = 2.0e-8  # eV/Å²/amu


@frozen
class Crystal:
    """A cubic cell of eight atoms and a random model of its elements."""

    atoms: ase.Atoms
    model: NepFile

    @property
    def structure(self) -> Structure:
        return as_structure(self.atoms)

    @property
    def types(self) -> list[int]:
        """LAMMPS types, in the order of the model's species."""
        return [self.model.species.index(symbol) + 1 for symbol in self.atoms.symbols]

    @property
    def pair(self) -> str:
        return PAIR.format(species=" ".join(self.model.species))


CRYSTALS = {
    "Si": Crystal(
        ase.build.bulk("Si", "diamond", 5.43, cubic=True),
        NepFile(species=("Si",), cutoff="5.0 4.0"),
    ),
    "PbTe": Crystal(
        ase.build.bulk("PbTe", "rocksalt", 6.46, cubic=True),
        NepFile("nep4_zbl", species=("Pb", "Te"), cutoff="6.0 5.0", zbl="1.0 2.0"),
    ),
}


def as_structure(atoms: ase.Atoms) -> Structure:
    return Structure(atoms.numbers, atoms.positions, atoms.cell.array)


def nep_cpu(folder: Path) -> Any:
    """The model of the folder in NEP_CPU, a code of others, as a calculator of ASE."""
    from calorine.calculators import CPUNEP  # noqa: PLC0415 - it takes a second

    return CPUNEP(str(folder / "nep.txt"))


def strained(atoms: ase.Atoms) -> list[ase.Atoms]:
    """The cell with each of six strains, forward and back; it stays lower triangular."""
    cells = []
    for row, column in ((0, 0), (1, 1), (2, 2), (2, 1), (2, 0), (1, 0)):
        for sign in (1.0, -1.0):
            strain = np.eye(3)
            strain[row, column] += sign * STRAIN
            copy = atoms.copy()
            copy.set_cell(atoms.cell.array @ strain, scale_atoms=True)
            cells.append(copy)
    return cells


def elastic_constants(stresses: FloatArray) -> FloatArray:
    """dstress/dstrain, [6, 6], by central differences of the stresses of `strained`, [12, 6]."""
    return (stresses[0::2] - stresses[1::2]) / (2.0 * STRAIN)


def numbers_after(name: str, output: Output) -> FloatArray:
    """Rows of numbers that the script printed as `name = value value ...`."""
    lines = [line for line in output.text.splitlines() if line.startswith(f"{name} = ")]
    return np.array([line.split()[2:] for line in lines], dtype=float)


@pytest.mark.parametrize("name", CRYSTALS)
def test_elastic_constants_equal_those_of_nep_cpu(name: str, tmp_path: Path) -> None:
    """All 36, from the pressure in LAMMPS and from the stress in ASE."""
    crystal = CRYSTALS[name]
    crystal.model.write(tmp_path / "nep.txt")
    names = ("pxx", "pyy", "pzz", "pyz", "pxz", "pxy")
    script, expected = "", []
    for number, atoms in enumerate(strained(crystal.atoms)):
        path = tmp_path / f"{number}.lmp"
        write_data(path, as_structure(atoms), crystal.types, len(crystal.model.species))
        script += "clear\n" + PREAMBLE.replace("data.lmp", path.name) + crystal.pair
        script += f"thermo_style custom step {' '.join(names)}\nrun 0\n"
        script += f'print "pressure = {" ".join(f"$({name}:%.17g)" for name in names)}"\n'
        atoms.calc = nep_cpu(tmp_path)
        expected.append(atoms.get_stress())
    stresses = -numbers_after("pressure", run(tmp_path, script)) / BAR
    constants = elastic_constants(np.array(expected))
    largest = float(np.abs(constants).max())
    assert largest > 0.01  # eV/Å³
    np.testing.assert_allclose(elastic_constants(stresses), constants, atol=ROUNDING * largest)


@pytest.mark.parametrize("name", CRYSTALS)
def test_phonons_equal_those_of_nep_cpu(name: str, tmp_path: Path) -> None:
    """The dynamical matrix of LAMMPS, and that of the same displacements in ASE."""
    crystal = CRYSTALS[name]
    crystal.model.write(tmp_path / "nep.txt")
    write_data(tmp_path / "data.lmp", crystal.structure, crystal.types, len(crystal.model.species))
    script = f"""atom_modify map yes
{PREAMBLE}
mass * {PHONON_MASS}
{crystal.pair}
dynamical_matrix all regular {DISPLACEMENT} file matrix
"""
    output = run(tmp_path, script)
    assert output.status == 0, output.text
    found = np.loadtxt(tmp_path / "matrix").reshape(24, 24)
    atoms = crystal.atoms.copy()
    atoms.calc = nep_cpu(tmp_path)

    def forces(idx: int, distance: float) -> FloatArray:
        atoms.positions = crystal.atoms.positions
        atoms.positions[idx // 3, idx % 3] += distance
        return np.array(atoms.get_forces().ravel())

    rows = [forces(idx, -DISPLACEMENT) - forces(idx, DISPLACEMENT) for idx in range(24)]
    expected = np.array(rows) / (2.0 * DISPLACEMENT * PHONON_MASS)
    assert np.abs(expected).max() > 100.0
    np.testing.assert_allclose(found, expected, atol=PHONON_DIGITS)


FLUX = """
compute kinetic all ke/atom
compute potential all pe/atom
compute stress all {kind}/atom NULL virial
compute flux all heat/flux kinetic potential stress
thermo_style custom step etotal c_flux[1] c_flux[2] c_flux[3]
run 0
print "flux = $(c_flux[1]:%.17g) $(c_flux[2]:%.17g) $(c_flux[3]:%.17g)"
print "energy = $(etotal:%.17g)"
write_dump all custom dump id x y z vx vy vz fx fy fz modify sort id format float %.17g
"""


def test_heat_flux_is_the_rate_of_the_moment_of_the_energy(tmp_path: Path) -> None:
    """J = d/dt sum_i r_i E_i (eV Å/ps) of a cluster in vacuum, atomic energies by NEP_CPU."""
    KINDS["nep4"].write(tmp_path / "nep.txt")
    made = random_structure()
    cluster = Structure(made.numbers, made.positions + 20.0, 45.0 * np.eye(3))
    write_data(tmp_path / "data.lmp", cluster, types_of(cluster, NUMBERS), 2)
    script = PREAMBLE + PAIR.format(species="Si O") + "velocity all create 300 7 loop geom\n"
    output = run(tmp_path, script + FLUX.format(kind="centroid/stress"))
    positions, velocities, forces = np.split(output.atoms[:, 1:], 3, axis=1)
    atoms = ase.Atoms(cluster.numbers, positions, cell=cluster.cell, pbc=True)
    atoms.calc = nep_cpu(tmp_path)

    def potential(time: float) -> FloatArray:
        atoms.positions = positions + time * velocities
        return np.array(atoms.get_potential_energies())

    step = 1.0e-5  # ps
    power = (forces * velocities).sum(axis=1)  # rate of the kinetic energy
    rate = (potential(step) - potential(-step)) / (2.0 * step) + power
    energies = potential(0.0) + 0.5 * MASS * EV_PS2_PER_AMU_A2 * (velocities**2).sum(axis=1)
    expected = energies @ velocities + rate @ positions
    assert np.abs(expected).max() > 1.0
    np.testing.assert_allclose(numbers_after("flux", output)[0], expected, rtol=1.0e-6)


@pytest.mark.parametrize("kind", ["stress", "centroid/stress"])
def test_heat_flux_of_one_velocity_carries_energy_and_virial(kind: str, tmp_path: Path) -> None:
    """All atoms of a periodic cell with velocity v: J = (E + W) v, W of the whole by NEP_CPU."""
    structure = standard(tmp_path)
    velocity = np.array([1.0, -2.0, 0.5])
    script = PREAMBLE + PAIR.format(species="Si O") + "velocity all set 1.0 -2.0 0.5\n"
    output = run(tmp_path, script + FLUX.format(kind=kind))
    atoms = ase.Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=True)
    atoms.calc = nep_cpu(tmp_path)
    virial = -atoms.get_stress(voigt=False) * atoms.get_volume()
    expected = output.value("energy") * velocity + virial @ velocity
    np.testing.assert_allclose(numbers_after("flux", output)[0], expected, rtol=1.0e-6)


@pytest.mark.parametrize(("ranks", "threads"), [(1, 1), (2, 1), (1, 2)])
def test_a_restarted_run_equals_a_straight_one(ranks: int, threads: int, tmp_path: Path) -> None:
    """To rounding, not bit for bit: a restart may order the atoms anew, and with them the sums."""
    standard(tmp_path, "zbl")
    pair = PAIR.format(species="Si O") + "fix 1 all nve\nneigh_modify every 5 delay 0 check no\n"
    dump = (
        "write_dump all custom dump id x y z vx vy vz fx fy fz modify sort id format float %.17g\n"
    )
    start = PREAMBLE + "replicate 2 2 2\nvelocity all create 300 7 loop geom\n"
    straight = run(tmp_path, start + pair + "restart 20 restart.*\nrun 40\n" + dump, ranks, threads)
    restarted = run(
        tmp_path, "newton on\nread_restart restart.20\n" + pair + "run 20\n" + dump, ranks, threads
    )
    assert straight.status == restarted.status == 0, straight.text + restarted.text
    np.testing.assert_allclose(restarted.atoms, straight.atoms, atol=1.0e-10)


HFO2 = """
units metal
atom_style atomic
newton on
read_data hfo2_96.lmp
mass 1 178.49
mass 2 15.999
pair_style nepforge hfo2_nep_to_lmps.txt precision {precision}
pair_coeff * * Hf O
fix relax all box/relax tri 0.0 vmax 0.001
minimize 0 1.0e-3 300 1000
unfix relax
reset_timestep 0
timestep 0.002
thermo {every}
thermo_style custom step time etotal temp press density
thermo_modify format float %.12g
run 0
velocity all create 600 7 loop geom
"""


def hfo2(folder: Path, shared: Path, script: str) -> FloatArray:
    """Thermodynamic output of the last run of the 96 atoms: rows of step, time, energy, ..."""
    for name in ("hfo2_nep_to_lmps.txt", "hfo2_96.lmp"):
        (folder / name).write_bytes((shared / "data" / "models" / name).read_bytes())
    output = run(folder, script, time_limit=240.0)
    assert output.status == 0, output.text
    table = output.text.rsplit("Step ", maxsplit=1)[1].split("Loop time")[0]
    return np.array([line.split() for line in table.splitlines()[1:]], dtype=float)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["double", "mixed"])
def test_energy_of_100_ps_does_not_drift(precision: str, shared: Path, tmp_path: Path) -> None:
    """Below 0.1 meV/atom, 0.3 % of the thermal energy 3/2 kT of 39 meV at 300 K, steps of 2 fs.

    A force that is not the gradient of the energy by d does work of order d times the path, about
    1 Å/ps for a thermal atom: with d = 1e-4 eV/Å up to 10 meV in that time.
    """
    script = HFO2.format(precision=precision, every=1000) + "fix 1 all nve\nrun 50000\n"
    rows = hfo2(tmp_path, shared, script)
    assert rows[-1, 1] == pytest.approx(100.0)
    settled = rows[1:]  # the first 2 ps turn half of the kinetic energy into potential energy
    slope = np.polyfit(settled[:, 1], settled[:, 2] / 96, 1)[0]
    assert settled[:, 3].mean() == pytest.approx(300.0, rel=0.1)
    assert abs(100.0 * slope) < 1.0e-4  # eV/atom


def test_density_at_zero_pressure_is_that_of_the_relaxed_crystal(
    shared: Path, tmp_path: Path
) -> None:
    """npt for 5 ps at 300 K: lighter by thermal expansion, by less than 2 %; no pressure left."""
    script = HFO2.format(precision="mixed", every=20)
    npt = "fix 1 all npt temp 300 300 0.1 tri 0 0 1.0\nrun 2500\n"
    relaxed = hfo2(tmp_path, shared, script)
    late = hfo2(tmp_path, shared, script + npt)[62:].mean(axis=0)
    assert relaxed[0, 5] == pytest.approx(10.0, abs=0.3)  # g/cm³, of monoclinic HfO2
    assert 0.98 * relaxed[0, 5] < late[5] < relaxed[0, 5]
    assert abs(late[4]) < 5.0e3  # bar; it fluctuates by 14000
