"""A random NEP model of the size of the HfO2 models, and a crystal to run it on."""

from __future__ import annotations

from pathlib import Path

import ase
import numpy as np
import torch
from ase.data import chemical_symbols

from nepforge.formats.neighbor_counts import NeighborCounts
from nepforge.formats.nep_txt import write_nep4
from nepforge.formats.potential_file import NEPModel
from nepforge.models.nep.network import NEP

SEED = 1
FIRST_ELEMENT = 13
SPACING = 2.24  # Å: 80 neighbours within the cutoff, as in HfO2
N_EDGE = 4  # atoms along an edge of the cell
DISPLACEMENT = 0.05  # Å


def write_random_model(path: Path, n_species: int) -> tuple[str, ...]:
    """Write a nep4 file with cutoffs of 6 Å and 100 neurons; its species."""
    species = tuple(chemical_symbols[FIRST_ELEMENT : FIRST_ELEMENT + n_species])
    model = NEP(species, (6.0, 6.0), (4, 4), (12, 12), 4, ("222", "1111"), 100)
    rng = torch.Generator().manual_seed(SEED)
    parameters = model.initial_parameters([-1.0] * n_species, rng)
    q_scaler = 0.02 * torch.rand(model.n_descriptor, generator=rng, dtype=torch.float64)
    write_nep4(
        path, NEPModel(model, parameters, q_scaler), NeighborCounts(200, 200), [1.0] * n_species
    )
    return species


def random_crystal(species: tuple[str, ...]) -> ase.Atoms:
    """A simple cubic crystal with every species on places drawn at random."""
    rng = np.random.default_rng(SEED)
    n_atoms = N_EDGE**3
    grid = np.stack(np.meshgrid(*[np.arange(N_EDGE)] * 3), axis=-1).reshape(-1, 3)
    symbols = [species[idx % len(species)] for idx in rng.permutation(n_atoms)]
    positions = SPACING * grid + rng.normal(0.0, DISPLACEMENT, (n_atoms, 3))
    return ase.Atoms(symbols, positions, cell=[N_EDGE * SPACING] * 3, pbc=True)
