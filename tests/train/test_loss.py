"""The loss of gradient descent: its value, and its gradient against finite differences."""

from collections.abc import Callable

import attrs
import numpy as np
import pytest
import torch

from nepforge.data.batch import Batch, make_batch
from nepforge.data.frame import Frame
from nepforge.data.neighbors import find_neighbors
from nepforge.models.nep.network import NEP
from nepforge.train.loss import LossGradient, loss_gradient
from nepforge.train.observations import force_factors
from tests.conftest import SPECIES, random_model

MODEL = NEP(SPECIES, (4.5, 4.0), (2, 2), (3, 3), 3, ("222",), 5)
PARAMETERS = random_model(MODEL, 1).parameters
STEP = 1.0e-6
ALL = {"energy": 2.0, "force": 3.0, "virial": 0.5, "atomic_energy": 0.7}
OF_SPECIES = (1.5, 0.5)  # force weights of Hf and O
MakeFrame = Callable[..., Frame]


def batch_of(frames: list[Frame]) -> Batch:
    return make_batch(frames, [find_neighbors(f, SPECIES, 4.5) for f in frames])


def look(batch: Batch, prefactors: dict[str, float], parameters: torch.Tensor) -> LossGradient:
    q_scaler = random_model(MODEL, 1).q_scaler
    factors = force_factors(batch, OF_SPECIES)
    return loss_gradient(MODEL, parameters, q_scaler, batch, prefactors, factors)


def with_atomic_energies(frame: Frame) -> Frame:
    values = np.random.default_rng(frame.n_atoms).normal(-8.0, 1.0, frame.n_atoms)
    return attrs.evolve(frame, atomic_energy=values)


def mixed(random_frame: MakeFrame) -> list[Frame]:
    """Frames of two sizes and weights, some without some labels."""
    return [
        with_atomic_energies(random_frame(1)),
        attrs.evolve(random_frame(2, 5), weight=4.0),
        attrs.evolve(random_frame(3), energy=None, forces=None),
        attrs.evolve(random_frame(4), virial=None),
    ]


@pytest.mark.parametrize(
    "prefactors",
    [
        *({**dict.fromkeys(ALL, 0.0), name: value} for name, value in ALL.items()),
        ALL,
    ],
    ids=["energy", "force", "virial", "atomic energy", "all"],
)
def test_the_gradient_is_the_slope_of_the_loss(
    random_frame: MakeFrame, prefactors: dict[str, float]
) -> None:
    """Along random directions, for every term and with missing labels."""
    batch = batch_of(mixed(random_frame))
    here = look(batch, prefactors, PARAMETERS)
    rng = torch.Generator().manual_seed(2)
    for _ in range(3):
        direction = torch.randn(MODEL.n_parameters, generator=rng, dtype=torch.float64)
        upper = look(batch, prefactors, PARAMETERS + STEP * direction).loss
        lower = look(batch, prefactors, PARAMETERS - STEP * direction).loss
        slope = (upper - lower) / (2 * STEP)
        assert float(here.gradient @ direction) == pytest.approx(slope, rel=1e-6)


def test_the_loss_is_the_formula_of_the_manual(random_frame: MakeFrame) -> None:
    """p_F MSE(F) + p_E MSE(E)/N + p_V MSE(W)/N over six components, for a single frame.

    And p_A MSE of the atomic energies; force errors times the weight of their species.
    """
    batch = batch_of([with_atomic_energies(random_frame(1))])
    found = look(batch, ALL, PARAMETERS)
    energy, forces, virial, atomic = (
        getattr(batch, name) - getattr(found.prediction, name)
        for name in ("energy", "forces", "virial", "atomic_energy")
    )
    forces = forces * torch.tensor(OF_SPECIES, dtype=torch.float64)[batch.type_idx, None]
    six = virial[0][*torch.triu_indices(3, 3)]
    expected = (
        ALL["force"] * forces.square().mean()
        + ALL["energy"] * energy.square().mean() / 7
        + ALL["virial"] * six.square().mean() / 7
        + ALL["atomic_energy"] * atomic.square().mean()
    )
    assert found.loss == pytest.approx(float(expected), rel=1e-12)


def test_labels_that_nobody_has_leave_the_gradient_alone(random_frame: MakeFrame) -> None:
    """A batch without virials has the loss and gradient of the other terms."""
    batch = batch_of([attrs.evolve(random_frame(seed), virial=None) for seed in (1, 2)])
    found = look(batch, ALL, PARAMETERS)
    others = look(batch, {**ALL, "virial": 0.0}, PARAMETERS)
    assert found.loss == others.loss
    assert torch.equal(found.gradient, others.gradient)
