"""ZBL: the screened repulsion of two nuclei at short range, without trained parameters.

    V(r) = K Z_i Z_j / r phi(r/a) w(r),   phi(x) = sum_m A_m exp(-B_m x),
    1/a = 2.134563 (Z_i^0.23 + Z_j^0.23) 1/Å,
    w = 1 below the inner cutoff, (1 + cos(pi (r - inner)/(outer - inner)))/2 up to the outer one,
    0 beyond.

Ziegler, Biersack and Littmark (1985), with the constants of GPUMD. Half of V belongs to each atom.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from attrs import field, frozen
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.models.nep.tables import tables

N_ROW = 10  # numbers per pair in a flexible table: inner, outer, A_1, B_1, ... A_4, B_4


@frozen
class ZBL:
    """A ZBL repulsion. Its numbers are given, never trained.

    universal: `inner` and `outer` hold for all pairs. Type-wise: with a `factor`, the outer cutoff
    of a pair is min(factor (R_i + R_j), outer) and the inner one 0. Flexible: `rows` holds N_ROW
    numbers for each pair (0, 0), (0, 1), ..., (1, 1), ... of species, and the rest is unused.
    """

    inner: float = 0.0  # Å
    outer: float = 0.0  # Å
    factor: float | None = None
    rows: tuple[tuple[float, ...], ...] = field(default=())

    @property
    def kind(self) -> str:
        """universal, type-wise or flexible."""
        if self.rows:
            return "flexible"
        return "universal" if self.factor is None else "type-wise"

    def pair_table(self, species: Sequence[str]) -> PairTable:
        """The numbers of every pair of species, float64.

        Raises:
            ValueError: A flexible table has the wrong number of rows or of numbers in a row.
        """
        radii, zbl = tables().radii, tables().zbl
        elements = list(radii)
        numbers = torch.tensor([elements.index(s) + 1 for s in species], dtype=torch.float64)
        powers = numbers**zbl.charge_power
        n_types = len(species)
        shape = (n_types, n_types)
        table = PairTable(
            inner=torch.full(shape, self.inner, dtype=torch.float64),
            outer=torch.full(shape, self.outer, dtype=torch.float64),
            charges=zbl.coulomb * numbers[:, None] * numbers,
            inverse_length=zbl.inverse_length * (powers[:, None] + powers),
            amplitude=torch.tensor(zbl.amplitudes, dtype=torch.float64).expand(*shape, -1).clone(),
            decay=torch.tensor(zbl.decays, dtype=torch.float64).expand(*shape, -1).clone(),
        )
        if self.rows:
            self._fill_flexible(table, n_types)
        elif self.factor is not None:
            radius = torch.tensor([radii[s] for s in species], dtype=torch.float64)
            table.outer.copy_((self.factor * (radius[:, None] + radius)).clamp_max(self.outer))
            table.inner.zero_()
        return table

    def _fill_flexible(self, table: PairTable, n_types: int) -> None:
        pairs = list(itertools.combinations_with_replacement(range(n_types), 2))
        if len(pairs) != len(self.rows) or {len(row) for row in self.rows} != {N_ROW}:
            raise ValueError(
                f"ZBL of {len(self.rows)} rows, expected {len(pairs)} rows of {N_ROW} numbers for "
                f"{n_types} species"
            )
        for (first, second), row in zip(pairs, self.rows, strict=True):
            numbers = torch.tensor(row, dtype=torch.float64)
            for place in ((first, second), (second, first)):
                table.inner[place], table.outer[place] = numbers[0], numbers[1]
                table.amplitude[place], table.decay[place] = numbers[2::2], numbers[3::2]


@frozen(eq=False)
class PairTable:
    """ZBL of every pair of species, [T, T] (and the four terms of the screening)."""

    inner: Tensor  # Å
    outer: Tensor  # Å
    charges: Tensor  # K Z_i Z_j, eV Å
    inverse_length: Tensor  # 1/a, 1/Å
    amplitude: Tensor  # [T, T, 4]
    decay: Tensor  # [T, T, 4]


def pair_energy(table: PairTable, pair: tuple[Tensor, Tensor], distance: Tensor) -> Tensor:
    """V(r) in eV and dV/dr in eV/Å as the two rows of the result, [2, n].

    Args:
        table: From `ZBL.pair_table`.
        pair: Types of the two atoms, each [n].
        distance: Å, [n], below the outer cutoff of its pair.
    """
    decay = table.decay[pair] * table.inverse_length[pair][:, None]
    terms = table.amplitude[pair] * torch.exp(-decay * distance[:, None])
    screening, screening_slope = terms.sum(dim=1), -(decay * terms).sum(dim=1)
    width = table.outer[pair] - table.inner[pair]
    phase = math.pi * ((distance - table.inner[pair]) / width).clamp_min(0.0)
    step, step_slope = 0.5 * (1.0 + torch.cos(phase)), -0.5 * math.pi / width * torch.sin(phase)
    coulomb = table.charges[pair] / distance
    slope = screening_slope * step + screening * step_slope - screening * step / distance
    return torch.stack([coulomb * screening * step, coulomb * slope])


def repulsion(table: PairTable, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Energies [N] in eV, forces [N, 3] in eV/Å and virials [F, 3, 3] in eV of a batch."""
    vector = batch.neighbor_vector
    outer = table.outer.to(vector)[batch.type_idx][:, batch.column_type]  # [N, K]
    atom, column = (vector.square().sum(dim=-1) < outer * outer).nonzero(as_tuple=True)
    vector = vector[atom, column]
    distance = vector.norm(dim=-1)
    pair = (batch.type_idx[atom], batch.column_type[column])
    like = PairTable(*(getattr(table, name).to(vector) for name in _FIELDS))
    energy, slope = pair_energy(like, pair, distance)
    p = (0.5 * slope / distance)[:, None] * vector  # dU_i/dr_ij
    zeros = batch.neighbor_vector.new_zeros
    n_atoms = len(batch.frame_idx)
    forces = zeros(n_atoms, 3).index_add_(0, atom, p)
    forces.index_add_(0, batch.neighbor_idx[atom, column], p, alpha=-1.0)
    virial = zeros(batch.n_frames, 3, 3)
    virial.index_add_(0, batch.frame_idx[atom], -(vector[:, :, None] * p[:, None, :]))
    return zeros(n_atoms).index_add_(0, atom, 0.5 * energy), forces, virial


_FIELDS = ("inner", "outer", "charges", "inverse_length", "amplitude", "decay")
