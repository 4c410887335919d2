"""One table of test structures for every evaluator: what has many, few or no neighbours.

All are periodic with a lower triangular cell, as LAMMPS wants it; what should be alone is in a box
wider than any cutoff.
"""

from __future__ import annotations

import numpy as np
from ase.data import atomic_numbers

from nepforge.data.frame import FloatArray, IntArray
from tests.nep_files import NepFile, Structure, random_structure

BOX = 40.0  # Å
SPACING = 36.0  # Å, between the structures of `gathered`: they do not feel each other
FAR = [[0.0, 0.0, 17.0]]  # Å, from the rest
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3.0)


def structures(file: NepFile) -> dict[str, Structure]:
    """The table for one potential: distances follow its cutoffs, elements are its species."""
    rng = np.random.default_rng(file.seed)
    first, last = file.species[0], file.species[-1]
    radial, angular = file.pair_cutoff(first, last)
    crystal = random_structure(file.seed, species=tuple(_drawn(file, 8, rng)))
    slab = repeated(crystal, (2, 2, 1))  # wider than the cutoffs: no lone atom sees its images
    slab_cell = np.vstack([slab.cell[:2], [0.0, 0.0, BOX]])
    dimer = [[0.0, 0.0, 0.0], [0.6 * angular, 0.0, 0.0]]
    found = {
        "crystal": crystal,
        "one-atom cell": Structure(
            _drawn(file, 1, rng), np.zeros((1, 3)), 2.9 * np.eye(3) + 0.3 * np.eye(3, k=-1)
        ),
        "slab and a lone atom": Structure(
            np.append(slab.numbers, atomic_numbers[last]),
            np.concatenate([slab.positions, FAR]),
            slab_cell,
        ),
        "cluster": Structure(crystal.numbers, crystal.positions, BOX * np.eye(3)),
        "alone": _in_box(_drawn(file, 1, rng), [[3.0, 2.0, 1.0]]),
        "lone atom first": _in_box(_drawn(file, 3, rng), FAR + dimer),
        "lone atom between": _in_box(_drawn(file, 3, rng), [dimer[0], *FAR, dimer[1]]),
        "lone atom last": _in_box(_drawn(file, 3, rng), dimer + FAR),
        "gas": _in_box(_drawn(file, 6, rng), 12.0 * np.argwhere(np.ones((1, 2, 3)))),
        "neighbours beyond the angular cutoff": _shell(file, _drawn(file, 5, rng)),
    }
    distances = {
        "repelled": 1.15,  # inside every ZBL
        "inside": 0.7 * angular,
        "at the angular cutoff": angular,
        "between the cutoffs": max(0.5 * (radial + angular), 0.97 * radial),
        "at the radial cutoff": radial,
        "beyond": radial + 0.3,  # inside the skin of LAMMPS
    }
    pair = np.array([atomic_numbers[first], atomic_numbers[last]])
    for name, distance in distances.items():
        found[f"dimer {name}"] = _in_box(pair, [[0.0, 0.0, 0.0], [0.0, distance, 0.0]])
    return found


def repeated(one: Structure, counts: tuple[int, int, int]) -> Structure:
    """A supercell, cell after cell."""
    shifts = np.argwhere(np.ones(counts)) @ one.cell
    return Structure(
        np.tile(one.numbers, len(shifts)),
        np.concatenate([one.positions + shift for shift in shifts]),
        np.array(counts)[:, None] * one.cell,
    )


def gathered(of_file: dict[str, Structure]) -> tuple[Structure, list[str]]:
    """All structures that are alone in their boxes, in one box, and their names in that order."""
    names = [name for name, one in of_file.items() if np.array_equal(one.cell, BOX * np.eye(3))]
    places = SPACING * np.argwhere(np.ones((-(-len(names) // 4), 2, 2)))
    chosen = [of_file[name] for name in names]
    return Structure(
        np.concatenate([one.numbers for one in chosen]),
        np.concatenate([one.positions + at for one, at in zip(chosen, places, strict=False)]),
        np.diag(places.max(axis=0) + SPACING),
    ), names


def empty() -> Structure:
    """No atoms; not every door takes them."""
    return Structure(np.zeros(0, dtype=int), np.zeros((0, 3)), BOX * np.eye(3))


def _drawn(file: NepFile, count: int, rng: np.random.Generator) -> IntArray:
    """Atomic numbers of the last species and others of the model, in any order."""
    drawn = [file.species[-1], *rng.choice(file.species, count - 1)]
    return np.array([atomic_numbers[symbol] for symbol in rng.permutation(drawn)])


def _in_box(numbers: IntArray, positions: list[list[float]] | FloatArray) -> Structure:
    return Structure(numbers, np.array(positions, dtype=float), BOX * np.eye(3))


def _shell(file: NepFile, numbers: IntArray) -> Structure:
    """The first atom has four neighbours, each between the two cutoffs of its pair of species."""
    symbols = {atomic_numbers[symbol]: symbol for symbol in file.species}
    positions = [np.zeros(3)]
    for number, direction in zip(numbers[1:].tolist(), TETRAHEDRON, strict=True):
        radial, angular = file.pair_cutoff(symbols[int(numbers[0])], symbols[number])
        positions.append(max(0.5 * (radial + angular), 0.97 * radial) * direction)
    return _in_box(numbers, np.array(positions) + 0.5 * BOX)
