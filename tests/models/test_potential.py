"""What every potential must be: derivatives of one energy that no symmetry changes."""

from collections.abc import Callable

import attrs
import numpy as np
import pytest
import torch

from nepforge.data.frame import Frame
from tests.models.potentials import SAMPLES, Sample

STEP = 1.0e-5
DERIVATIVE_TOLERANCE = 1.0e-7  # central differences of step STEP, values of the order of one
EXACT = 1.0e-10
MakeFrame = Callable[..., Frame]


@pytest.fixture(params=SAMPLES.values(), ids=SAMPLES.keys())
def sample(request: pytest.FixtureRequest) -> Sample:
    return request.param


def test_forces_are_minus_energy_gradient(sample: Sample, random_frame: MakeFrame) -> None:
    """F = -dU/dr by central differences, for every atom of a two-frame batch."""
    frames = [random_frame(1), random_frame(2, 5)]
    prediction, batch = sample.predict(frames)
    forces = batch.to_source_order(prediction.forces)[:7]
    for atom in range(7):
        for c in range(3):
            energies = []
            for sign in (1, -1):
                positions = frames[0].positions.copy()
                positions[atom, c] += sign * STEP
                energies.append(sample.energy(attrs.evolve(frames[0], positions=positions)))
            slope = (energies[0] - energies[1]) / (2 * STEP)
            assert float(forces[atom, c]) == pytest.approx(-slope, abs=DERIVATIVE_TOLERANCE)


def test_virial_is_minus_strain_derivative(sample: Sample, random_frame: MakeFrame) -> None:
    """W = -dU/dstrain, all nine components, symmetric."""
    frame = random_frame(3)
    virial = sample.predict([frame])[0].virial[0]
    for a in range(3):
        for c in range(3):
            energies = []
            for sign in (1, -1):
                strain = np.eye(3)
                strain[a, c] += sign * STEP
                moved = attrs.evolve(
                    frame, positions=frame.positions @ strain, cell=frame.cell @ strain
                )
                energies.append(sample.energy(moved))
            slope = (energies[0] - energies[1]) / (2 * STEP)
            tolerance = DERIVATIVE_TOLERANCE * max(1.0, float(virial.abs().max()))
            assert float(virial[a, c]) == pytest.approx(-slope, abs=tolerance)
    torch.testing.assert_close(virial, virial.mT, rtol=0, atol=EXACT)


def test_energy_is_invariant(sample: Sample, random_frame: MakeFrame) -> None:
    """Translation, rotation, permutation and a supercell change nothing but the obvious."""
    frame = random_frame(4)
    reference = sample.energy(frame)
    rng = np.random.default_rng(0)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(frame.n_atoms)
    shifted = attrs.evolve(frame, positions=frame.positions + np.array([0.3, -7.0, 2.0]))
    rotated = attrs.evolve(frame, positions=frame.positions @ rotation, cell=frame.cell @ rotation)
    permuted = attrs.evolve(
        frame, positions=frame.positions[order], numbers=frame.numbers[order], forces=None
    )
    doubled = Frame(
        numbers=np.tile(frame.numbers, 2),
        positions=np.concatenate([frame.positions, frame.positions + frame.cell[1]]),
        cell=frame.cell * np.array([[1.0], [2.0], [1.0]]),
    )
    for other in (shifted, rotated, permuted):
        assert sample.energy(other) == pytest.approx(reference, abs=EXACT)
    assert sample.energy(doubled) == pytest.approx(2 * reference, abs=EXACT)


def test_frames_of_a_batch_do_not_feel_each_other(sample: Sample, random_frame: MakeFrame) -> None:
    """Frames of different sizes give the same numbers alone and together."""
    frames = [random_frame(5), random_frame(6, 4), random_frame(7, 8)]
    together, batch = sample.predict(frames)
    forces = batch.to_source_order(together.forces).split([7, 4, 8])
    for idx, frame in enumerate(frames):
        alone, own = sample.predict([frame])
        torch.testing.assert_close(together.energy[idx], alone.energy[0], rtol=0, atol=EXACT)
        torch.testing.assert_close(
            forces[idx], own.to_source_order(alone.forces), rtol=0, atol=EXACT
        )
        torch.testing.assert_close(together.virial[idx], alone.virial[0], rtol=0, atol=EXACT)


def test_a_pair_at_the_cutoff_is_not_felt(sample: Sample) -> None:
    """Energy and forces go to those of two lone atoms as their distance reaches the cutoff."""
    forces, energies = [], []
    for distance in (1.0 - 1e-5, 1.0 + 1e-5):
        positions = np.array([[0.0, 0.0, 0.0], [distance * sample.model.neighbor_cutoff, 0.0, 0.0]])
        pair = Frame(np.array([72, 72]), positions, np.zeros((3, 3)), pbc=(False, False, False))
        prediction, _ = sample.predict([pair])
        forces.append(float(prediction.forces.abs().max()))
        energies.append(float(prediction.energy[0]))
    assert forces[1] == 0.0
    assert forces[0] < 1e-3
    assert energies[0] == pytest.approx(energies[1], abs=1e-6)


def test_rows_are_slopes_along_the_parameters(sample: Sample, random_frame: MakeFrame) -> None:
    """Rows times a direction of the parameters, by central differences of U, s . F and e : W."""
    batch = sample.batch([random_frame(8), random_frame(9, 5)])
    rng = torch.Generator().manual_seed(5)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    direction = random(sample.model.n_parameters)
    displacements, strains = random(2, 12, 3), random(2, 2, 3, 3)
    values = []
    for sign in (1, -1):
        parameters = sample.parameters + sign * STEP * direction
        found = sample.model.predict(parameters, sample.scaler, batch)
        along = batch.sum_by_frame((displacements * found.forces).sum(dim=-1).mT).mT
        values.append(
            torch.cat([found.energy[None], -along, -(strains * found.virial).sum(dim=(-1, -2))])
        )
    slopes = (values[0] - values[1]) / (2 * STEP)
    linearised = sample.model.linearise(sample.parameters, sample.scaler, batch)
    rows = torch.cat(
        [
            linearised.energy_rows()[None],
            linearised.displacement_rows(displacements),
            linearised.strain_rows(strains),
        ]
    )
    torch.testing.assert_close(rows @ direction, slopes, rtol=1e-6, atol=1e-6)


def test_parameter_groups_cover_the_parameters(sample: Sample) -> None:
    """The layers of the Kalman filter are all of the vector, each under a name of its own."""
    groups = dict(sample.model.parameter_groups())
    assert len(groups) == len(sample.model.parameter_groups())
    assert sum(groups.values()) == sample.model.n_parameters == len(sample.parameters)


def test_the_scaler_of_data_has_its_shape(sample: Sample, random_frame: MakeFrame) -> None:
    """Positive and finite, whatever the frames hold."""
    lone = Frame(np.array([8]), np.zeros((1, 3)), np.zeros((3, 3)), pbc=(False, False, False))
    for frames in ([random_frame(1), random_frame(2, 5)], [lone]):
        scaler = sample.model.find_scaler([sample.batch(frames)])
        assert scaler.shape == sample.model.scaler_shape
        assert bool((scaler > 0).all() and scaler.isfinite().all())
