"""What the filter is shown: innovations, rows, missing labels, force groups."""

from collections.abc import Callable

import attrs
import numpy as np
import pytest
import torch

from nepforge.data.batch import Batch, make_batch
from nepforge.data.frame import Frame
from nepforge.data.neighbors import find_neighbors
from nepforge.models.nep.network import NEP
from nepforge.train.observations import (
    NotFiniteError,
    Observations,
    group_directions,
    observe,
)
from tests.conftest import SPECIES, random_model

MODEL = NEP(SPECIES, (4.5, 4.0), (2, 2), (3, 3), 3, ("222",), 5)
WEIGHTS = {"energy": 30.0, "force": 1.0, "virial": 2.0, "atomic_energy": 0.0}
NONE = dict.fromkeys(WEIGHTS, 0.0)
STEP = 1.0e-6
MakeFrame = Callable[..., Frame]


def batch_of(frames: list[Frame]) -> Batch:
    return make_batch(frames, [find_neighbors(f, SPECIES, 4.5) for f in frames])


def look(
    batch: Batch,
    parameters: torch.Tensor,
    groups: int = 2,
    seed: int = 1,
    *,
    weights: dict[str, float] = WEIGHTS,
    force_weights: tuple[float, ...] = (),
) -> Observations:
    return observe(
        MODEL,
        parameters,
        random_model(MODEL, 1).q_scaler,
        batch,
        force_groups=groups,
        weights=weights,
        rng=torch.Generator().manual_seed(seed),
        force_weights=force_weights,
    )


def test_rows_are_minus_the_slopes_of_the_innovations(random_frame: MakeFrame) -> None:
    """A small step against the parameters changes every innovation by -row . step."""
    batch = batch_of([random_frame(1), random_frame(2, 5)])
    parameters = random_model(MODEL, 1).parameters
    direction = torch.randn(
        MODEL.n_parameters, generator=torch.Generator().manual_seed(2), dtype=torch.float64
    )
    here = look(batch, parameters)
    upper = look(batch, parameters + STEP * direction).innovations
    lower = look(batch, parameters - STEP * direction).innovations
    slopes = (upper - lower) / (2 * STEP)
    torch.testing.assert_close(slopes, -here.rows @ direction, rtol=1e-6, atol=1e-6)
    assert len(here.innovations) == 2 + 2 * 2 + 2


def test_energy_innovation_is_the_weighted_error_per_atom(random_frame: MakeFrame) -> None:
    """e = w_E (E_label - E) / N, times the square root of the frame weight."""
    frames = [random_frame(1), attrs.evolve(random_frame(2, 5), weight=4.0)]
    batch = batch_of(frames)
    found = look(batch, random_model(MODEL, 1).parameters)
    error = batch.energy - found.prediction.energy
    expected = error * torch.tensor([30.0 / 7.0, 2.0 * 30.0 / 5.0], dtype=torch.float64)
    torch.testing.assert_close(found.innovations[:2], expected, rtol=0, atol=1e-12)


def test_missing_labels_give_no_observation(random_frame: MakeFrame) -> None:
    """Frames without energy, forces or virial leave those rows out, never zeros."""
    frames = [
        attrs.evolve(random_frame(1), virial=None, energy=None),
        attrs.evolve(random_frame(2, 5), forces=None),
        attrs.evolve(random_frame(3), virial=None),
    ]
    found = look(batch_of(frames), random_model(MODEL, 1).parameters)
    assert len(found.innovations) == 2 + 2 * 2 + 1
    assert (found.rows.abs().sum(dim=1) > 0).all()
    bare = attrs.evolve(frames[2], energy=None, forces=None)
    assert look(batch_of([bare]), random_model(MODEL, 1).parameters).rows.shape[0] == 0


ATOMIC = {**NONE, "atomic_energy": 3.0}


def with_atomic_energies(frame: Frame, seed: int = 5) -> Frame:
    values = np.random.default_rng(seed).normal(-8.0, 1.0, frame.n_atoms)
    return attrs.evolve(frame, atomic_energy=values)


def test_atomic_energies_are_observed_in_groups(random_frame: MakeFrame) -> None:
    """Innovations fall by row . step; their squares add up to n_groups w^2 sum(du^2) / N."""
    frames = [with_atomic_energies(random_frame(1)), random_frame(2, 5)]
    batch = batch_of([*frames, with_atomic_energies(random_frame(3))])
    parameters = random_model(MODEL, 1).parameters
    rng = torch.Generator().manual_seed(2)
    direction = torch.randn(MODEL.n_parameters, generator=rng, dtype=torch.float64)
    here = look(batch, parameters, weights=ATOMIC)
    upper = look(batch, parameters + STEP * direction, weights=ATOMIC).innovations
    lower = look(batch, parameters - STEP * direction, weights=ATOMIC).innovations
    slopes = (upper - lower) / (2 * STEP)
    torch.testing.assert_close(slopes, -here.rows @ direction, rtol=1e-6, atol=1e-6)
    assert len(here.innovations) == 2 * 2
    one_group = look(batch, parameters, groups=1, weights=ATOMIC)
    error = batch.sum_by_frame((batch.atomic_energy - here.prediction.atomic_energy) ** 2)[::2]
    expected = 9.0 * error
    torch.testing.assert_close(one_group.innovations**2, expected, rtol=1e-12, atol=0)


def test_lone_atoms_show_their_atomic_energies_as_energies(random_frame: MakeFrame) -> None:
    """With a group for each atom every row is that of one atom's energy, up to the sign."""
    batch = batch_of([with_atomic_energies(random_frame(1))])
    parameters = random_model(MODEL, 1).parameters
    found = look(batch, parameters, groups=7, weights=ATOMIC)
    model = random_model(MODEL, 1)
    linearised = MODEL.linearise(parameters, model.q_scaler, batch)
    rows = linearised.atomic_energy_rows(torch.eye(7, dtype=torch.float64))[:, 0]
    errors = batch.atomic_energy - found.prediction.atomic_energy
    expected = 3.0 * errors.sign()[:, None] * rows
    order = torch.argsort(found.innovations)
    places = torch.argsort(errors.abs())
    torch.testing.assert_close(found.innovations[order], 3.0 * errors.abs()[places])
    torch.testing.assert_close(found.rows[order], expected[places], rtol=1e-12, atol=1e-12)


def test_force_weights_of_species_scale_their_errors(random_frame: MakeFrame) -> None:
    """All 2 doubles the force observations; 0 makes the labels of a species meaningless."""
    frame = random_frame(1)
    parameters = random_model(MODEL, 1).parameters
    forces = {**NONE, "force": 1.0}
    plain = look(batch_of([frame]), parameters, weights=forces)
    doubled = look(batch_of([frame]), parameters, weights=forces, force_weights=(2.0, 2.0))
    torch.testing.assert_close(doubled.innovations, 2.0 * plain.innovations, rtol=1e-14, atol=0)
    torch.testing.assert_close(doubled.rows, 2.0 * plain.rows, rtol=1e-12, atol=1e-12)
    assert frame.forces is not None
    other = np.where((frame.numbers == 8)[:, None], 5.0, frame.forces)  # O is the second species
    changed = attrs.evolve(frame, forces=other)
    one, two = (
        look(batch_of([f]), parameters, weights=forces, force_weights=(1.0, 0.0))
        for f in (frame, changed)
    )
    assert torch.equal(one.innovations, two.innovations)
    assert torch.equal(one.rows, two.rows)


def test_force_groups_share_out_all_atoms(random_frame: MakeFrame) -> None:
    """Every atom is in one group; groups of a frame differ by one atom at most; seeds repeat."""
    batch = batch_of([random_frame(1), random_frame(2, 5)])
    error = torch.randn(12, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    found = group_directions(batch, error, 3, torch.Generator().manual_seed(4))
    again = group_directions(batch, error, 3, torch.Generator().manual_seed(4))
    assert torch.equal(found, again)
    taken = (found != 0).any(dim=2)  # [groups, atoms]
    assert taken.sum(dim=0).tolist() == [1] * 12
    members = batch.sum_by_frame(taken.to(error).mT).mT  # [groups, frames]
    assert sorted(members[:, 0].tolist()) == [2, 2, 3]
    assert sorted(members[:, 1].tolist()) == [1, 2, 2]


def test_force_innovation_is_the_length_of_the_error(random_frame: MakeFrame) -> None:
    """Along its own direction the error of a group projects to its whole length |dF|."""
    batch = batch_of([random_frame(1)])
    found = look(batch, random_model(MODEL, 1).parameters, groups=1)
    error = (batch.forces - found.prediction.forces).norm()
    assert float(found.innovations[1]) == pytest.approx(float(error), rel=1e-12)


def test_a_number_that_is_not_finite_is_located(random_frame: MakeFrame) -> None:
    """The error names the frame of the batch and the atom in the frame's own order."""
    frames = [random_frame(1), random_frame(2, 5)]
    batch = batch_of(frames)
    parameters = random_model(MODEL, 1).parameters.clone()
    MODEL.views(parameters).w1[1] = np.inf
    with pytest.raises(NotFiniteError) as caught:
        look(batch, parameters)
    assert frames[caught.value.frame_idx].numbers[caught.value.atom_idx] in {8, 72}
