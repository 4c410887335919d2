"""Arithmetic and memory traffic of one NEP evaluation, and what this machine can do at most."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import ase
import torch
from ase.neighborlist import neighbor_list
from attrs import frozen

from nepforge.lammps.script import NEIGHBOR_SKIN
from nepforge.models.nep.network import NEP

N_REPEATS = 5  # the best counts
MATRIX_SIZE = 1536
VECTOR_BYTES = 128_000_000  # each of three: far more than any cache

# Operations of functions that are no sums of products; a square root or a division counts as one.
GEOMETRY, CUTOFF_FUNCTION, TANH, PAIR_FORCE = 12, 22, 24, 15


@frozen
class Neighbors:
    """Mean numbers for one atom."""

    radial: float  # within the radial cutoff
    angular: float
    species: float  # different ones among the radial
    listed: float  # within the radial cutoff and the skin


def count_neighbors(atoms: ase.Atoms, model: NEP) -> Neighbors:
    """Neighbours of the atoms of a periodic cell, with the largest cutoffs of the model."""
    radial, angular = model.max_cutoff
    first, second, distance = neighbor_list("ijd", atoms, radial + NEIGHBOR_SKIN)
    n_atoms, inside = len(atoms), distance < radial
    groups = set(zip(first[inside].tolist(), atoms.numbers[second[inside]].tolist(), strict=True))
    return Neighbors(
        radial=float(inside.sum()) / n_atoms,
        angular=float((distance < angular).sum()) / n_atoms,
        species=len(groups) / n_atoms,
        listed=len(first) / n_atoms,
    )


def flops_of_atom(model: NEP, near: Neighbors) -> float:
    """Additions and multiplications of energy and forces, without ZBL.

    With n_k functions f_k, n functions g_n, a moments B_a, R and A neighbours of S species, D
    components of the descriptor and H neurons:
    f_k, their sums and the radial force: 8 n_k R; their contraction with c: 6 n n_k S;
    g_n and dg_n/dr: 4 n n_k A; s_na: 2 n a A; its backward pass: 4 n a A; B_a and its gradient:
    10 a A; the network: 4 D H. Shared functions f_k (equal cutoffs) are counted once.
    """
    k_radial, k_angular = (size + 1 for size in model.basis_size)
    n_radial, n_angular = (size + 1 for size in model.n_max)
    moments = model.l_max * (model.l_max + 2)
    cutoffs = model.max_cutoff
    basis_again = (
        0.0 if cutoffs[0] == cutoffs[1] else (CUTOFF_FUNCTION + 2 * k_angular) * near.angular
    )
    radial = near.radial * (GEOMETRY + CUTOFF_FUNCTION + 8 * k_radial + PAIR_FORCE)
    contraction = 6 * n_radial * k_radial * near.species
    angular = near.angular * (4 * n_angular * k_angular + 6 * n_angular * moments + 10 * moments)
    network = model.neurons * (4 * model.n_descriptor + TANH)
    return radial + contraction + basis_again + angular + network


def bytes_of_atom(near: Neighbors) -> float:
    """Least traffic with memory: the neighbour list (4 bytes each), position, type, force twice.

    Positions and forces of neighbours come from the cache, like the model.
    """
    return 4.0 * near.listed + 24.0 + 4.0 + 2 * 24.0


def peak_flops(dtype: torch.dtype) -> float:
    """Operations a second of one core in a matrix product."""
    one = torch.rand(MATRIX_SIZE, MATRIX_SIZE, dtype=dtype)
    return 2.0 * MATRIX_SIZE**3 / _best_seconds(lambda: one @ one)


def peak_bandwidth() -> float:
    """Bytes a second of one core in a = b + s c."""
    n = VECTOR_BYTES // 8
    a, b, c = (torch.ones(n, dtype=torch.float64) for _ in range(3))
    return 3.0 * VECTOR_BYTES / _best_seconds(lambda: torch.add(b, c, alpha=2.0, out=a))


def roofline(
    atoms: ase.Atoms, model: NEP, precision: str, atom_steps_per_cpu_s: float
) -> Mapping[str, float]:
    """What an atom-step needs, what one core can do, and the shares that were reached."""
    torch.set_num_threads(1)
    near = count_neighbors(atoms, model)
    flops, traffic = flops_of_atom(model, near), bytes_of_atom(near)
    arithmetic = peak_flops(torch.float32 if precision == "mixed" else torch.float64)
    bandwidth = peak_bandwidth()
    return {
        "neighbors_radial": near.radial,
        "neighbors_angular": near.angular,
        "flops_per_atom_step": flops,
        "bytes_per_atom_step": traffic,
        "peak_gflops": arithmetic / 1.0e9,
        "peak_gbytes_per_s": bandwidth / 1.0e9,
        "fraction_of_peak_flops": flops * atom_steps_per_cpu_s / arithmetic,
        "fraction_of_peak_bandwidth": traffic * atom_steps_per_cpu_s / bandwidth,
    }


def _best_seconds(work: Callable[[], object]) -> float:
    """CPU time: what other processes take does not count."""
    times = []
    for _ in range(N_REPEATS):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)
