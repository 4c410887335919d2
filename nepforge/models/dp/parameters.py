"""Layout of the flat parameter vector of a Deep Potential, defined only here.

The embedding networks, each fitting network with its w_out, the type vectors, the biases of the
species. Rows of the Jacobian have the same layout, after leading dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor

from nepforge.models.dp.dense import Layer
from nepforge.models.dp.sizes import DPSizes


@frozen(eq=False)
class DPParameters:
    """Named views of parameters [..., n_parameters]; writing changes the vector."""

    embedding: list[list[Layer]]  # at t * T + t': centre t, neighbour t'; or one for all
    fitting: list[list[Layer]]  # per species, or one for all
    output: list[Tensor]  # w_out [..., width] of each fitting network
    type_vectors: Tensor  # [..., T, type_embedding]
    bias: Tensor  # [..., T] eV

    @classmethod
    def of(cls, model: DPSizes, parameters: Tensor) -> DPParameters:
        """Views of parameters, or of rows of the Jacobian, [..., n_parameters]."""
        n_embeddings, n_fittings = map(len, model.network_names)
        embedding, fitting = model.embedding_net, model.fitting_net
        sizes = [
            *[embedding.n_parameters] * n_embeddings,
            *[fitting.n_parameters, model.fitting[-1]] * n_fittings,
            model.n_types * model.type_embedding,
            model.n_types,
        ]
        *networks, type_vectors, bias = parameters.split(sizes, dim=-1)
        fittings = networks[n_embeddings:]
        return cls(
            embedding=[embedding.layers(piece) for piece in networks[:n_embeddings]],
            fitting=[fitting.layers(piece) for piece in fittings[::2]],
            output=fittings[1::2],
            type_vectors=type_vectors.unflatten(-1, (model.n_types, model.type_embedding)),
            bias=bias,
        )


def parameter_groups(model: DPSizes) -> list[tuple[str, int]]:
    """Names and sizes of the parts of the flat vector, in order: the layers of the LKF."""
    embeddings, fittings = model.network_names
    groups = [
        (f"{name}.{layer}", size)
        for name in embeddings
        for layer, size in enumerate(model.embedding_net.layer_sizes)
    ]
    for name in fittings:
        sizes = [*model.fitting_net.layer_sizes, model.fitting[-1]]
        groups += [(f"{name}.{layer}", size) for layer, size in enumerate(sizes)]
    if model.type_embedding:
        groups.append(("type_vectors", model.n_types * model.type_embedding))
    return [*groups, ("bias", model.n_types)]


def initial_parameters(
    model: DPSizes, energy_baseline: Sequence[float], rng: torch.Generator
) -> Tensor:
    """Random parameters [n_parameters], float64.

    Weights have the variance 1/(inputs + outputs); layer biases and type vectors are N(0, 1) as in
    DeePMD-kit; the bias of a species is its baseline.

    Args:
        model: The sizes.
        energy_baseline: Energy of one atom of each species in eV.
        rng: Source of the random numbers.
    """
    embeddings, fittings = model.network_names
    parts = [model.embedding_net.initial_parameters(rng) for _ in embeddings]
    for _ in fittings:
        parts.append(model.fitting_net.initial_parameters(rng))
        output = torch.randn(model.fitting[-1], generator=rng, dtype=torch.float64)
        parts.append(output * (model.fitting[-1] + 1) ** -0.5)
    n_vectors = model.n_types * model.type_embedding
    parts.append(torch.randn(n_vectors, generator=rng, dtype=torch.float64))
    return torch.cat([*parts, torch.as_tensor(energy_baseline, dtype=torch.float64)])


def own_parameters(model: DPSizes, parameters: Tensor) -> Tensor:
    """Parameters of `own_networks` that give the same potential.

    A type vector is a constant input, absorbed into the bias of the first layer.
    """
    if not model.type_embedding:
        return parameters
    shared = DPParameters.of(model, parameters)
    (embedding,), (fitting,), (output,) = shared.embedding, shared.fitting, shared.output
    parts = []
    for centre in shared.type_vectors:
        for neighbor in shared.type_vectors:
            parts += _with_constant_input(embedding, torch.cat([neighbor, centre]))
    for centre in shared.type_vectors:
        parts += [*_with_constant_input(fitting, centre), output]
    return torch.cat([*parts, shared.bias])


def _with_constant_input(layers: Sequence[Layer], constant: Tensor) -> list[Tensor]:
    """The parameters of a network without its last inputs, which are constant."""
    first, *others = layers
    n_input = len(first.weight) - len(constant)
    bias = first.bias + constant @ first.weight[n_input:]
    parts = [first.weight[:n_input].flatten(), bias]
    for layer in others:
        parts += [layer.weight.flatten(), layer.bias]
    return parts
