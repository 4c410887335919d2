"""The C++ core called from Python: derivatives, invariances, golden files, refused structures."""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.data import atomic_numbers

from nepforge.data.frame import FloatArray
from nepforge.errors import DataError, ModelFileError, NepforgeError
from nepforge.models.nep.native import NativeModel, NativeResult, instruction_sets
from tests.nep_files import KINDS, NUMBERS, NepFile, Structure, random_structure
from tests.potential_table import POTENTIALS

STEP = 1.0e-4  # Å or strain, central differences
DERIVATIVE_TOLERANCE = 2.0e-6  # of central differences with that step, values of the order of one
EXACT = 1.0e-11  # of two ways to the same sum
GOLDEN_ENERGY, GOLDEN_FORCE = 1.0e-9, 1.0e-8  # eV, eV/Å
GOLDEN_VIRIAL = 1.0e-8  # eV
WRITTEN_DIGITS = 2.0e-6  # of golden_nep3_nep5.xyz: positions have 8 decimals, forces reach 100 eV/Å


MANY_SPECIES = (
    "5 species, l_max 4 1 1 1 1 1 1",
    "8 species, l_max 6 2 0",
    "16 species, l_max 8 2 1",
)
MODELS = KINDS | {name: POTENTIALS[name] for name in MANY_SPECIES}


@pytest.fixture(params=MODELS.values(), ids=MODELS.keys())
def kind(request: pytest.FixtureRequest) -> NepFile:
    return request.param


@pytest.fixture
def model(kind: NepFile, tmp_path: Path) -> NativeModel:
    return NativeModel(kind.write(tmp_path / "nep.txt"))


def structure_for(kind: NepFile, seed: int = 1) -> Structure:
    return random_structure(seed, species=tuple(atomic_numbers[s] for s in kind.species[-8:]))


def evaluate(model: NativeModel, structure: Structure) -> NativeResult:
    return model.evaluate(structure.numbers, structure.positions, structure.cell)


def energy(model: NativeModel, structure: Structure, positions: FloatArray) -> float:
    result = model.evaluate(structure.numbers, positions, structure.cell)
    return float(result.energies.sum())


def test_forces_are_minus_energy_gradient(model: NativeModel, kind: NepFile) -> None:
    """Every component of the forces equals central differences of the energy."""
    structure = structure_for(kind)
    forces = evaluate(model, structure).forces
    assert np.abs(forces).max() > 1.0e-3
    for atom in range(0, len(structure.numbers), 3):
        for axis in range(3):
            shift = np.zeros_like(structure.positions)
            shift[atom, axis] = STEP
            upper = energy(model, structure, structure.positions + shift)
            lower = energy(model, structure, structure.positions - shift)
            slope = (upper - lower) / (2 * STEP)
            scale = max(1.0, float(np.abs(forces).max()))
            assert forces[atom, axis] == pytest.approx(-slope, abs=DERIVATIVE_TOLERANCE * scale)


def test_virial_is_minus_strain_derivative(model: NativeModel, kind: NepFile) -> None:
    """W_ab = -dU/dstrain_ab when positions and cell are strained together."""
    structure = structure_for(kind)
    virial = evaluate(model, structure).virials.sum(axis=0)
    scale = max(1.0, float(np.abs(virial).max()))
    for a in range(3):
        for b in range(3):
            energies = []
            for sign in (1.0, -1.0):
                deform = np.eye(3)
                deform[a, b] += sign * STEP
                strained = model.evaluate(
                    structure.numbers, structure.positions @ deform, structure.cell @ deform
                )
                energies.append(strained.energies.sum())
            slope = (energies[0] - energies[1]) / (2 * STEP)
            assert virial[a, b] == pytest.approx(-slope, abs=DERIVATIVE_TOLERANCE * scale)


def test_energies_do_not_depend_on_place_or_direction(model: NativeModel, kind: NepFile) -> None:
    """Translated, wrapped differently and rotated, a structure keeps its energies."""
    structure = structure_for(kind)
    original = evaluate(model, structure)
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    images = np.random.default_rng(4).integers(-3, 4, (len(structure.numbers), 3))
    positions = structure.positions + images @ structure.cell + [0.3, -7.0, 11.0]
    moved = model.evaluate(structure.numbers, positions @ rotation, structure.cell @ rotation)
    scale = max(1.0, float(np.abs(original.forces).max()))
    np.testing.assert_allclose(moved.energies, original.energies, atol=EXACT * scale)
    np.testing.assert_allclose(moved.forces, original.forces @ rotation, atol=EXACT * scale)
    expected = rotation.T @ original.virials @ rotation
    np.testing.assert_allclose(moved.virials, expected, atol=10 * EXACT * scale)


def test_order_of_atoms_is_free(model: NativeModel, kind: NepFile) -> None:
    """Permuted atoms get permuted results."""
    structure = structure_for(kind)
    order = np.random.default_rng(5).permutation(len(structure.numbers))
    original = evaluate(model, structure)
    permuted = model.evaluate(structure.numbers[order], structure.positions[order], structure.cell)
    np.testing.assert_allclose(permuted.energies, original.energies[order], atol=EXACT)
    scale = max(1.0, float(np.abs(original.forces).max()))
    np.testing.assert_allclose(permuted.forces, original.forces[order], atol=EXACT * scale)


def test_supercell_repeats_the_cell(model: NativeModel, kind: NepFile) -> None:
    """A 2 x 1 x 3 supercell has the energies, forces and virials of the cell six times."""
    structure = structure_for(kind)
    shifts = [[i, 0, k] for i in range(2) for k in range(3)]
    positions = np.concatenate([structure.positions + s @ structure.cell for s in np.array(shifts)])
    cell = np.diag([2, 1, 3]) @ structure.cell
    original = evaluate(model, structure)
    result = model.evaluate(np.tile(structure.numbers, 6), positions, cell)
    scale = max(1.0, float(np.abs(original.forces).max()))
    np.testing.assert_allclose(result.energies, np.tile(original.energies, 6), atol=EXACT * scale)
    np.testing.assert_allclose(result.forces, np.tile(original.forces, (6, 1)), atol=EXACT * scale)
    np.testing.assert_allclose(
        result.virials, np.tile(original.virials, (6, 1, 1)), atol=10 * EXACT * scale
    )


def test_instruction_sets_agree(kind: NepFile, tmp_path: Path) -> None:
    """Every vector width gives the same numbers to rounding."""
    path = kind.write(tmp_path / "nep.txt")
    structure = structure_for(kind)
    *others, baseline = (
        evaluate(NativeModel(path, name), structure) for name in instruction_sets()
    )
    scale = max(1.0, float(np.abs(baseline.forces).max()))
    for other in others:
        np.testing.assert_allclose(other.energies, baseline.energies, atol=EXACT * scale)
        np.testing.assert_allclose(other.forces, baseline.forces, atol=EXACT * scale)


def test_results_do_not_depend_on_earlier_structures(tmp_path: Path) -> None:
    """Buffers that a larger structure has filled leave no trace in the next one."""
    path = KINDS["every invariant"].write(tmp_path / "nep.txt")
    used, fresh = NativeModel(path), NativeModel(path)
    small = random_structure(2, n_atoms=3)
    evaluate(used, random_structure(1))
    np.testing.assert_array_equal(evaluate(used, small).forces, evaluate(fresh, small).forces)


def test_bias_per_species_shifts_only_energies(tmp_path: Path) -> None:
    """The layout with one bias per species differs from GPUMD's by these biases."""
    file = KINDS["bias per species"]
    lines = file.lines()
    first = len(file.header()) + len(file.species) * (file.n_descriptor + 2) * file.neurons
    biases = [float(line) for line in lines[first : first + 2]]
    common = tmp_path / "common.txt"
    common.write_text("\n".join([*lines[:first], *lines[first + 1 :]]) + "\n")
    structure = random_structure()
    own = evaluate(NativeModel(file.write(tmp_path / "own.txt")), structure)
    shared = evaluate(NativeModel(common), structure)
    shift = np.where(structure.numbers == NUMBERS[0], biases[1] - biases[0], 0.0)
    np.testing.assert_allclose(own.energies, shared.energies + shift, atol=EXACT)
    np.testing.assert_array_equal(own.forces, shared.forces)


@pytest.mark.parametrize("instruction_set", instruction_sets())
def test_golden_nep4(shared: Path, instruction_set: str) -> None:
    """Energies, forces and virials of calorine on 90 structures, ZBL and l_max 8 included."""
    golden = np.load(shared / "golden" / "golden_nep4.npz")
    models: dict[str, NativeModel] = {}
    for key in sorted(name[:4] for name in golden.files if name.endswith("_energy")):
        potential = str(golden[f"{key}potential"])
        if potential not in models:
            models[potential] = NativeModel(shared / "golden" / potential, instruction_set)
        result = models[potential].evaluate(
            *(golden[f"{key}{name}"] for name in ("numbers", "positions", "cell"))
        )
        virial = result.virials.sum(axis=0)
        assert result.energies.sum() == pytest.approx(
            float(golden[f"{key}energy"]), rel=0, abs=GOLDEN_ENERGY
        )
        np.testing.assert_allclose(
            result.energies, golden[f"{key}energies"], rtol=0, atol=GOLDEN_ENERGY
        )
        np.testing.assert_allclose(result.forces, golden[f"{key}forces"], rtol=0, atol=GOLDEN_FORCE)
        np.testing.assert_allclose(virial, golden[f"{key}virial"], atol=GOLDEN_VIRIAL)


def test_golden_nep3_and_nep5(shared: Path) -> None:
    """Energies, forces and virials of NEP_CPU for the versions that calorine refuses."""
    for atoms in ase.io.read(shared / "golden" / "golden_nep3_nep5.xyz", ":"):
        model = NativeModel(shared / "golden" / atoms.info["potential"])
        result = model.evaluate(atoms.numbers, atoms.positions, atoms.cell.array)
        virial = result.virials.sum(axis=0)
        np.testing.assert_allclose(
            result.energies, atoms.arrays["nep_energies"], atol=WRITTEN_DIGITS
        )
        np.testing.assert_allclose(result.forces, atoms.arrays["nep_forces"], atol=WRITTEN_DIGITS)
        np.testing.assert_allclose(virial, atoms.info["nep_virial"], atol=WRITTEN_DIGITS)


def test_calorine_gives_the_same_numbers(tmp_path: Path) -> None:
    """An independent code on a file and a structure of ours."""
    calculators = pytest.importorskip("calorine.calculators")
    path = KINDS["every invariant"].write(tmp_path / "nep.txt")
    structure = random_structure(7)
    atoms = ase.Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=True)
    atoms.calc = calculators.CPUNEP(str(path))
    result = evaluate(NativeModel(path), structure)
    np.testing.assert_allclose(result.forces, atoms.get_forces(), atol=GOLDEN_FORCE)
    assert result.energies.sum() == pytest.approx(atoms.get_potential_energy(), abs=GOLDEN_ENERGY)
    stress = -result.virials.sum(axis=0) / atoms.get_volume()
    np.testing.assert_allclose(stress, atoms.get_stress(voigt=False), atol=GOLDEN_VIRIAL)


def test_free_directions_have_no_images(tmp_path: Path) -> None:
    """A molecule without a cell equals the molecule in a large periodic box."""
    model = NativeModel(KINDS["nep4"].write(tmp_path / "nep.txt"))
    structure = random_structure()
    free = model.evaluate(
        structure.numbers, structure.positions, np.zeros((3, 3)), (False, False, False)
    )
    boxed = model.evaluate(structure.numbers, structure.positions, 40.0 * np.eye(3))
    np.testing.assert_allclose(free.energies, boxed.energies, atol=EXACT)
    np.testing.assert_allclose(free.forces, boxed.forces, atol=EXACT)


def test_a_slab_is_periodic_in_two_directions(tmp_path: Path) -> None:
    """A zero third cell vector of a slab equals a periodic cell with a wide gap."""
    model = NativeModel(KINDS["nep4"].write(tmp_path / "nep.txt"))
    structure = random_structure()
    open_cell, gap = structure.cell.copy(), structure.cell.copy()
    open_cell[2] = 0.0
    gap[2] = [0.0, 0.0, 60.0]
    slab = model.evaluate(structure.numbers, structure.positions, open_cell, (True, True, False))
    periodic = model.evaluate(structure.numbers, structure.positions, gap)
    np.testing.assert_allclose(slab.forces, periodic.forces, atol=EXACT)


def test_far_apart_atoms_need_no_memory(tmp_path: Path) -> None:
    """Two atoms a kilometre apart are two free atoms."""
    model = NativeModel(KINDS["nep4"].write(tmp_path / "nep.txt"))
    far = [[0.0, 0.0, 0.0], [1.0e13, 1.0e13, -1.0e13]]
    result = model.evaluate([14, 8], far, np.zeros((3, 3)), (False, False, False))
    alone = model.evaluate([14], [[0.0, 0.0, 0.0]], np.zeros((3, 3)), (False, False, False))
    assert result.energies[0] == alone.energies[0]
    assert not result.forces.any()


def test_no_atoms_give_no_results(tmp_path: Path) -> None:
    """An empty structure is not an error."""
    model = NativeModel(KINDS["nep4"].write(tmp_path / "nep.txt"))
    result = model.evaluate([], np.zeros((0, 3)), np.eye(3))
    assert result.energies.shape == (0,)


def test_model_tells_what_it_is(tmp_path: Path) -> None:
    """Species in model order and the largest cutoffs."""
    model = NativeModel(KINDS["type-wise cutoffs"].write(tmp_path / "nep.txt"))
    assert model.species == ("Si", "O")
    assert model.cutoff == (5.0, 4.5)


NAN = float("nan")


@pytest.mark.parametrize(
    ("numbers", "positions", "cell", "words"),
    [
        ([14, 6], [[0, 0, 0], [2, 0, 0]], np.eye(3) * 9, "atom 1 is C, the model knows Si O"),
        ([14, 200], [[0, 0, 0], [2, 0, 0]], np.eye(3) * 9, "atom 1 is of atomic number 200"),
        ([14, 8], [[0, 0, 0], [9, 9, 9]], np.eye(3) * 9, "atoms 0 and 1 share a position"),
        ([14, 8], [[0, 0, 0], [NAN, 0, 0]], np.eye(3) * 9, "position of atom 1 is not finite"),
        ([14], [[0, 0, 0]], np.diag([4, 4, 0]), "span no volume"),
        ([14], [[0, 0, 0]], [[1, 2, 3], [2, 4, 6], [0, 0, 1]], "span no volume"),
        ([14], [[0, 0, 0]], np.eye(3) * NAN, "the cell is not finite"),
        ([14, 8], [[0, 0, 0]], np.eye(3) * 9, "found positions of shape"),
    ],
    ids=["species", "no element", "coincident", "nan", "flat", "parallel", "nan cell", "shape"],
)
def test_structures_without_meaning_are_refused(
    numbers: list[int],
    positions: list[list[float]],
    cell: FloatArray,
    words: str,
    tmp_path: Path,
) -> None:
    """Bad input gives a DataError that says which atom and why, never a number."""
    model = NativeModel(KINDS["nep4"].write(tmp_path / "nep.txt"))
    with pytest.raises(DataError, match=words):
        model.evaluate(numbers, positions, cell)


def test_unknown_instruction_set_is_refused(tmp_path: Path) -> None:
    """The name must be one of instruction_sets()."""
    path = KINDS["nep4"].write(tmp_path / "nep.txt")
    with pytest.raises(NepforgeError, match="cannot run instruction set 'mmx'"):
        NativeModel(path, "mmx")


def test_text_in_memory_is_the_same_model(tmp_path: Path) -> None:
    """A model given as text needs no file."""
    file = KINDS["nep4"]
    structure = random_structure(1)
    text = "\n".join(file.lines()) + "\n"
    from_text = NativeModel("memory", content=text.encode())
    from_file = NativeModel(file.write(tmp_path / "nep.txt"))
    np.testing.assert_array_equal(
        evaluate(from_text, structure).forces, evaluate(from_file, structure).forces
    )
    with pytest.raises(ModelFileError, match=r"^memory:1: "):
        NativeModel("memory", content=b"")


def test_virial_of_the_whole_is_the_sum_over_atoms(model: NativeModel, kind: NepFile) -> None:
    """sum r f over atoms and images equals the sum of the virials of pairs."""
    structure = structure_for(kind)
    found = model.evaluate_structure(structure.numbers, structure.positions, structure.cell)
    expected = evaluate(model, structure)
    scale = max(1.0, float(np.abs(expected.virials).max()))
    np.testing.assert_allclose(found.virial, expected.virials.sum(axis=0), atol=EXACT * scale)
    np.testing.assert_array_equal(found.forces, expected.forces)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_threads_do_not_change_the_numbers(tmp_path: Path, n_threads: int) -> None:
    """Atoms shared out over threads give the same energies and, to rounding, forces."""
    native = NativeModel(KINDS["zbl"].write(tmp_path / "nep.txt"))
    structure = random_structure(1)
    shifts = np.array([[i, j, 0] for i in range(2) for j in range(4)]) @ structure.cell
    arguments = (
        np.tile(structure.numbers, 8),
        (structure.positions + shifts[:, None]).reshape(-1, 3),
        np.diag([2, 4, 1]) @ structure.cell,
    )
    one = native.evaluate_structure(*arguments)
    many = native.evaluate_structure(*arguments, n_threads=n_threads)
    scale = max(1.0, float(np.abs(one.forces).max()))
    np.testing.assert_array_equal(many.energies, one.energies)
    np.testing.assert_allclose(many.forces, one.forces, rtol=0, atol=EXACT * scale)
    np.testing.assert_allclose(many.virial, one.virial, rtol=0, atol=10 * EXACT * scale)


def test_a_kept_neighbor_list_is_never_out_of_date(tmp_path: Path) -> None:
    """Small and large moves, other cells and other species: as without a skin."""
    path = KINDS["type-wise cutoffs"].write(tmp_path / "nep.txt")
    with_skin, without = NativeModel(path), NativeModel(path)
    structure = random_structure(3)
    rng = np.random.default_rng(1)
    positions, cell, numbers = structure.positions.copy(), structure.cell, structure.numbers
    for step in range(30):
        positions = positions + rng.normal(0.0, 0.05, positions.shape)
        if step == 10:
            cell = cell * 1.01
        if step == 20:
            numbers = numbers[::-1].copy()
        if step == 25:
            positions = positions + 3 * cell[0]
        kept = with_skin.evaluate_structure(numbers, positions, cell, skin=0.6)
        fresh = without.evaluate_structure(numbers, positions, cell)
        scale = max(1.0, float(np.abs(fresh.forces).max()))
        np.testing.assert_allclose(kept.forces, fresh.forces, rtol=0, atol=EXACT * scale)
        np.testing.assert_allclose(kept.virial, fresh.virial, rtol=0, atol=10 * EXACT * scale)


def test_a_cell_far_thinner_than_the_cutoff_is_refused(tmp_path: Path) -> None:
    """Instead of exhausting the memory."""
    native = NativeModel(KINDS["nep4"].write(tmp_path / "nep.txt"))
    with pytest.raises(DataError, match="far thinner than the cutoff"):
        native.evaluate([14], np.zeros((1, 3)), 1e-3 * np.eye(3))
