"""The structure of a LAMMPS data file, with the elements that its types stand for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import ase
import ase.io
import numpy as np
from ase.data import atomic_masses, atomic_numbers

from nepforge.errors import UsageError
from nepforge.models.nep.native import NativeModel

MASS_TOLERANCE = 0.05  # amu, between a mass of the data file and that of the element
MAX_ORDERS = 5040  # of species on types that are tried when nothing names them


def read_cell(
    path: Path, model: Path, species: Sequence[str] | None
) -> tuple[tuple[str, ...], ase.Atoms]:
    """The species of the types, and the structure.

    Args:
        path: Data file of style atomic.
        model: The model that the structure is for.
        species: Of types 1, 2, ...; None to take them from the masses, or from the forces.

    Raises:
        UsageError: The file cannot be read, or its types are not known.
    """
    atoms = _read_types(path)
    types = atoms.numbers
    species = species or _find_species(path, atoms, NativeModel(model))
    if len(species) < types.max():
        raise UsageError(
            f"--species names {len(species)} species, the data have {types.max()} types"
        )
    atoms.numbers = [atomic_numbers[species[kind - 1]] for kind in types]
    return tuple(species), atoms


def _read_types(path: Path) -> ase.Atoms:
    """The structure with LAMMPS types in the place of atomic numbers."""
    same = {kind: kind for kind in range(1, len(atomic_masses))}
    try:
        atoms = ase.io.read(path, format="lammps-data", atom_style="atomic", Z_of_type=same)
    except Exception as error:  # whatever ASE stumbles over
        raise UsageError(f"{path}: not readable as LAMMPS data of style atomic: {error}") from error
    atoms.pbc = True
    return atoms


def _find_species(path: Path, types: ase.Atoms, model: NativeModel) -> list[str]:
    """Species of the types: from the masses, else the order with the smallest forces."""
    masses = _masses(path)
    if masses:
        return [_element_of(mass, model.species) for mass in masses]
    n_types = int(types.numbers.max())
    orders = [list(order) for order in permutations(model.species, n_types)]
    if not 0 < len(orders) <= MAX_ORDERS:
        raise UsageError(f"{path}: has no masses and {n_types} types; give --species")

    def rms_force(order: Sequence[str]) -> float:
        numbers = [atomic_numbers[order[kind - 1]] for kind in types.numbers]
        forces = model.evaluate(numbers, types.positions, types.cell.array).forces
        return float(np.sqrt(np.mean(forces**2)))

    return min(orders, key=rms_force)


def _masses(path: Path) -> list[float]:
    """The Masses section of a data file, in the order of the types; empty when there is none."""
    lines = [line.split("#")[0].split() for line in path.read_text().splitlines()]
    if ["Masses"] not in lines:
        return []
    found: dict[int, float] = {}
    for words in lines[lines.index(["Masses"]) + 1 :]:
        if words and not words[0].isdigit():
            break
        if words:
            found[int(words[0])] = float(words[1])
    return [found[kind] for kind in sorted(found)]


def _element_of(mass: float, species: tuple[str, ...]) -> str:
    for symbol in species:
        if abs(atomic_masses[atomic_numbers[symbol]] - mass) < MASS_TOLERANCE:
            return symbol
    raise UsageError(f"a mass of {mass} amu is none of {', '.join(species)}; give --species")
