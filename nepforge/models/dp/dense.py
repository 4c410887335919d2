"""Networks of tanh layers with shortcuts; first and second derivatives derived by hand.

    y = tanh(x W + b) + shortcut(x)

where shortcut(x) is x between layers of equal width, (x, x) where the width doubles, 0 elsewhere
and around the first layer: the "resnet" of DeePMD-kit without time step (Zhang et al., DeepPot-SE,
NeurIPS 2018, arXiv:1805.09003). Its backends differ in detail: torch and numpy also bypass a first
layer where the widths fit; the fitting network in TensorFlow has no doubling.

With a prime for the change along a direction of the input, z = x W + b and h = tanh z,

    z' = x' W,   y' = (1 - h^2) z' + shortcut(x').

A scalar L(y, y') has the gradients, with m = 1 - h^2:

    dL/dz' = m dL/dy',   dL/dz = m (dL/dy - 2 h z' dL/dy'),
    row of W: x^T dL/dz + x'^T dL/dz',   row of b: dL/dz.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor

from nepforge.models.segments import segment_outer, segment_sum


@frozen
class Dense:
    """The sizes of a network."""

    n_input: int
    widths: tuple[int, ...]  # of the layers, first to last

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Input and output width of each layer."""
        return list(itertools.pairwise((self.n_input, *self.widths)))

    @property
    def layer_sizes(self) -> list[int]:
        """Parameters of each layer: W row by row, then b."""
        return [(n_input + 1) * n_output for n_input, n_output in self.shapes]

    @property
    def n_parameters(self) -> int:
        return sum(self.layer_sizes)

    def layers(self, parameters: Tensor) -> list[Layer]:
        """Views of parameters [..., n_parameters]."""
        pieces = parameters.split(self.layer_sizes, dim=-1)
        return [
            Layer(piece[..., :-n_output].unflatten(-1, (n_input, n_output)), piece[..., -n_output:])
            for piece, (n_input, n_output) in zip(pieces, self.shapes, strict=True)
        ]

    def initial_parameters(self, rng: torch.Generator) -> Tensor:
        """W of variance 1/(inputs + outputs) and b ~ N(0, 1) as in DeePMD-kit, float64."""
        parameters = torch.randn(self.n_parameters, generator=rng, dtype=torch.float64)
        for layer, (n_input, n_output) in zip(self.layers(parameters), self.shapes, strict=True):
            layer.weight.mul_((n_input + n_output) ** -0.5)
        return parameters


@frozen(eq=False)
class Layer:
    """The parameters of one layer, or their rows of the Jacobian."""

    weight: Tensor  # [..., n_input, n_output]
    bias: Tensor  # [..., n_output]


@frozen(eq=False)
class LayerState:
    """One layer at n inputs."""

    x: Tensor  # [n, n_input]
    hidden: Tensor  # h [n, n_output]
    slope: Tensor  # 1 - h^2 [n, n_output]


@frozen(eq=False)
class LayerChange:
    """The change of one layer along D directions of its inputs; D may be absent."""

    x: Tensor  # x' [D, n, n_input]
    z: Tensor  # z' [D, n, n_output]

    def times(self, factor: Tensor) -> LayerChange:
        """The change multiplied by `factor` [..., n, 1]."""
        return LayerChange(factor * self.x, factor * self.z)


def forward(layers: Sequence[Layer], x: Tensor) -> tuple[Tensor, list[LayerState]]:
    """y [n, width] at inputs x [n, n_input], and what the derivatives need."""
    states = []
    for idx, layer in enumerate(layers):
        hidden = torch.tanh(torch.addmm(layer.bias, x, layer.weight))
        states.append(LayerState(x, hidden, 1.0 - hidden * hidden))
        x = hidden + _shortcut(x, hidden) if idx else hidden
    return x, states


def forward_change(
    layers: Sequence[Layer], states: Sequence[LayerState], x: Tensor
) -> tuple[Tensor, list[LayerChange]]:
    """y' [D, n, width] for changes x' [D, n, n_input] of the inputs; D may be absent."""
    changes = []
    for idx, (layer, state) in enumerate(zip(layers, states, strict=True)):
        z = x @ layer.weight
        changes.append(LayerChange(x, z))
        y = state.slope * z
        x = y + _shortcut(x, y) if idx else y
    return x, changes


def pull_back(
    layers: Sequence[Layer], states: Sequence[LayerState], gradient: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """dL/dx and dL/dz of every layer from dL/dy; likewise dL/dx' and dL/dz' from dL/dy'."""
    return _pull_back(layers, states, gradient, [None] * len(layers))


def pull_back_change(
    layers: Sequence[Layer],
    states: Sequence[LayerState],
    gradient: Tensor,
    changes: Sequence[LayerChange],
    change_gradients: Sequence[Tensor],
) -> tuple[Tensor, list[Tensor]]:
    """dL/dx and dL/dz of every layer where L depends on y and on y'.

    Args:
        gradient: dL/dy [D, n, width].
        changes: From `forward_change`.
        change_gradients: dL/dz' of every layer, from `pull_back` of dL/dy'.
    """
    bends: list[Tensor | None] = [
        -2.0 * state.hidden * change.z * of_change
        for state, change, of_change in zip(states, changes, change_gradients, strict=True)
    ]
    return _pull_back(layers, states, gradient, bends)


def _pull_back(
    layers: Sequence[Layer],
    states: Sequence[LayerState],
    gradient: Tensor,
    bends: Sequence[Tensor | None],
) -> tuple[Tensor, list[Tensor]]:
    """`bends` are the parts of dL/dz that come through the slopes."""
    z_gradients: list[Tensor] = []
    for idx in reversed(range(len(layers))):
        z, bend = states[idx].slope * gradient, bends[idx]
        if bend is not None:
            z = z + bend
        z_gradients.append(z)
        x = z @ layers[idx].weight.mT
        gradient = x + _shortcut_back(gradient, x) if idx else x
    return gradient, z_gradients[::-1]


def fill_rows(
    rows: Sequence[Layer],
    states: Sequence[LayerState],
    z_gradients: Sequence[Tensor],
    offsets: tuple[int, ...],
) -> None:
    """Write dL/dparameters into rows [..., F, n_parameters], viewed by layer.

    L is summed over the segments of the n inputs.
    """
    for row, state, z in zip(rows, states, z_gradients, strict=True):
        row.weight.copy_(segment_outer(state.x, z, offsets))
        row.bias.copy_(segment_sum(z, offsets))


def fill_change_rows(
    rows: Sequence[Layer],
    states: Sequence[LayerState],
    z_gradients: Sequence[Tensor],
    changes: Sequence[LayerChange],
    change_gradients: Sequence[Tensor],
    offsets: tuple[int, ...],
) -> None:
    """The same where L depends on y and on y', for rows [D, F, n_parameters]."""
    for row, state, z, change, of_change in zip(
        rows, states, z_gradients, changes, change_gradients, strict=True
    ):
        row.weight.copy_(
            segment_outer(state.x, z, offsets) + segment_outer(change.x, of_change, offsets)
        )
        row.bias.copy_(segment_sum(z, offsets))


def _shortcut(x: Tensor, y: Tensor) -> Tensor:
    """The part of the input x that y gains."""
    if y.shape[-1] == x.shape[-1]:
        return x
    if y.shape[-1] == 2 * x.shape[-1]:
        return torch.cat([x, x], dim=-1)
    return y.new_zeros(())


def _shortcut_back(gradient: Tensor, x: Tensor) -> Tensor:
    """The gradient of the input x through the shortcut, from that of the output."""
    width = x.shape[-1]
    if gradient.shape[-1] == width:
        return gradient
    if gradient.shape[-1] == 2 * width:
        return gradient[..., :width] + gradient[..., width:]
    return x.new_zeros(())
