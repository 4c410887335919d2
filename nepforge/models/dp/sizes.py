"""The sizes of a Deep Potential: its hyperparameters, checked, and the counts that follow."""

from __future__ import annotations

from typing import Self

from attrs import evolve, field, frozen

from nepforge.models.dp.dense import Dense
from nepforge.models.dp.environment_matrix import N_SCALES


@frozen
class DPSizes:
    """Hyperparameters of a Deep Potential, and the counts that follow from them."""

    species: tuple[str, ...]  # chemical symbols; the type index is the position here
    cutoff: float  # Å
    smooth_cutoff: float  # Å, where a neighbour's weight begins to decay
    embedding: tuple[int, ...]  # widths of the layers of an embedding network
    axis: int  # columns of A in the second factor of D
    fitting: tuple[int, ...] = field()  # widths of the layers of a fitting network
    type_embedding: int = 0  # length of the type vectors, 0: separate networks

    @fitting.validator
    def _check(self, _attribute: object, value: tuple[int, ...]) -> None:
        if not 0.0 <= self.smooth_cutoff < self.cutoff:
            raise ValueError(
                f"smooth_cutoff: got {self.smooth_cutoff}, expected 0 <= value < {self.cutoff}"
            )
        if not self.embedding or not value:
            raise ValueError("embedding and fitting need at least one layer")
        if not 1 <= self.axis <= self.embedding[-1]:
            raise ValueError(f"axis: got {self.axis}, expected 1..{self.embedding[-1]}")

    @property
    def n_types(self) -> int:
        return len(self.species)

    @property
    def neighbor_cutoff(self) -> float:
        """Cutoff in Å."""
        return self.cutoff

    @property
    def n_descriptor(self) -> int:
        return self.embedding[-1] * self.axis

    @property
    def scaler_shape(self) -> tuple[int, ...]:
        """Shape of the scales of the environment matrix."""
        return self.n_types, N_SCALES

    @property
    def own_networks(self) -> Self:
        """The sizes with separate networks per pair and species, as evaluated."""
        return evolve(self, type_embedding=0)

    @property
    def embedding_net(self) -> Dense:
        """Takes s, and the type vectors of neighbour and centre."""
        return Dense(1 + 2 * self.type_embedding, self.embedding)

    @property
    def fitting_net(self) -> Dense:
        """Takes D, and the type vector of the centre; w_out follows."""
        return Dense(self.n_descriptor + self.type_embedding, self.fitting)

    @property
    def network_names(self) -> tuple[list[str], list[str]]:
        """Names of the embedding and the fitting networks."""
        if self.type_embedding:
            return ["embedding"], ["fitting"]
        pairs = [f"embedding.{first}-{second}" for first in self.species for second in self.species]
        return pairs, [f"fitting.{symbol}" for symbol in self.species]

    @property
    def n_parameters(self) -> int:
        networks = len(self.network_names[0]) * self.embedding_net.n_parameters
        networks += len(self.network_names[1]) * (self.fitting_net.n_parameters + self.fitting[-1])
        return networks + self.n_types * (self.type_embedding + 1)
