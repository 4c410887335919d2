"""Deep Potential with the two-body embedding descriptor (se_e2_a, DeepPot-SE).

    A_i = sum_j R_ij^T G_ij / n_neighbors,   G_ij = embedding(s_ij),
    D_i = A_i^T A_i[:, :axis],   U_i = w_out . fitting(D_i) + bias

with the rows R_ij and the scaled weight s_ij of models.environment, one embedding network for each
pair (species of the centre, species of the neighbour), and one fitting network for each species
(Zhang et al., NeurIPS 2018, arXiv:1805.09003). With `type_embedding` there is one embedding and one
fitting network for all, which are given a trained vector of each species besides: of neighbour and
centre after s, of the centre after D.

Equal to DeePMD-kit with `set_davg_zero` and `resnet_dt = false`; n_neighbors is its sum of `sel`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from attrs import field, frozen
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.models.dp.dense import (
    Dense,
    Layer,
    LayerChange,
    LayerState,
    forward,
    forward_change,
    pull_back,
)
from nepforge.models.dp.environment import N_SCALES, Environment, find_scales
from nepforge.models.dp.jacobian import LinearisedDP
from nepforge.models.potential import Prediction


@frozen
class DP:
    """The sizes of a DP model. Its numbers live in one flat parameter vector and in a scaler."""

    species: tuple[str, ...]  # chemical symbols; the type index is the position here
    cutoff: float  # Å
    smooth_cutoff: float  # Å, where the weight of a neighbour begins to fall
    embedding: tuple[int, ...]  # widths of the layers of an embedding network
    axis: int  # columns of A that make the second factor of D
    fitting: tuple[int, ...] = field()  # widths of the layers of a fitting network
    type_embedding: int = 0  # length of the vector of a species, 0: networks of their own

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
    def own_networks(self) -> DP:
        """The model with networks of their own for all pairs and species, as it is evaluated."""
        return DP(
            self.species, self.cutoff, self.smooth_cutoff, self.embedding, self.axis, self.fitting
        )

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
        return sum(size for _, size in self.parameter_groups())

    def parameter_groups(self) -> list[tuple[str, int]]:
        """Names and sizes of the parts of the flat vector, in order: the layers of the LKF."""
        embeddings, fittings = self.network_names
        groups = [
            (f"{name}.{layer}", size)
            for name in embeddings
            for layer, size in enumerate(self.embedding_net.layer_sizes)
        ]
        for name in fittings:
            sizes = [*self.fitting_net.layer_sizes, self.fitting[-1]]
            groups += [(f"{name}.{layer}", size) for layer, size in enumerate(sizes)]
        if self.type_embedding:
            groups.append(("type_vectors", self.n_types * self.type_embedding))
        return [*groups, ("bias", self.n_types)]

    def weights(self, parameters: Tensor) -> Weights:
        """Views of the flat vector [n_parameters]."""
        embeddings, fittings = self.network_names
        one_embedding, one_fitting = self.embedding_net, self.fitting_net
        sizes = [
            *[one_embedding.n_parameters] * len(embeddings),
            *[one_fitting.n_parameters, self.fitting[-1]] * len(fittings),
            self.n_types * self.type_embedding,
            self.n_types,
        ]
        pieces = parameters.split(sizes)
        fitting_pieces = pieces[len(embeddings) : -2]
        return Weights(
            embedding=[one_embedding.layers(piece) for piece in pieces[: len(embeddings)]],
            fitting=[one_fitting.layers(piece) for piece in fitting_pieces[::2]],
            output=list(fitting_pieces[1::2]),
            type_vectors=pieces[-2].view(self.n_types, self.type_embedding),
            bias=pieces[-1],
        )

    def own_parameters(self, parameters: Tensor) -> Tensor:
        """Parameters of `own_networks` that give the same potential.

        A type vector is a constant input, which a first layer takes up into its bias.
        """
        if not self.type_embedding:
            return parameters
        weights = self.weights(parameters)
        (embedding,), (fitting,), (output,) = weights.embedding, weights.fitting, weights.output
        parts = []
        for centre in weights.type_vectors:
            for neighbor in weights.type_vectors:
                parts += _with_constant_input(embedding, torch.cat([neighbor, centre]))
        for centre in weights.type_vectors:
            parts += [*_with_constant_input(fitting, centre), output]
        return torch.cat([*parts, weights.bias])

    def initial_parameters(self, energy_baseline: Sequence[float], rng: torch.Generator) -> Tensor:
        """Random parameters [n_parameters], float64.

        Weights have the variance 1/(inputs + outputs), layer biases and type vectors are N(0, 1) as
        in DeePMD-kit; the bias of a species takes the baseline.

        Args:
            energy_baseline: Energy of one atom of each species in eV.
            rng: Source of the random numbers.
        """
        embeddings, fittings = self.network_names
        parts = [self.embedding_net.initial_parameters(rng) for _ in embeddings]
        for _ in fittings:
            parts.append(self.fitting_net.initial_parameters(rng))
            output = torch.randn(self.fitting[-1], generator=rng, dtype=torch.float64)
            parts.append(output * (self.fitting[-1] + 1) ** -0.5)
        n_vectors = self.n_types * self.type_embedding
        parts.append(torch.randn(n_vectors, generator=rng, dtype=torch.float64))
        return torch.cat([*parts, torch.as_tensor(energy_baseline, dtype=torch.float64)])

    def descriptor(self, a: Tensor) -> Tensor:
        """D [..., width, axis] of A [..., 4, width]."""
        return a.mT @ a[..., : self.axis]

    def descriptor_change(self, a: Tensor, change: Tensor) -> Tensor:
        """D' for the change A'."""
        return change.mT @ a[..., : self.axis] + a.mT @ change[..., : self.axis]

    def descriptor_pull_back(self, a: Tensor, gradient: Tensor) -> Tensor:
        """dU/dA [..., 4, width] from dU/dD [..., width, axis], bilinear in A and dU/dD."""
        result = a[..., : self.axis] @ gradient.mT
        result[..., : self.axis] += a @ gradient
        return result

    def find_scaler(self, batches: Iterable[Batch]) -> Tensor:
        """Scales of the environment matrix, [T, N_SCALES]."""
        return find_scales(batches, self.smooth_cutoff, self.cutoff)

    def predict(self, parameters: Tensor, scaler: Tensor, batch: Batch) -> Prediction:
        """Energies (eV), forces (eV/Å) and virials (eV, W = -dU/dstrain) of a batch."""
        return self.linearise(parameters, scaler, batch).prediction

    def predictor(self, scaler: Tensor, batch: Batch) -> Callable[[Tensor], Prediction]:
        """`predict` of one batch as a function of the parameters; its environment is found once."""
        environment = self._environment(scaler, batch)
        return lambda parameters: linearise(self, parameters, scaler, environment).prediction

    def linearise(self, parameters: Tensor, scaler: Tensor, batch: Batch) -> LinearisedDP:
        """The same, with rows of the Jacobian."""
        return linearise(self, parameters, scaler, self._environment(scaler, batch))

    def _environment(self, scaler: Tensor, batch: Batch) -> Environment:
        return Environment.of(batch, scaler, self.smooth_cutoff, self.cutoff)


@frozen(eq=False)
class Weights:
    """Named views of a parameter vector."""

    embedding: list[list[Layer]]  # of the pairs t * T + t' of centre t and neighbour t', or one
    fitting: list[list[Layer]]  # of each species, or one
    output: list[Tensor]  # w_out [width] of each fitting network
    type_vectors: Tensor  # [T, type_embedding]
    bias: Tensor  # [T] eV


def _with_constant_input(layers: Sequence[Layer], constant: Tensor) -> list[Tensor]:
    """The numbers of a network whose last inputs are constants and are left out."""
    first, *others = layers
    n_input = len(first.weight) - len(constant)
    bias = first.bias + constant @ first.weight[n_input:]
    parts = [first.weight[:n_input].flatten(), bias]
    for layer in others:
        parts += [layer.weight.flatten(), layer.bias]
    return parts


def linearise(
    model: DP, parameters: Tensor, scaler: Tensor, environment: Environment
) -> LinearisedDP:
    """Evaluate a batch, given its environment matrix."""
    weights = model.own_networks.weights(model.own_parameters(parameters))
    states = [
        type_state(model, weights, scaler, environment, type_idx)
        for type_idx in range(model.n_types)
    ]
    return LinearisedDP(
        model=model,
        parameters=parameters,
        scaler=scaler,
        environment=environment,
        weights=weights,
        states=states,
        prediction=_prediction(environment, scaler, states),
    )


@frozen(eq=False)
class EmbeddingState:
    """An embedding network at the P pairs of centres of one type and neighbours of one type."""

    layers: list[LayerState]
    changes: list[LayerChange]  # along s


@frozen(eq=False)
class TypeState:
    """Everything between environment matrix and energy for the n atoms of one type."""

    embeddings: list[EmbeddingState]  # by type of the neighbour
    value: Tensor  # G [n, K, width]
    slope: Tensor  # dG/ds [n, K, width]
    a: Tensor  # A [n, 4, width]
    fitting: list[LayerState]
    hidden: Tensor  # what w_out acts on [n, fitting width]
    energy: Tensor  # [n] eV
    z_gradients: list[Tensor]  # dU/dz of the layers of the fitting network
    q_gradient: Tensor  # dU/dD [n, width, axis]
    a_gradient: Tensor  # dU/dA [n, 4, width]
    value_gradient: Tensor  # dU/dG [n, K, width]


def type_state(
    model: DP, weights: Weights, scaler: Tensor, environment: Environment, type_idx: int
) -> TypeState:
    """Run atoms of one type from the environment matrix to the energy and back to dU/dG."""
    rows = environment.rows[environment.batch.type_slice(type_idx)]  # [n, K, 4]
    embeddings, value, slope = _embed(model, weights, environment, type_idx)
    a = scaler[type_idx, 2] * (rows.mT @ value)
    q = model.descriptor(a)  # [n, width, axis]
    net, output = weights.fitting[type_idx], weights.output[type_idx]
    hidden, fitting = forward(net, q.flatten(1))
    q_gradient, z_gradients = pull_back(net, fitting, output.expand_as(hidden))
    q_gradient = q_gradient.view_as(q)
    a_gradient = model.descriptor_pull_back(a, q_gradient)
    return TypeState(
        embeddings=embeddings,
        value=value,
        slope=slope,
        a=a,
        fitting=fitting,
        hidden=hidden,
        energy=hidden @ output + weights.bias[type_idx],
        z_gradients=z_gradients,
        q_gradient=q_gradient,
        a_gradient=a_gradient,
        value_gradient=scaler[type_idx, 2] * (rows @ a_gradient),
    )


def _embed(
    model: DP, weights: Weights, environment: Environment, type_idx: int
) -> tuple[list[EmbeddingState], Tensor, Tensor]:
    """States by type of the neighbour, G and dG/ds [n, K, width] of the atoms of one type."""
    batch = environment.batch
    states, values, slopes = [], [], []
    for t in range(model.n_types):
        s = environment.rows[batch.type_slice(type_idx), batch.column_slice(t), :1]  # [n, K_t, 1]
        net = weights.embedding[type_idx * model.n_types + t]
        value, layers = forward(net, s.flatten(0, 1))
        slope, changes = forward_change(net, layers, torch.ones_like(s).flatten(0, 1))
        states.append(EmbeddingState(layers, changes))
        values.append(value.unflatten(0, s.shape[:2]))
        slopes.append(slope.unflatten(0, s.shape[:2]))
    return states, torch.cat(values, dim=1), torch.cat(slopes, dim=1)


def _row_gradient(state: TypeState, per_neighbor: Tensor) -> Tensor:
    """dU/dR [n, K, 4], through s in G as well."""
    gradient = per_neighbor * (state.value @ state.a_gradient.mT)
    through_s = (state.value_gradient * state.slope).sum(dim=-1)
    gradient[..., 0] += through_s
    return gradient


def _prediction(
    environment: Environment, scaler: Tensor, states: Sequence[TypeState]
) -> Prediction:
    batch = environment.batch
    atomic_energy = torch.cat([state.energy for state in states])
    gradients = [_row_gradient(state, scaler[t, 2]) for t, state in enumerate(states)]
    p = environment.pair_gradients(torch.cat(gradients))
    forces = p.sum(dim=1).index_add(0, batch.neighbor_idx.flatten(), p.flatten(0, 1), alpha=-1.0)
    virial = batch.sum_by_frame(-(batch.neighbor_vector.mT @ p))
    return Prediction(atomic_energy, batch.sum_by_frame(atomic_energy), forces, virial)
