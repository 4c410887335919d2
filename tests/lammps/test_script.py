"""The data file and the input script that the md stage writes."""

from __future__ import annotations

from pathlib import Path

import ase
import ase.io
import attrs
import numpy as np
import pytest

from nepforge.errors import StageError
from nepforge.lammps.script import MdRun, md_script, write_data
from tests.nep_files import SPECIES, random_structure

LENGTH = 1.0e-9  # Å
RUN = MdRun(
    species=SPECIES,
    replicate=(2, 1, 3),
    ensemble="nve",
    temperature=300.0,
    pressure=0.0,
    timestep=2.0,
    steps=50,
    thermo_every=10,
    seed=2**52,
)


def structure() -> ase.Atoms:
    made = random_structure()
    return ase.Atoms(made.numbers, made.positions, cell=made.cell, pbc=True)


def read_back(path: Path) -> ase.Atoms:
    return ase.io.read(path, format="lammps-data", atom_style="atomic")


@pytest.mark.parametrize("hand", [1.0, -1.0], ids=["right-handed", "left-handed"])
def test_data_file_keeps_every_distance(hand: float, tmp_path: Path) -> None:
    """The structure is turned into LAMMPS's frame and otherwise unchanged."""
    atoms = structure()
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turned *= np.sign(np.linalg.det(turned)) * hand
    atoms.set_cell(atoms.cell.array @ turned, scale_atoms=True)
    write_data(tmp_path / "data.lammps", atoms, SPECIES)
    back = read_back(tmp_path / "data.lammps")
    np.testing.assert_array_equal(back.numbers, atoms.numbers)
    np.testing.assert_allclose(
        back.get_all_distances(mic=True), atoms.get_all_distances(mic=True), atol=LENGTH
    )


def test_types_follow_the_species_of_the_model(tmp_path: Path) -> None:
    """Type 1 is the first species, also when the structure has only the second."""
    atoms = structure()
    atoms.symbols[:] = "O"
    write_data(tmp_path / "data.lammps", atoms, SPECIES)
    text = (tmp_path / "data.lammps").read_text()
    assert "2 atom types" in text
    assert text.split("Atoms # atomic")[1].split()[1] == "2"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda atoms: atoms.symbols.__setitem__(0, "Hf"), "holds Hf, the model knows Si, O"),
        (lambda atoms: atoms.set_pbc((True, True, False)), "not periodic in all three"),
        (lambda atoms: atoms.set_cell(np.zeros((3, 3))), "not periodic in all three"),
        (lambda atoms: atoms.positions.__setitem__(0, np.nan), "positions that are not finite"),
    ],
    ids=["species", "slab", "no cell", "nan"],
)
def test_structures_that_cannot_run_are_refused(change: object, words: str, tmp_path: Path) -> None:
    """The message says what is wrong with the structure."""
    atoms = structure()
    assert callable(change)
    change(atoms)
    with pytest.raises(StageError, match=words):
        write_data(tmp_path / "data.lammps", atoms, SPECIES)


def test_script_names_only_files_beside_it() -> None:
    """A folder that is copied elsewhere still runs: no path, no plugin command."""
    script = md_script(RUN)
    assert "/" not in script
    assert "pair_style nepforge model.txt\n" in script
    assert "pair_coeff * * Si O\n" in script
    assert "replicate 2 1 3\n" in script
    assert "timestep 0.002\n" in script


@pytest.mark.parametrize(
    ("ensemble", "line"),
    [
        ("nve", "fix integrate all nve\n"),
        ("nvt", "fix integrate all nvt temp 300.0 300.0 0.2\n"),
        ("npt", "fix integrate all npt temp 300.0 300.0 0.2 aniso -5.0 -5.0 2\n"),
    ],
)
def test_ensembles_become_fixes(ensemble: str, line: str) -> None:
    """Damping times are 100 and 1000 time steps."""
    assert line in md_script(attrs.evolve(RUN, ensemble=ensemble, pressure=-5.0))


def test_script_is_a_function_of_the_run() -> None:
    """The same run gives the same bytes; another seed other velocities."""
    assert md_script(RUN) == md_script(attrs.evolve(RUN))
    assert md_script(RUN) != md_script(attrs.evolve(RUN, seed=3))
