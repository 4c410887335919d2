"""Moments and rows of the trainer over the table of potentials and structures; empty lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nepforge.data.batch import Batch, make_batch
from nepforge.data.frame import Frame
from nepforge.data.neighbors import find_neighbors
from nepforge.formats.open_model import open_nep
from nepforge.models.nep.moments import Moments, TorchPairKernels
from nepforge.models.nep.native_moments import NativePairKernels
from nepforge.models.nep.network import NEP
from nepforge.models.nep.radial import radial_basis
from tests.models.potentials import SAMPLES, Sample
from tests.potential_table import POTENTIALS, SHORT_ANGULAR_CUTOFF, UNEP
from tests.structure_table import structures

EXACT = 1.0e-10
STEP = 1.0e-5
TABLE = {
    name: file
    for name, file in {**POTENTIALS, **SHORT_ANGULAR_CUTOFF}.items()
    if len(file.species) <= len(UNEP)
}
QUICK = (3, 5)  # numbers of species; the others are slow together
LONE = [
    Frame(np.array([8]), np.zeros((1, 3)), np.zeros((3, 3)), pbc=(False, False, False)),
    Frame(np.array([72, 8]), np.array([[1.0, 2.0, 3.0], [20.0, 0.0, 1.0]]), 40.0 * np.eye(3)),
]


def batch_of(model: NEP, frames: list[Frame]) -> Batch:
    cutoff = model.neighbor_cutoff
    return make_batch(frames, [find_neighbors(frame, model.species, cutoff) for frame in frames])


def assert_same(found: Moments, expected: Moments) -> None:
    torch.testing.assert_close(found.radial, expected.radial, rtol=EXACT, atol=EXACT)
    torch.testing.assert_close(found.angular, expected.angular, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if len(file.species) in QUICK else pytest.mark.slow)
        for name, file in TABLE.items()
    ],
)
def test_compiled_kernels_equal_torch(name: str, tmp_path: Path) -> None:
    """Moments, their changes, forces and virials, for all structures of the table in one batch."""
    model = open_nep(TABLE[name].write(tmp_path / "nep.txt")).trained.model
    table = structures(TABLE[name]).values()
    batch = batch_of(model, [Frame(one.numbers, one.positions, one.cell) for one in table])
    arguments = (batch, model.pair_cutoffs(), model.basis_size, model.l_max)
    compiled, reference = NativePairKernels(*arguments), TorchPairKernels(*arguments)
    assert_same(compiled.moments(), reference.moments())
    rng = torch.Generator().manual_seed(2)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    displacements, strains = random(1, len(batch.frame_idx), 3), random(1, batch.n_frames, 3, 3)
    for method, directions in {"displacement": displacements, "strain": strains}.items():
        found, expected = (
            getattr(kernels, f"{method}_tangents")(directions) for kernels in (compiled, reference)
        )
        assert_same(found, expected)
    moment = reference.moments()
    gradient = Moments(random(*moment.radial.shape), random(*moment.angular.shape))
    for found, expected in zip(
        compiled.forces_and_virial(gradient), reference.forces_and_virial(gradient), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=EXACT, atol=1.0e-8)


@pytest.fixture(params=SAMPLES.values(), ids=SAMPLES.keys())
def sample(request: pytest.FixtureRequest) -> Sample:
    return request.param


def test_atoms_without_neighbours_have_energies_and_rows(sample: Sample) -> None:
    """No atom in the batch has a neighbour: no forces, and rows that are slopes of the energy."""
    batch = sample.batch(LONE)
    assert batch.neighbor_vector.shape == (3, 0, 3)
    linearised = sample.model.linearise(sample.parameters, sample.scaler, batch)
    prediction = linearised.prediction
    assert not prediction.forces.any()
    assert not prediction.virial.any()
    rng = torch.Generator().manual_seed(5)
    direction = torch.randn(sample.model.n_parameters, generator=rng, dtype=torch.float64)
    upper, lower = (
        sample.model.predict(sample.parameters + step * direction, sample.scaler, batch).energy
        for step in (STEP, -STEP)
    )
    rows = linearised.energy_rows()
    torch.testing.assert_close(rows @ direction, (upper - lower) / (2 * STEP), rtol=1e-6, atol=1e-6)
    displacements = torch.randn(2, 3, 3, generator=rng, dtype=torch.float64)
    strains = torch.randn(2, 2, 3, 3, generator=rng, dtype=torch.float64)
    assert not linearised.displacement_rows(displacements).any()
    assert not linearised.strain_rows(strains).any()


def test_a_batch_without_neighbours_sets_no_scaler(sample: Sample) -> None:
    """Positive and finite, as for any other data."""
    scaler = sample.model.find_scaler([sample.batch(LONE)])
    assert bool((scaler > 0).all() and scaler.isfinite().all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_padding_far_beyond_the_cutoff_is_zero(dtype: torch.dtype) -> None:
    """T_60 at 1000 Å is beyond every number that the type holds."""
    values, slopes = radial_basis(torch.tensor([1000.0], dtype=dtype), 2.0, 60)
    assert not values.any()
    assert not slopes.any()
