#!/usr/bin/env python
"""Make the golden numbers of tests/golden: random models and structures, evaluated by calorine.

    python tools/make_golden.py tests/golden

Models and structures are our own (MIT). calorine's CPUNEP (the reference NEP_CPU) gives energies,
forces and virials in float64. Only a person refreshes the files, and looks at what has changed.
"""

from __future__ import annotations

import argparse
import importlib.metadata
from pathlib import Path

import ase
import numpy as np
import torch
from calorine.calculators import CPUNEP

from nepforge.formats.neighbor_counts import NeighborCounts
from nepforge.formats.nep_txt import write_nep4
from nepforge.formats.potential_file import NEPModel
from nepforge.models.nep.invariants import INVARIANTS
from nepforge.models.nep.network import NEP
from nepforge.models.nep.zbl import ZBL

SEED = 20261123
N_STRUCTURES = 3  # for each model
N_TRIES = 40  # to add an atom
SPECIES, NUMBERS = ("Si", "O"), (14, 8)
SMALLEST_DISTANCE = 1.2  # Å: inside every ZBL, forces of some hundred eV/Å
ROWS = (
    (0.6, 1.8, 0.3, 2.1, 0.5, 0.9, 0.15, 0.4, 0.05, 0.2),
    (0.7, 2.0, 0.2, 1.9, 0.6, 0.8, 0.15, 0.5, 0.05, 0.3),
    (0.5, 1.6, 0.4, 2.3, 0.4, 0.7, 0.15, 0.6, 0.05, 0.1),
)
BOTH = ("222", "1111")
MODELS = {
    "plain": NEP(SPECIES, (5.0, 4.0), (3, 2), (5, 4), 4, ("222",), 5),
    "equal_cutoffs": NEP(SPECIES, (4.5, 4.5), (2, 2), (4, 4), 3, BOTH, 4),
    "type_wise_cutoffs": NEP(SPECIES, ((5.0, 4.5), (4.0, 3.0)), (2, 2), (4, 4), 3, ("222",), 4),
    "l_max_8": NEP(SPECIES, (4.5, 4.0), (2, 1), (3, 3), 8, BOTH, 4),
    "every_invariant": NEP(SPECIES, (4.5, 4.0), (2, 1), (3, 3), 4, INVARIANTS, 4),
    "zbl": NEP(SPECIES, (4.5, 4.0), (2, 2), (4, 4), 2, ("222",), 4, ZBL(1.0, 2.0)),
    "zbl_by_type": NEP(SPECIES, (4.5, 4.0), (2, 2), (4, 4), 2, (), 4, ZBL(0.9, 1.8, 0.65)),
    "zbl_flexible": NEP(SPECIES, (4.5, 4.0), (2, 2), (4, 4), 2, (), 4, ZBL(rows=ROWS)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray] = {}
    for idx, (name, model) in enumerate(MODELS.items()):
        path = folder / f"{name}.txt"
        write_nep4(path, _random_model(model, SEED + idx), NeighborCounts(200, 150), (1.0, 1.0))
        for number in range(N_STRUCTURES):
            atoms = _random_structure(np.random.default_rng([SEED, idx, number]))
            for key, array in _evaluate(path, atoms).items():
                arrays[f"{name}.{number}.{key}"] = array
    np.savez_compressed(folder / "golden.npz", **arrays)
    version = importlib.metadata.version("calorine")
    (folder / "README.md").write_text(README.format(version=version), encoding="utf-8")


def _random_model(model: NEP, seed: int) -> NEPModel:
    """Numbers that give energies and forces of the order of one; one output bias for both."""
    rng = torch.Generator().manual_seed(seed)
    parameters = model.initial_parameters([-1.5, -1.5], rng)
    q_scaler = 0.4 * torch.rand(model.n_descriptor, generator=rng, dtype=torch.float64) + 0.1
    return NEPModel(model, parameters, q_scaler)


def _random_structure(rng: np.random.Generator) -> ase.Atoms:
    """A skewed cell, smaller than the cutoffs at times, filled at random; one pair is as close
    as allowed, and atoms lie outside of the cell."""
    cell = np.diag(rng.uniform(2.6, 5.0, 3)) + rng.uniform(-0.6, 0.6, (3, 3))
    atoms = ase.Atoms(cell=cell, pbc=True)
    direction = rng.normal(size=3)
    direction *= 1.1 * SMALLEST_DISTANCE / np.linalg.norm(direction)
    for position in (np.zeros(3), direction):
        atoms.append(ase.Atom(rng.choice(NUMBERS), position))
    for _ in range(N_TRIES):
        tried = atoms.copy()
        tried.append(ase.Atom(rng.choice(NUMBERS), rng.uniform(-0.5, 1.5, 3) @ cell))
        distances = tried.repeat((2, 2, 2)).get_all_distances(mic=True)
        if distances[distances > 0].min() > SMALLEST_DISTANCE:
            atoms = tried
    return atoms


def _evaluate(path: Path, atoms: ase.Atoms) -> dict[str, np.ndarray]:
    """Inputs and results: Å, eV, eV/Å; virial W = -dU/dstrain in eV."""
    atoms.calc = CPUNEP(str(path))
    return {
        "numbers": atoms.numbers,
        "positions": atoms.positions,
        "cell": atoms.cell.array,
        "energies": atoms.get_potential_energies(),
        "forces": atoms.get_forces(),
        "virial": -atoms.get_stress(voigt=False) * atoms.get_volume(),
    }


README = """\
# Golden numbers of NEP evaluation

Random models (`*.txt`, GPUMD's nep4 layout) and random structures of our own, MIT like the rest,
evaluated in float64 by calorine {version} (`CPUNEP`, the reference NEP_CPU). Made by

    python tools/make_golden.py tests/golden

`golden.npz` holds `MODEL.NUMBER.{{numbers,positions,cell,energies,forces,virial}}` in Å, eV and
eV/Å; the virial is W = -dU/dstrain, positive trace when compressed. Some structures have forces of
hundreds of eV/Å on purpose (ZBL). Refresh only by hand, and say in the commit what changed.
"""


if __name__ == "__main__":
    main()
