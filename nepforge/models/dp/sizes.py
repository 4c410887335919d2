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
    smooth_cutoff: float  # Å, where the weight of a neighbour begins to fall
    embedding: tuple[int, ...]  # widths of the layers of an embedding network
    axis: int  # columns of A that make the second factor of D
    fitting: tuple[int, ...] = field()  # widths of the layers of a fitting network
    type_embedding: int = 0  # length of the vector of a species, 0: separate networks

    @fitting.validator
    def _check(self, _attribute: object, value: tuple[int, ...]) -> None:
        if not 0.0 <= self.smooth_cutoff < self.cutoff:
            raise ValueError(
                f"smooth_cutoff: got {self.smooth_cutoff}, expected 0 to below {self.cutoff}"
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
        """Distance in Å beyond which no neighbour matters."""
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
        """The sizes with a network for each pair and species: what is evaluated."""
        return evolve(self, type_embedding=0)

    @property
    def embedding_net(self) -> Dense:
        """Of s, and of the vectors of neighbour and centre."""
        return Dense(1 + 2 * self.type_embedding, self.embedding)

    @property
    def fitting_net(self) -> Dense:
        """Of D, and of the vector of the centre; up to w_out."""
        return Dense(self.n_descriptor + self.type_embedding, self.fitting)

    @property
    def network_names(self) -> tuple[list[str], list[str]]:
        """What the embedding and the fitting networks are for."""
        if self.type_embedding:
            return ["embedding"], ["fitting"]
        pairs = [f"embedding.{first}-{second}" for first in self.species for second in self.species]
        return pairs, [f"fitting.{symbol}" for symbol in self.species]

    @property
    def n_parameters(self) -> int:
        networks = len(self.network_names[0]) * self.embedding_net.n_parameters
        networks += len(self.network_names[1]) * (self.fitting_net.n_parameters + self.fitting[-1])
        return networks + self.n_types * (self.type_embedding + 1)
