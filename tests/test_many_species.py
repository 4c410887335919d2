"""Every evaluator but LAMMPS over the table of potentials and structures: the same numbers.

Models of five and more species take another path through the C++ core than those of fewer; atoms
without neighbours, dimers and cells of one atom are where lists are empty or short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import ase
import attrs
import numpy as np
import pytest
from ase.data import chemical_symbols

from nepforge.data.batch import make_batch
from nepforge.data.frame import Frame
from nepforge.data.neighbors import find_neighbors
from nepforge.evaluate.calculator import Calculator
from nepforge.formats.open_model import open_nep
from nepforge.models.nep.native import NativeModel, StructureResult, instruction_sets
from tests.nep_files import NepFile, Structure
from tests.potential_table import COUNTS, POTENTIALS, PUBLIC, UNEP
from tests.structure_table import empty, gathered, structures

ALL = {**POTENTIALS, **PUBLIC}
QUICK = "89 species, l_max 3 0 0 0 1 1"  # of the large models
EXACT = 1.0e-9  # eV, eV/Å: between codes, of the largest force or of one
VIRIAL = 1.0e-8  # eV, the same
MOST_FLEXIBLE = 10  # species of a model with flexible ZBL that calorine reads
Written = Callable[[NepFile], Path]


def over(names: Iterable[str], counts: Sequence[int] = COUNTS) -> list[Any]:
    """Names of potentials as parameters: slow are all but one of the large models, and those of
    other numbers of species than `counts`."""
    slow = [
        name
        for name in names
        if name != QUICK
        and (len(ALL[name].species) > len(UNEP) or len(ALL[name].species) not in counts)
    ]
    return [pytest.param(name, marks=pytest.mark.slow if name in slow else ()) for name in names]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Files of the table, each written once."""
    folder = tmp_path_factory.mktemp("potentials")
    paths: dict[NepFile, Path] = {}

    def write(file: NepFile) -> Path:
        if file not in paths:
            paths[file] = file.write(folder / f"{len(paths)}.txt")
        return paths[file]

    return write


def assert_same(
    found: StructureResult, expected: StructureResult, where: str, scale: float = 1.0
) -> None:
    scale = max(scale, float(np.abs(expected.forces).max(initial=0.0)))
    for name, tolerance in (("energies", EXACT), ("forces", EXACT), ("virial", VIRIAL)):
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=0, atol=tolerance * scale,
            err_msg=f"{where}: {name}",
        )  # fmt: skip


def evaluated(model: NativeModel, structure: Structure, n_threads: int = 1) -> StructureResult:
    return model.evaluate_structure(
        structure.numbers, structure.positions, structure.cell, n_threads=n_threads
    )


def by_torch(path: Path, of_file: dict[str, Structure]) -> dict[str, StructureResult]:
    """All structures in one batch."""
    trained = open_nep(path).trained
    model = trained.model
    frames = [Frame(one.numbers, one.positions, one.cell) for one in of_file.values()]
    neighbors = [find_neighbors(frame, model.species, model.max_cutoff[0]) for frame in frames]
    batch = make_batch(frames, neighbors)
    found = model.predict(trained.parameters, trained.scaler, batch)
    starts = np.cumsum([frame.n_atoms for frame in frames])[:-1]
    energies, forces = (
        np.split(batch.to_source_order(one).numpy(), starts)
        for one in (found.atomic_energy, found.forces)
    )
    return {
        name: StructureResult(energies[idx], forces[idx], found.virial[idx].numpy())
        for idx, name in enumerate(of_file)
    }


@pytest.mark.parametrize("name", over(ALL))
def test_every_instruction_set_gives_the_numbers_of_torch(name: str, written: Written) -> None:
    """Energy of each atom, forces and virial; one evaluator takes all structures in turn."""
    of_file = structures(ALL[name])
    expected = by_torch(written(ALL[name]), of_file)
    assert np.abs(expected["crystal"].forces).max() > 1.0e-3
    for instruction_set in instruction_sets():
        model = NativeModel(written(ALL[name]), instruction_set)
        for label, structure in of_file.items():
            assert_same(evaluated(model, structure), expected[label], f"{label}, {instruction_set}")


@pytest.mark.parametrize("name", over(POTENTIALS, (3, 5)))
def test_the_core_gives_the_numbers_of_calorine(name: str, written: Written) -> None:
    """An independent code reads NEP4 files alone: the sizes of each potential with its networks."""
    calculators = pytest.importorskip("calorine.calculators")
    file = POTENTIALS[name]
    if file.zbl == "0 0" and len(file.species) > MOST_FLEXIBLE:
        pytest.skip("calorine reads a flexible ZBL of at most ten species")
    file = attrs.evolve(file, token="nep4" + file.token[4:], last_biases=1)
    path = written(file)
    native, calorine = NativeModel(path), calculators.CPUNEP(str(path))
    for label, structure in structures(file).items():
        assert_same(evaluated(native, structure), by_calculator(calorine, structure), label)


def by_calculator(calculator: Any, structure: Structure) -> StructureResult:
    """From the ASE calculator; its virial is symmetric."""
    atoms = ase.Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=True)
    atoms.calc = calculator
    virial = -atoms.get_stress(voigt=False) * atoms.get_volume()
    return StructureResult(atoms.get_potential_energies(), atoms.get_forces(), virial)


@pytest.mark.parametrize("name", over(ALL))
def test_a_lone_atom_has_the_energy_of_a_zero_descriptor(name: str, written: Written) -> None:
    """w1 . tanh(-b0) - bias from the numbers in the file, for the first, middle and last atom."""
    file = ALL[name]
    native = NativeModel(written(file))
    of_file = structures(file)
    places = {
        "alone": 0,
        "lone atom first": 0,
        "lone atom between": 1,
        "lone atom last": 2,
        "slab and a lone atom": -1,
    }
    for label, place in places.items():
        structure = of_file[label]
        found = evaluated(native, structure)
        expected = file.lone_energy(chemical_symbols[structure.numbers[place]])
        assert found.energies[place] == pytest.approx(expected, rel=0, abs=1.0e-12)
        assert not found.forces[place].any()


@pytest.mark.parametrize("name", over(POTENTIALS))
def test_order_threads_and_skin_do_not_matter(name: str, written: Written) -> None:
    """All clusters and lone atoms in one box, in two orders, by one and two threads."""
    native = NativeModel(written(POTENTIALS[name]))
    of_file = structures(POTENTIALS[name])
    together, names = gathered(of_file)
    alone = [evaluated(native, of_file[label]) for label in names]
    expected = StructureResult(
        np.concatenate([one.energies for one in alone]),
        np.concatenate([one.forces for one in alone]),
        np.sum([one.virial for one in alone], axis=0),
    )
    assert_same(evaluated(native, together, n_threads=2), expected, "gathered")
    order = np.random.default_rng(1).permutation(len(together.numbers))
    found = native.evaluate_structure(
        together.numbers[order], together.positions[order], together.cell, skin=1.0
    )
    moved = StructureResult(expected.energies[order], expected.forces[order], expected.virial)
    assert_same(found, moved, "in another order")


@pytest.mark.parametrize("name", ["2 species, l_max 2 2 1 1", "5 species, l_max 2 2 1 1"])
def test_no_atoms_give_no_results(name: str, written: Written) -> None:
    """Neither a number nor a crash, and the next structure is evaluated as usual."""
    native = NativeModel(written(POTENTIALS[name]))
    found = evaluated(native, empty())
    assert found.energies.shape == (0,)
    assert not found.virial.any()
    structure = structures(POTENTIALS[name])["alone"]
    fresh = NativeModel(written(POTENTIALS[name]))
    assert_same(evaluated(native, structure), evaluated(fresh, structure), "alone")


@pytest.mark.parametrize("name", over(PUBLIC))
def test_public_models_agree_with_calorine(name: str, written: Written) -> None:
    """Headers of published models: alloys, and dimers of all their pairs from 0.5 to 6 Å."""
    calculators = pytest.importorskip("calorine.calculators")
    path = written(PUBLIC[name])
    native, calorine = Calculator(path), calculators.CPUNEP(str(path))
    for label, structure in public_structures(PUBLIC[name]).items():
        expected = by_calculator(calorine, structure)
        assert_same(by_calculator(native, structure), expected, label)


def public_structures(file: NepFile) -> dict[str, Structure]:
    """The table, distorted alloys of 32 atoms of every species, and a gas of dimers."""
    rng = np.random.default_rng(2)
    numbers = np.array([chemical_symbols.index(symbol) for symbol in file.species])
    found = structures(file)
    grid = np.argwhere(np.ones((4, 4, 2)))
    for lattice in (1.9, 2.4, 3.0):
        positions = lattice * (grid + rng.uniform(-0.1, 0.1, grid.shape))
        cell = lattice * np.diag([4.0, 4.0, 2.0])
        drawn = rng.permutation(np.resize(numbers, len(grid)))
        found[f"alloy of {lattice} Å"] = Structure(drawn, positions, cell)
    distances = np.arange(0.5, 6.01, 0.25)
    places = 20.0 * np.argwhere(np.ones((len(distances), 1, 1)))
    ends = places + distances[:, None] * [0.36, 0.48, 0.8]
    found["dimers"] = Structure(
        rng.choice(numbers, 2 * len(distances)), np.concatenate([places, ends]),
        20.0 * np.diag([len(distances), 1.0, 1.0]),
    )  # fmt: skip
    return found
