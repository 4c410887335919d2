"""What the Kalman filter is shown of a batch: innovations and Jacobian rows, scaled to unit noise.

    energy of a frame     e = w_E dE / N                         row w_E / N dU/dtheta
    group of n atoms      e = w_F sqrt(3 n) rms(dF)              row -w_F / sqrt(3 n) dU'/dtheta
    virial of a frame     e = 3 w_V rms(dW) / N                  row -w_V / (3 N) dU'/dtheta
    group of n atoms      e = w_A sqrt(n) rms(du)                row w_A / sqrt(n) d(s.u)/dtheta

with d = label - prediction and U' the change of the energy along s = dF / rms(dF) on the atoms of
the group, or along the strain dW / rms(dW); the last line is of atomic energies u with s = du /
rms(du). Errors are projected on their own direction, so that nothing of them cancels. (PWMLFF
projects on their signs; this weighs large errors more and reached lower errors in fewer epochs on
HfO2.) Force weights of the species multiply dF first. A frame without a label gives no such
observation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.errors import DivergenceError
from nepforge.models.potential import Potential, Prediction
from nepforge.quantities import QUANTITIES
from nepforge.recipe.tables import Weights

SMALLEST_RMS = 1.0e-12  # eV/Å or eV: errors below it are rounding and have no direction


@frozen
class ObservationWeights:
    """Weights of the observations: one over their expected errors."""

    energy: float  # per eV/atom
    force: float  # per eV/Å
    virial: float  # per eV/atom
    atomic_energy: float = 0.0  # per eV


def observation_weights(given: Weights) -> ObservationWeights:
    """Those of [optimizer.weights]; a weight that is not given is 0."""
    return ObservationWeights(**{one.name: getattr(given, one.name) or 0.0 for one in QUANTITIES})


def force_weights_of(
    species: Sequence[str], given: Mapping[str, float] | None
) -> tuple[float, ...]:
    """By type, 1 for a species that is not given; empty when none is."""
    return () if given is None else tuple(given.get(symbol, 1.0) for symbol in species)


@frozen(eq=False)
class Observations:
    """m scaled observations of a batch, and the prediction that they were compared with."""

    innovations: Tensor  # [m]
    rows: Tensor  # [m, n_parameters]
    prediction: Prediction


class NotFiniteError(DivergenceError):
    """A predicted energy or force is not a number."""

    def __init__(self, frame_idx: int, atom_idx: int) -> None:
        super().__init__(f"frame {frame_idx} of the batch, atom {atom_idx}: not finite")
        self.frame_idx = frame_idx  # within the batch
        self.atom_idx = atom_idx  # within the frame, in its own order


def observe(
    model: Potential,
    parameters: Tensor,
    scaler: Tensor,
    batch: Batch,
    *,
    force_groups: int,
    weights: ObservationWeights,
    rng: torch.Generator,
    force_weights: Sequence[float] = (),
) -> Observations:
    """Energies, force groups, virials and groups of atomic energies, linearised at the parameters.

    Args:
        force_groups: Groups that the atoms of each frame are dealt into.
        force_weights: See `force_factors`.

    Raises:
        NotFiniteError: The parameters give an energy or force that is not a number.
    """
    linearised = model.linearise(parameters, scaler, batch)
    prediction = linearised.prediction
    refuse_not_finite(batch, prediction)
    root = batch.weight.sqrt()
    n_atoms = batch.n_atoms.to(batch.energy)
    innovations = [batch.energy.new_zeros(0)]  # a batch may have none of the labels
    rows = [batch.energy.new_zeros(0, len(parameters))]

    def add(known: Tensor, innovation: Tensor, scaled_rows: Tensor) -> None:
        if known.any():
            innovations.append((root * innovation)[known])
            rows.append((root[:, None] * scaled_rows)[known])

    def add_directions(
        known: Tensor, errors: Tensor, scale: Tensor, tangent_rows: Tensor, sign: float = -1.0
    ) -> None:
        for error, row in zip(errors, tangent_rows, strict=True):
            add(known, scale * error, sign * scale[:, None] * row)

    if weights.energy > 0:
        scale = weights.energy / n_atoms
        known = ~batch.energy.isnan()
        rows_of_energy = linearised.energy_rows()
        add(known, scale * (batch.energy - prediction.energy), scale[:, None] * rows_of_energy)
    if weights.force > 0:
        factors = force_factors(batch, force_weights)
        error = factors * (batch.forces - prediction.forces).nan_to_num(0.0)
        directions = group_directions(batch, error, force_groups, rng)
        known = ~batch.sum_by_frame(batch.forces[:, :1])[:, 0].isnan()
        sums = _frame_sums(batch, directions * error)
        scale = weights.force / (3.0 * n_atoms / force_groups).sqrt()
        add_directions(known, sums, scale, linearised.displacement_rows(factors * directions))
    if weights.virial > 0 and not batch.virial.isnan().all():
        error = (batch.virial - prediction.virial).nan_to_num(0.0)
        rms = (error * error).mean(dim=(1, 2), keepdim=True).sqrt()
        strain = (error / rms.clamp_min(SMALLEST_RMS))[None]  # [1, F, 3, 3]
        known = ~batch.virial[:, 0, 0].isnan()
        scale = weights.virial / (3.0 * n_atoms)
        sums = (strain[0] * error).sum(dim=(1, 2))[None]
        add_directions(known, sums, scale, linearised.strain_rows(strain))
    if weights.atomic_energy > 0 and not batch.atomic_energy.isnan().all():
        error = (batch.atomic_energy - prediction.atomic_energy).nan_to_num(0.0)[:, None]
        directions = group_directions(batch, error, force_groups, rng)
        known = ~batch.sum_by_frame(batch.atomic_energy).isnan()
        sums = _frame_sums(batch, directions * error)
        scale = weights.atomic_energy / (n_atoms / force_groups).sqrt()
        own_rows = linearised.atomic_energy_rows(directions[..., 0])
        add_directions(known, sums, scale, own_rows, sign=1.0)
    return Observations(torch.cat(innovations), torch.cat(rows), prediction)


def force_factors(batch: Batch, force_weights: Sequence[float]) -> Tensor:
    """What the force error of each atom is multiplied by, [N, 1]; weights by type, () for all 1."""
    if not force_weights:
        return torch.ones_like(batch.forces[:, :1])
    return batch.forces.new_tensor(force_weights)[batch.type_idx, None]


def group_directions(batch: Batch, error: Tensor, n_groups: int, rng: torch.Generator) -> Tensor:
    """d / rms(d) of errors d [N, C] of the atoms of each group, 0 elsewhere, [n_groups, N, C].

    The atoms of every frame are dealt at random into groups whose sizes differ by one at most; the
    rms is over the components of the group's atoms in the frame.
    """
    shuffled = torch.rand(len(error), generator=rng, dtype=torch.float64).to(error.device)
    order = torch.argsort(batch.frame_idx + shuffled, stable=True)
    starts = batch.n_atoms.cumsum(0) - batch.n_atoms
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device)
    group = (rank - starts[batch.frame_idx]) % n_groups
    chosen = (group == torch.arange(n_groups, device=group.device)[:, None]).to(error)  # [G, N]
    directions = error * chosen[..., None]
    n_components = error.shape[1] * batch.sum_by_frame(chosen.mT).mT  # [G, F]
    mean_square = _frame_sums(batch, directions * directions) / n_components.clamp_min(1.0)
    rms = mean_square.sqrt().clamp_min(SMALLEST_RMS)
    return directions / rms[:, batch.frame_idx, None]


def refuse_not_finite(batch: Batch, prediction: Prediction) -> None:
    """Raise NotFiniteError at the first atom whose energy or force is not a number."""
    bad = ~(prediction.forces.isfinite().all(dim=1) & prediction.atomic_energy.isfinite())
    if bad.any():
        atom = int(bad.nonzero()[0, 0])
        frame = int(batch.frame_idx[atom])
        first = int(batch.n_atoms[:frame].sum())
        raise NotFiniteError(frame, int(batch.source_idx[atom]) - first)


def _frame_sums(batch: Batch, per_atom: Tensor) -> Tensor:
    """Sums over atoms and components of [D, N, 3] by frame, [D, F]."""
    return batch.sum_by_frame(per_atom.sum(dim=-1).mT).mT
