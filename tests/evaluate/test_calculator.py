"""nepforge.Calculator inside ASE: dynamics, relaxation, phonons, every kind of boundary, copies."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import ase
import ase.units
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.filters import FrechetCellFilter
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS
from ase.phonons import Phonons

import nepforge
from nepforge.errors import DataError, ModelFileError
from nepforge.formats.open_model import open_nep
from nepforge.formats.potential_file import write_potential
from tests.nep_files import KINDS, random_structure

EXACT = 1.0e-10
DRIFT = 2.0e-5  # eV/atom over the run of a velocity Verlet at 0.5 fs
STEP = 1.0e-4  # Å, central differences


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return KINDS["zbl"].write(tmp_path / "nep.txt")


def random_atoms(seed: int = 1, repeat: int = 1) -> ase.Atoms:
    structure = random_structure(seed)
    atoms = ase.Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=True)
    return atoms.repeat(repeat)


def test_importing_nepforge_imports_no_ase() -> None:
    """The name is there without the cost of the import."""
    assert "Calculator" in nepforge.__all__
    with pytest.raises(AttributeError, match="no attribute"):
        nepforge.Calculators  # type: ignore[attr-defined] # noqa: B018


def test_forces_and_stress_are_derivatives_of_the_energy(path: Path) -> None:
    """ASE's own finite differences agree; energies add up to the energy."""
    atoms = random_atoms()
    atoms.calc = nepforge.Calculator(path)
    scale = float(np.abs(atoms.get_forces()).max())
    assert atoms.get_potential_energies().sum() == pytest.approx(atoms.get_potential_energy())
    numeric = calculate_numerical_forces(atoms, eps=STEP)
    np.testing.assert_allclose(atoms.get_forces(), numeric, atol=1e-5 * scale)
    numeric = calculate_numerical_stress(atoms, eps=STEP)
    np.testing.assert_allclose(atoms.get_stress(), numeric, atol=1e-5 * scale)


def test_stresses_are_shares_of_the_stress(path: Path) -> None:
    """Their sum is the stress; they are computed on request, with all the rest."""
    atoms = random_atoms(repeat=2)
    atoms.calc = nepforge.Calculator(path, threads=2, skin=0.5)
    stress = atoms.get_stress()
    assert "stresses" not in atoms.calc.results
    stresses = atoms.get_stresses()
    assert stresses.shape == (len(atoms), 6)
    scale = float(np.abs(stresses).max())
    np.testing.assert_allclose(stresses.sum(axis=0), stress, rtol=0, atol=EXACT * scale)
    atoms.positions[0, 0] += 0.05
    moved = atoms.get_stresses()
    assert np.abs(moved - stresses).max() > 0.0
    np.testing.assert_allclose(moved.sum(axis=0), atoms.get_stress(), rtol=0, atol=EXACT * scale)


def test_stresses_are_the_atomic_virials_of_calorine(path: Path) -> None:
    """Which it calls stresses: W/V with nine components, of the other sign than its stress."""
    calculators = pytest.importorskip("calorine.calculators", reason="calorine is not installed")
    found, expected = random_atoms(repeat=2), random_atoms(repeat=2)
    found.calc, expected.calc = nepforge.Calculator(path), calculators.CPUNEP(str(path))
    virials = expected.calc.get_property("stresses", expected).reshape(-1, 3, 3)
    symmetric = -(virials + virials.swapaxes(1, 2)) / 2
    np.testing.assert_allclose(found.get_stresses(voigt=False), symmetric, rtol=0, atol=1e-10)
    np.testing.assert_allclose(symmetric.sum(axis=0), expected.get_stress(voigt=False), atol=1e-10)


def test_stresses_of_a_pair_are_slopes_of_the_energy_of_the_other(path: Path) -> None:
    """Two atoms along x: -r dU_1/dr is the virial of atom 2, and the other way around."""
    atoms = ase.Atoms("SiO", [[0, 0, 0], [1.8, 0, 0]], cell=[20, 20, 20], pbc=True)
    atoms.calc = nepforge.Calculator(path)
    stresses = atoms.get_stresses()
    energies = []
    for distance in (1.8 + STEP, 1.8 - STEP):
        atoms.positions[1, 0] = distance
        energies.append(atoms.get_potential_energies())
    slopes = (energies[0] - energies[1]) / (2 * STEP)
    np.testing.assert_allclose(stresses[:, 0], 1.8 * slopes[::-1] / 20**3, rtol=1e-6)
    assert stresses[0, 0] != stresses[1, 0]
    np.testing.assert_array_equal(stresses[:, 1:], 0.0)


def test_stresses_follow_the_atoms(path: Path) -> None:
    """Permuted, moved into other images and turned, each atom keeps its own."""
    atoms = random_atoms(3)
    order = np.random.default_rng(1).permutation(len(atoms))
    turned = atoms[order]
    turned.positions += np.random.default_rng(2).integers(-2, 3, (len(atoms), 3)) @ atoms.cell.array
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turned.set_cell(turned.cell.array @ rotation)
    turned.positions = turned.positions @ rotation
    for each in (atoms, turned):
        each.calc = nepforge.Calculator(path)
    expected = rotation.T @ atoms.get_stresses(voigt=False)[order] @ rotation
    scale = float(np.abs(expected).max())
    np.testing.assert_allclose(turned.get_stresses(voigt=False), expected, atol=EXACT * scale)


def test_atoms_of_a_perfect_crystal_have_equal_stresses(path: Path) -> None:
    """Each has its share of the stress."""
    atoms = bulk("Si", "diamond", a=5.2, cubic=True).repeat(2)
    atoms.calc = nepforge.Calculator(path)
    expected = np.tile(atoms.get_stress() / len(atoms), (len(atoms), 1))
    scale = float(np.abs(expected).max())
    np.testing.assert_allclose(atoms.get_stresses(), expected, rtol=0, atol=EXACT * scale)


def test_a_slab_has_stresses_and_a_molecule_has_none(path: Path) -> None:
    """They need only a volume."""
    atoms = random_atoms(2)
    atoms.pbc = (True, True, False)
    atoms.calc = nepforge.Calculator(path)
    np.testing.assert_allclose(atoms.get_stresses().sum(axis=0), atoms.get_stress(), rtol=1e-9)
    molecule = ase.Atoms("SiO2", [[0, 0, 0], [1.6, 0, 0], [0, 1.7, 0]])
    molecule.calc = nepforge.Calculator(path)
    with pytest.raises(PropertyNotImplementedError):
        molecule.get_stresses()


def test_calorine_gives_the_same_numbers(path: Path) -> None:
    """Energy, forces and stress of the reference code, periodic."""
    calculators = pytest.importorskip("calorine.calculators", reason="calorine is not installed")
    found, expected = random_atoms(repeat=2), random_atoms(repeat=2)
    found.calc, expected.calc = nepforge.Calculator(path), calculators.CPUNEP(str(path))
    assert found.get_potential_energy() == pytest.approx(expected.get_potential_energy(), abs=1e-9)
    np.testing.assert_allclose(found.get_forces(), expected.get_forces(), rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.get_stress(), expected.get_stress(), rtol=0, atol=1e-8)


@pytest.mark.parametrize("pbc", [(True, True, False), (False, True, False), (False,) * 3])
def test_open_directions_have_no_images(path: Path, pbc: tuple[bool, bool, bool]) -> None:
    """Slab, wire and cluster give what a periodic cell with a vacuum in these directions gives."""
    open_atoms = random_atoms(2)
    open_atoms.pbc = pbc
    vacuum = open_atoms.copy()
    vacuum.pbc = True
    vacuum.set_cell(open_atoms.cell.array * np.where(pbc, 1.0, 10.0)[:, None])
    for atoms in (open_atoms, vacuum):
        atoms.calc = nepforge.Calculator(path)
    np.testing.assert_allclose(open_atoms.get_forces(), vacuum.get_forces(), rtol=0, atol=EXACT)
    assert open_atoms.get_potential_energy() == pytest.approx(
        vacuum.get_potential_energy(), abs=EXACT
    )


def test_a_molecule_without_a_cell_has_no_stress(path: Path) -> None:
    """Energy and forces are there; a stress needs a volume."""
    atoms = ase.Atoms("SiO2", [[0, 0, 0], [1.6, 0, 0], [0, 1.7, 0]], calculator=None)
    atoms.calc = nepforge.Calculator(path)
    assert atoms.get_forces().sum(axis=0) == pytest.approx(np.zeros(3), abs=EXACT)
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()


def test_constant_energy_dynamics_conserves_energy(path: Path) -> None:
    """Velocity Verlet through many kept and renewed neighbour lists."""
    atoms = relaxed(path)
    thermal = np.sqrt(ase.units.kB * 300.0 * atoms.get_masses())[:, None]
    atoms.set_momenta(thermal * np.random.default_rng(1).normal(size=(len(atoms), 3)))
    start = atoms.get_total_energy()
    VelocityVerlet(atoms, 0.5 * ase.units.fs).run(100)
    assert abs(atoms.get_total_energy() - start) / len(atoms) < DRIFT
    fresh = atoms.copy()
    fresh.calc = nepforge.Calculator(path, skin=0.0)
    np.testing.assert_allclose(atoms.get_forces(), fresh.get_forces(), rtol=0, atol=1e-9)


def test_relaxation_of_atoms_and_cell_ends_without_force_and_stress(path: Path) -> None:
    """BFGS with ASE's cell filter, which strains the cell at every step."""
    atoms = relaxed(path)
    assert np.abs(atoms.get_forces()).max() < 0.02
    assert np.abs(atoms.get_stress()).max() * atoms.get_volume() < 0.1


def relaxed(path: Path) -> ase.Atoms:
    atoms = random_atoms(4)
    atoms.calc = nepforge.Calculator(path)
    with BFGS(FrechetCellFilter(atoms), logfile=None, maxstep=0.05) as optimizer:
        assert optimizer.run(fmax=0.01, steps=400)
    return atoms


def test_phonons_are_those_of_calorine(path: Path, tmp_path: Path) -> None:
    """ASE's finite displacements: the same force constants, which obey Newton's third law."""
    calculators = pytest.importorskip("calorine.calculators", reason="calorine is not installed")
    constants = []
    for calculator in (nepforge.Calculator(path), calculators.CPUNEP(str(path))):
        folder = tmp_path / type(calculator).__name__
        phonons = Phonons(random_atoms(), calculator, supercell=(1, 1, 2), delta=0.01, name=folder)
        phonons.run()
        phonons.read()
        constants.append(phonons.get_force_constant())
    scale = float(np.abs(constants[1]).max())
    np.testing.assert_allclose(constants[0], constants[1], rtol=0, atol=1e-6 * scale)
    at_gamma = constants[0].sum(axis=0)
    np.testing.assert_allclose(at_gamma, at_gamma.T, rtol=0, atol=1e-3 * scale)


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
def test_copies_give_the_same_numbers_without_the_file(path: Path, duplicate: object) -> None:
    """Even after the model file is gone; settings are kept."""
    calculator = nepforge.Calculator(path, threads=2, skin=0.5)
    atoms = random_atoms()
    atoms.calc = calculator
    forces = atoms.get_forces()
    path.unlink()
    twin = duplicate(calculator)  # type: ignore[operator]
    assert (twin.threads, twin.skin, twin.species) == (2, 0.5, ("Si", "O"))
    atoms.calc = twin
    np.testing.assert_array_equal(atoms.get_forces(), forces)


@pytest.mark.parametrize("kind", ["nep3", "nep5", "bias per species", "type-wise cutoffs"])
def test_a_checkpoint_and_its_text_are_the_same_model(kind: str, tmp_path: Path) -> None:
    """Every layout is accepted; nep_model.ckpt needs no export."""
    path = KINDS[kind].write(tmp_path / "nep.txt")
    write_potential(tmp_path / "nep_model.ckpt", open_nep(path).trained)
    energies = []
    for model in (path, tmp_path / "nep_model.ckpt"):
        atoms = random_atoms()
        atoms.calc = nepforge.Calculator(model)
        energies.append(atoms.get_potential_energy())
    assert energies[0] == pytest.approx(energies[1], abs=EXACT)


def test_bad_models_and_structures_are_refused(path: Path, tmp_path: Path) -> None:
    """With the file or the atom in the message."""
    with pytest.raises(ModelFileError, match="absent"):
        nepforge.Calculator(tmp_path / "absent.txt")
    (tmp_path / "bad.txt").write_bytes(b"nep4 1 Si\0")
    with pytest.raises(ModelFileError, match=r"bad\.txt:1"):
        nepforge.Calculator(tmp_path / "bad.txt")
    atoms = ase.Atoms("C", cell=[5, 5, 5], pbc=True)
    atoms.calc = nepforge.Calculator(path)
    with pytest.raises(DataError, match="atom 0 is C"):
        atoms.get_potential_energy()


@pytest.mark.parametrize("change", ["positions", "numbers", "cell", "pbc"])
def test_every_change_of_the_structure_is_noticed(path: Path, change: str) -> None:
    """What a NEP ignores does not count as a change."""
    atoms = random_atoms()
    atoms.calc = nepforge.Calculator(path)
    before = atoms.get_forces()
    atoms.set_initial_charges(np.ones(len(atoms)))
    assert atoms.calc.check_state(atoms) == []
    if change == "positions":
        atoms.positions[0, 0] += 1e-9
    elif change == "numbers":
        atoms.numbers = atoms.numbers[::-1]
    elif change == "cell":
        atoms.set_cell(atoms.cell.array * 1.01)
    else:
        atoms.pbc = (True, True, False)
    assert atoms.calc.check_state(atoms) == [change]
    assert np.abs(atoms.get_forces() - before).max() > 0.0
