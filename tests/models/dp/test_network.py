"""The Deep Potential: weight of a neighbour, shared networks, Jacobian rows, sizes."""

from collections.abc import Callable

import attrs
import pytest
import torch
from torch import Tensor

from nepforge.data.frame import Frame
from nepforge.models.dp.dense import Dense, forward
from nepforge.models.dp.environment_matrix import EnvironmentMatrix, smooth_weight
from nepforge.models.dp.network import DP
from tests.conftest import SPECIES
from tests.models.potentials import DP_MODELS, Sample, dp_sample

EXACT = 1.0e-10
MakeFrame = Callable[..., Frame]


@pytest.fixture(params=DP_MODELS.values(), ids=DP_MODELS.keys())
def sample(request: pytest.FixtureRequest) -> Sample:
    return dp_sample(request.param)


def test_the_weight_falls_smoothly_from_1_over_r_to_0() -> None:
    """1/r up to the smooth cutoff, 0 from the cutoff, twice differentiable at both."""
    inside = torch.tensor([1.0, 2.0], dtype=torch.float64)
    torch.testing.assert_close(smooth_weight(inside, 2.0, 4.5)[0], 1.0 / inside)
    assert smooth_weight(torch.tensor([4.5, 9.0]), 2.0, 4.5)[0].tolist() == [0.0, 0.0]
    distance = torch.linspace(1.0, 5.0, 41, dtype=torch.float64)
    value, slope = smooth_weight(distance.requires_grad_(), 2.0, 4.5)
    (expected,) = torch.autograd.grad(value.sum(), distance)
    torch.testing.assert_close(slope, expected, rtol=EXACT, atol=EXACT)
    for at in (2.0, 4.5):
        around = torch.tensor([at - 1e-6, at + 1e-6], dtype=torch.float64, requires_grad=True)
        (second,) = torch.autograd.grad(smooth_weight(around, 2.0, 4.5)[1].sum(), around)
        assert float(second[0]) == pytest.approx(float(second[1]), abs=1e-4)


def test_shortcuts_go_around_equal_and_doubled_widths() -> None:
    """tanh(x W + b), then + x, + (x, x) or nothing, as DeePMD-kit's networks have it."""
    net = Dense(1, (2, 4, 4, 3))
    parameters = net.initial_parameters(torch.Generator().manual_seed(1))
    layers = net.layers(parameters)
    x = torch.tensor([[0.3], [-1.2]], dtype=torch.float64)

    def tanh(idx: int, y: Tensor) -> Tensor:
        return torch.tanh(y @ layers[idx].weight + layers[idx].bias)

    y = tanh(0, x)
    y = tanh(1, y) + torch.cat([y, y], dim=1)
    y = tanh(2, y) + y
    torch.testing.assert_close(forward(layers, x)[0], tanh(3, y))


def test_the_energy_is_that_of_the_formulas(random_frame: MakeFrame) -> None:
    """One atom's energy, written out with loops over its neighbours."""
    model = DP_MODELS["dp"]
    sample = dp_sample(model)
    batch = sample.batch([random_frame(1)])
    found = model.predict(sample.parameters, sample.scaler, batch).atomic_energy
    weights = model.views(sample.parameters)
    rows = EnvironmentMatrix.of(batch, sample.scaler, model.smooth_cutoff, model.cutoff).rows
    for atom, centre in enumerate(batch.type_idx.tolist()):
        a = torch.zeros(4, model.embedding[-1], dtype=torch.float64)
        for column, neighbor in enumerate(batch.column_type.tolist()):
            row = rows[atom, column]
            g, _ = forward(weights.embedding[centre * 2 + neighbor], row[:1, None])
            a += 0.1 * torch.outer(row, g[0])
        d = a.mT @ a[:, : model.axis]
        hidden, _ = forward(weights.fitting[centre], d.flatten()[None])
        expected = hidden[0] @ weights.output[centre] + weights.bias[centre]
        torch.testing.assert_close(found[atom], expected, rtol=EXACT, atol=EXACT)


def test_rows_equal_automatic_differentiation(sample: Sample, random_frame: MakeFrame) -> None:
    """Hand-written rows of U and of U' equal torch.func.jacrev to 1e-10."""
    batch = sample.batch([random_frame(10), random_frame(11, 5)])
    rng = torch.Generator().manual_seed(3)
    displacements = torch.randn(2, 12, 3, generator=rng, dtype=torch.float64)
    strains = torch.randn(2, 2, 3, 3, generator=rng, dtype=torch.float64)
    weights = torch.randn(3, 12, generator=rng, dtype=torch.float64)

    def changes(parameters: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        found = sample.model.predict(parameters, sample.scaler, batch)
        along = batch.sum_by_frame((displacements * found.forces).sum(dim=-1).mT).mT
        weighed = batch.sum_by_frame((weights * found.atomic_energy).mT).mT
        return found.energy, weighed, -along, -(strains * found.virial).sum(dim=(-1, -2))

    linearised = sample.model.linearise(sample.parameters, sample.scaler, batch)
    rows = (
        linearised.energy_rows(),
        linearised.atomic_energy_rows(weights),
        linearised.displacement_rows(displacements),
        linearised.strain_rows(strains),
    )
    expected = torch.func.jacrev(changes)(sample.parameters)
    for found, reference in zip(rows, expected, strict=True):
        torch.testing.assert_close(found, reference, rtol=EXACT, atol=EXACT)


def test_type_vectors_are_constant_inputs_of_shared_networks(random_frame: MakeFrame) -> None:
    """One embedding net of (s, neighbour, centre) and one fitting net of (D, centre)."""
    model = DP_MODELS["dp-type-embedding"]
    sample = dp_sample(model)
    shared, own = model.views(sample.parameters), model.own_networks
    unshared = own.views(model.own_parameters(sample.parameters))
    s = torch.tensor([[0.7]], dtype=torch.float64)
    d = torch.linspace(-1.0, 1.0, model.n_descriptor, dtype=torch.float64)[None]
    for centre in (0, 1):
        vector = shared.type_vectors[centre][None]
        for neighbor in (0, 1):
            x = torch.cat([s, shared.type_vectors[neighbor][None], vector], dim=1)
            found, _ = forward(unshared.embedding[centre * 2 + neighbor], s)
            torch.testing.assert_close(found, forward(shared.embedding[0], x)[0])
        found, _ = forward(unshared.fitting[centre], d)
        expected, _ = forward(shared.fitting[0], torch.cat([d, vector], dim=1))
        torch.testing.assert_close(found, expected)
    frame = random_frame(1)
    alone = Sample(own, model.own_parameters(sample.parameters), sample.scaler)
    assert alone.energy(frame) == sample.energy(frame)


def test_parameter_counts_follow_from_the_widths() -> None:
    """T^2 embedding and T fitting networks, or one of each with longer first layers."""
    embedding, fitting = 25 + 25 + 25 * 50 + 50 + 50 * 100 + 100, 240 * 240 + 240
    model = DP(SPECIES, 6.0, 0.5, (25, 50, 100), 16, (240, 240, 240))
    one = 1600 * 240 + 240 + 2 * fitting + 240
    assert model.n_parameters == 4 * embedding + 2 * one + 2
    shared = attrs.evolve(model, type_embedding=8)
    assert shared.n_parameters == embedding + 16 * 25 + one + 8 * 240 + 2 * 8 + 2


def test_the_mean_scaled_weight_has_spread_one(random_frame: MakeFrame) -> None:
    """find_scaler divides s by its standard deviation and s u by its root mean square."""
    model = DP_MODELS["dp"]
    batch = dp_sample(model).batch([random_frame(1), random_frame(2, 5)])
    scaler = model.find_scaler([batch])
    rows = EnvironmentMatrix.of(batch, scaler, model.smooth_cutoff, model.cutoff).rows
    inside = batch.neighbor_vector.norm(dim=-1) < model.cutoff
    for t in range(2):
        own = rows[batch.type_slice(t)][inside[batch.type_slice(t)]]
        assert float(own[:, 0].std(unbiased=False)) == pytest.approx(1.0)
        assert float(own[:, 1:].square().mean()) == pytest.approx(1.0)
    assert 1.0 / float(scaler[0, 2]) == int(inside.sum(dim=1).max())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"smooth_cutoff": 4.5}, "smooth_cutoff"),
        ({"axis": 9}, "axis"),
        ({"embedding": ()}, "at least one layer"),
    ],
)
def test_impossible_sizes_are_refused(changes: dict[str, object], message: str) -> None:
    """A model that no formula describes cannot be made."""
    with pytest.raises(ValueError, match=message):
        attrs.evolve(DP_MODELS["dp"], **changes)
