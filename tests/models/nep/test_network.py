"""The NEP model: compiled against torch kernels, Jacobian rows, sizes. See test_contract."""

from collections.abc import Callable

import attrs
import numpy as np
import pytest
import torch
from torch import Tensor

from nepforge.data.batch import Batch, make_batch
from nepforge.data.frame import Frame
from nepforge.data.neighbors import find_neighbors
from nepforge.formats.potential_file import NEPModel
from nepforge.models.nep.jacobian import atomic_energy_rows, direction_rows, energy_rows
from nepforge.models.nep.moments import Moments, TorchPairKernels
from nepforge.models.nep.native_moments import NativePairKernels
from nepforge.models.nep.network import NEP
from nepforge.models.nep.states import type_states
from tests.conftest import SPECIES, random_model
from tests.models.potentials import NEP_MODELS

EXACT = 1.0e-10
MakeFrame = Callable[..., Frame]


@pytest.fixture(params=NEP_MODELS.values(), ids=NEP_MODELS.keys())
def trained(request: pytest.FixtureRequest) -> NEPModel:
    return random_model(request.param, 1)


def batch_of(frames: list[Frame], model: NEP) -> Batch:
    return make_batch(frames, [find_neighbors(f, SPECIES, model.max_cutoff[0]) for f in frames])


def assert_same_moments(found: Moments, expected: Moments) -> None:
    torch.testing.assert_close(found.radial, expected.radial, rtol=EXACT, atol=EXACT)
    torch.testing.assert_close(found.angular, expected.angular, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_compiled_kernels_equal_torch(
    trained: NEPModel, random_frame: MakeFrame, n_threads: int
) -> None:
    """Moments, tangents, forces and virials of the C++ kernels are those of torch."""
    model = trained.model
    batch = batch_of([random_frame(8), random_frame(9, 5)], model)
    arguments = (batch, model.pair_cutoffs(), model.basis_size, model.l_max)
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        compiled, reference = NativePairKernels(*arguments), TorchPairKernels(*arguments)
    finally:
        torch.set_num_threads(before)
    rng = torch.Generator().manual_seed(2)
    displacements = torch.randn(3, 12, 3, generator=rng, dtype=torch.float64)
    displacements[0, 2:] = 0.0  # few atoms move: the shortcut for pairs at rest
    strains = torch.randn(2, 2, 3, 3, generator=rng, dtype=torch.float64)
    moment = reference.moments()
    assert_same_moments(compiled.moments(), moment)
    assert_same_moments(
        compiled.displacement_tangents(displacements),
        reference.displacement_tangents(displacements),
    )
    assert_same_moments(compiled.strain_tangents(strains), reference.strain_tangents(strains))
    gradient = Moments(torch.randn_like(moment.radial), torch.randn_like(moment.angular))
    for found, expected in zip(
        compiled.forces_and_virial(gradient), reference.forces_and_virial(gradient), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=EXACT, atol=1e-8)


def test_energy_rows_equal_automatic_differentiation(
    trained: NEPModel, random_frame: MakeFrame
) -> None:
    """Hand-written dU/dtheta, of frames and of weighted atoms, equals jacrev to 1e-10."""
    model, q_scaler = trained.model, trained.q_scaler
    batch = batch_of([random_frame(10), random_frame(11, 5)], model)
    moment = model.pair_kernels(batch).moments()

    def energies(parameters: Tensor) -> Tensor:
        states = type_states(model, parameters, q_scaler, batch, moment)
        return batch.sum_by_frame(torch.cat([state.energy for state in states]))

    states = type_states(model, trained.parameters, q_scaler, batch, moment)
    rows = energy_rows(model, batch, moment, states)
    expected = torch.func.jacrev(energies)(trained.parameters)
    torch.testing.assert_close(rows, expected, rtol=EXACT, atol=EXACT)
    weights = torch.randn(3, 12, generator=torch.Generator().manual_seed(4), dtype=torch.float64)

    def weighed(parameters: Tensor) -> Tensor:
        states = type_states(model, parameters, q_scaler, batch, moment)
        return batch.sum_by_frame((weights * torch.cat([s.energy for s in states])).mT).mT

    rows = atomic_energy_rows(model, batch, moment, states, weights)
    expected = torch.func.jacrev(weighed)(trained.parameters)
    torch.testing.assert_close(rows, expected, rtol=EXACT, atol=EXACT)


def test_direction_rows_equal_automatic_differentiation(
    trained: NEPModel, random_frame: MakeFrame
) -> None:
    """Rows of U' along displacements and strains equal jacrev of (moments -> U -> jvp)."""
    model, q_scaler = trained.model, trained.q_scaler
    batch = batch_of([random_frame(12), random_frame(13, 5)], model)
    kernels = model.pair_kernels(batch)
    moment = kernels.moments()
    rng = torch.Generator().manual_seed(3)
    displacements = torch.randn(2, 12, 3, generator=rng, dtype=torch.float64)
    strains = torch.randn(2, 2, 3, 3, generator=rng, dtype=torch.float64)
    states = type_states(model, trained.parameters, q_scaler, batch, moment)

    def energies(parameters: Tensor, radial: Tensor, angular: Tensor) -> Tensor:
        found = type_states(model, parameters, q_scaler, batch, Moments(radial, angular))
        return batch.sum_by_frame(torch.cat([state.energy for state in found]))

    for tangent in (kernels.displacement_tangents(displacements), kernels.strain_tangents(strains)):
        values, rows = direction_rows(
            model, trained.parameters, q_scaler, batch, moment, tangent, states
        )
        for d in range(2):

            def change(parameters: Tensor, d: int = d, tangent: Moments = tangent) -> Tensor:
                _, slope = torch.func.jvp(
                    lambda radial, angular: energies(parameters, radial, angular),
                    (moment.radial, moment.angular),
                    (tangent.radial[d], tangent.angular[d]),
                )
                return slope

            torch.testing.assert_close(values[d], change(trained.parameters), rtol=0, atol=EXACT)
            expected = torch.func.jacrev(change)(trained.parameters)
            torch.testing.assert_close(rows[d], expected, rtol=EXACT, atol=EXACT)


def test_directional_change_is_minus_force_along_it(
    trained: NEPModel, random_frame: MakeFrame
) -> None:
    """U' along displacements s is -sum s . F of the network; ZBL does not enter."""
    model = attrs.evolve(trained.model, zbl=None)
    trained = attrs.evolve(trained, model=model)
    frames = [random_frame(14)]
    batch = batch_of(frames, model)
    prediction = model.predict(trained.parameters, trained.q_scaler, batch)
    kernels = model.pair_kernels(batch)
    moment = kernels.moments()
    states = type_states(model, trained.parameters, trained.q_scaler, batch, moment)
    s = torch.randn(1, 7, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    values, _ = direction_rows(
        model,
        trained.parameters,
        trained.q_scaler,
        batch,
        moment,
        kernels.displacement_tangents(s),
        states,
    )
    expected = -(s[0] * prediction.forces).sum()
    assert float(values[0, 0]) == pytest.approx(float(expected), abs=EXACT)


def test_parameter_counts_match_the_file_format() -> None:
    """(dim + 2) neurons + 1 per species, and T^2 (n_max + 1)(basis_size + 1) coefficients each."""
    model = NEP(SPECIES, (6.0, 6.0), (4, 4), (12, 12), 4, ("222", "1111"), 40)
    assert model.n_descriptor == 5 + 5 * 6
    assert model.n_parameters == 2 * (37 * 40 + 1) + 4 * 5 * 13 * 2 == 3482


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"l_max": 9}, "l_max"),
        ({"l_max": 2, "invariants": ("123",)}, "needs l_max >= 3"),
        ({"invariants": ("1111", "222")}, "in order"),
        ({"cutoff": (4.0, 5.0)}, "got radial 4.0, angular 5.0"),
    ],
)
def test_impossible_sizes_are_refused(changes: dict[str, object], message: str) -> None:
    """A model that no formula describes cannot be made."""
    with pytest.raises(ValueError, match=message):
        attrs.evolve(NEP_MODELS["reference"], **changes)


def test_a_component_that_varies_by_rounding_alone_gets_the_scaler_one() -> None:
    """Odd l vanish on sites with inversion symmetry; 1 / 1e-31 would ruin every other structure."""
    model = NEP(SPECIES, (5.0, 5.0), (2, 2), (3, 3), 4, (), 5)
    frames = [
        Frame(
            numbers=np.array([8]),
            positions=np.zeros((1, 3)),
            cell=(1.0 + strain) * np.array([[0.0, 2.0, 2.0], [2.0, 0.0, 2.0], [2.0, 2.0, 0.0]]),
        )
        for strain in (-0.03, -0.01, 0.0, 0.02)
    ]
    scaler = model.find_scaler([batch_of(frames, model)])
    odd = [model.n_radial + idx for l in (1, 3) for idx in range(3 * (l - 1), 3 * l)]
    assert (scaler[odd] == 1.0).all()
    assert scaler.max() < 1.0e4
