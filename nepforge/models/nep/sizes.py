"""The sizes of a NEP model: its hyperparameters, checked, and the counts that follow."""

from __future__ import annotations

import math

import torch
from attrs import field, frozen
from torch import Tensor

from nepforge.models.nep.angular import L_MAX_LIMIT
from nepforge.models.nep.invariants import INVARIANTS, smallest_l_max
from nepforge.models.nep.zbl import ZBL, PairTable

CutoffPair = tuple[float, float]  # radial, angular, Å


@frozen
class NEPSizes:
    """Hyperparameters of a NEP model, and the counts that follow from them."""

    species: tuple[str, ...]  # chemical symbols; the type index is the position here
    cutoff: CutoffPair | tuple[CutoffPair, ...]  # shared, or per species
    n_max: tuple[int, int]  # radial, angular: n_max + 1 functions g_n
    basis_size: tuple[int, int]  # radial, angular: basis_size + 1 functions f_k
    l_max: int
    invariants: tuple[str, ...] = field()  # subset of INVARIANTS, in that order
    neurons: int
    zbl: ZBL | None = None  # added to the network, not trained

    @invariants.validator
    def _check(self, _attribute: object, value: tuple[str, ...]) -> None:
        if not 1 <= self.l_max <= L_MAX_LIMIT:
            raise ValueError(f"l_max: got {self.l_max}, expected 1..{L_MAX_LIMIT}")
        if [name for name in INVARIANTS if name in value] != list(value):
            raise ValueError(f"invariants: got {value}, expected a subset of {INVARIANTS} in order")
        for name in value:
            if smallest_l_max(name) > self.l_max:
                raise ValueError(f"invariant {name} needs l_max >= {smallest_l_max(name)}")
        if len(self.cutoffs) != self.n_types:
            raise ValueError(f"cutoff: got {len(self.cutoffs)} pairs for {self.n_types} species")
        for radial, angular in self.cutoffs:
            if not 0.0 < angular <= radial < math.inf:
                raise ValueError(
                    f"cutoff: got radial {radial}, angular {angular}, expected 0 < angular <= "
                    "radial"
                )
        if self.zbl is not None:
            self._check_zbl(self.zbl.pair_table(self.species))

    def _check_zbl(self, table: PairTable) -> None:
        """Every pair has a range within the angular cutoff, whose pair list is used."""
        limit = self.pair_cutoffs()[1]
        bad = (table.inner < 0) | (table.inner >= table.outer) | (table.outer > limit)
        for first, second in bad.nonzero().tolist()[:1]:
            numbers = (table.inner, table.outer, limit)
            inner, outer, cutoff = (float(number[first, second]) for number in numbers)
            raise ValueError(
                f"ZBL from {inner:g} to {outer:g} Å for {self.species[first]}-"
                f"{self.species[second]}, expected 0 <= inner < outer <= {cutoff:g} (the angular "
                "cutoff)"
            )

    @property
    def n_types(self) -> int:
        return len(self.species)

    @property
    def cutoffs(self) -> tuple[CutoffPair, ...]:
        """Radial and angular cutoff of each species in Å; a pair of species takes their mean."""
        first = self.cutoff[0]
        if isinstance(first, tuple):
            return self.cutoff  # type: ignore[return-value] # all are pairs when the first is
        return (self.cutoff,) * self.n_types  # type: ignore[return-value]

    @property
    def max_cutoff(self) -> CutoffPair:
        """Largest radial and largest angular cutoff in Å."""
        return max(radial for radial, _ in self.cutoffs), max(
            angular for _, angular in self.cutoffs
        )

    @property
    def neighbor_cutoff(self) -> float:
        """Largest cutoff in Å."""
        return self.max_cutoff[0]

    def pair_cutoffs(self) -> tuple[Tensor, Tensor]:
        """Radial and angular cutoff of every pair of species in Å, two [T, T], float64."""
        own = torch.tensor(self.cutoffs, dtype=torch.float64)  # [T, 2]
        radial, angular = (0.5 * (own[:, None] + own)).unbind(dim=-1)
        return radial, angular

    @property
    def n_radial(self) -> int:
        """Number of radial descriptor components."""
        return self.n_max[0] + 1

    @property
    def n_angular(self) -> int:
        """Number of angular descriptor components: n_max + 1 for each l and each invariant."""
        return (self.n_max[1] + 1) * (self.l_max + len(self.invariants))

    @property
    def n_descriptor(self) -> int:
        return self.n_radial + self.n_angular

    @property
    def scaler_shape(self) -> tuple[int, ...]:
        """Shape of q_scaler."""
        return (self.n_descriptor,)

    @property
    def network_sizes(self) -> tuple[int, int, int, int]:
        """Sizes of w0, b0, w1 and output bias of one species."""
        return self.neurons * self.n_descriptor, self.neurons, self.neurons, 1

    @property
    def n_network(self) -> int:
        """Parameters of one species' network."""
        return sum(self.network_sizes)

    @property
    def coefficient_sizes(self) -> tuple[int, int]:
        """Numbers of radial and of angular descriptor coefficients c."""
        return (
            self.n_types**2 * (self.n_max[0] + 1) * (self.basis_size[0] + 1),
            self.n_types**2 * (self.n_max[1] + 1) * (self.basis_size[1] + 1),
        )

    @property
    def n_parameters(self) -> int:
        return self.n_types * self.n_network + sum(self.coefficient_sizes)
