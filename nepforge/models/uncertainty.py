"""Error bars of predictions from the parameter covariance of the Kalman filter.

A prediction y(theta) with the gradient h = dy/dtheta has the variance

    sigma^2 = f^2 h^T P h,    P = L L^T in blocks,    h^T P h = sum_b |h_b L_b|^2,

as in ALKPU (Li et al., arXiv:2411.13850). For an energy h = dU/dtheta, for a force component
h = -dU'/dtheta along a displacement of that atom. The filter treats its observations as independent
with noise 1/weight each, which they are not: the factor f, one for energies and one for forces,
is fitted to errors on frames outside the training set (train.residuals).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch, make_batch
from nepforge.data.error_bars import ErrorBars
from nepforge.data.frame import FloatArray, Frame
from nepforge.data.neighbors import find_neighbors
from nepforge.models.potential import Linearised, TrainedPotential

MOVED_AT_ONCE = 8192  # atoms times displacements: some 50 MB of moments


@frozen(eq=False)
class Covariance:
    """Parameter covariance P in blocks, and the factors f of its error bars."""

    factors: tuple[Tensor, ...]  # L_b [n_b, n_b], lower triangular
    energy_factor: float = 1.0
    force_factor: float = 1.0

    def spread(self, rows: Tensor) -> Tensor:
        """sqrt(h^T P h) of rows h [m, n_parameters], [m]."""
        blocks = rows.split([len(factor) for factor in self.factors], dim=1)
        parts = [block @ factor for block, factor in zip(blocks, self.factors, strict=True)]
        return torch.stack([part.square().sum(dim=1) for part in parts]).sum(dim=0).sqrt()


def triangular_factor(covariance: Tensor) -> Tensor:
    """L with P = L L^T, [n, n] lower triangular.

    If rounding has left P with a negative eigenvalue, its diagonal is raised by its largest element
    times the smallest power of ten that helps.
    """
    largest = float(covariance.diagonal().max())
    shifted = covariance.clone()
    for exponent in range(-16, 1):
        factor, failed = torch.linalg.cholesky_ex(shifted)
        if not failed:
            break
        shifted.diagonal().copy_(covariance.diagonal() + 10.0**exponent * largest)
    return factor


def energy_spread(linearised: Linearised, covariance: Covariance) -> Tensor:
    """Standard deviations of the energies of a batch in eV, [F]."""
    return covariance.energy_factor * covariance.spread(linearised.energy_rows())


def force_spread(linearised: Linearised, covariance: Covariance, atoms: Sequence[int]) -> Tensor:
    """Standard deviations of the force components of some atoms of a batch in eV/Å, [n, 3].

    Each component takes a row of the Jacobian and a product with L; the products alone take
    3 n n_parameters^2 multiplications.
    """
    n_atoms = len(linearised.prediction.forces)
    at_once = max(1, MOVED_AT_ONCE // (3 * n_atoms))
    found = []
    for start in range(0, len(atoms), at_once):
        chosen = atoms[start : start + at_once]
        moved = linearised.prediction.forces.new_zeros(len(chosen), 3, n_atoms, 3)
        for place, atom in enumerate(chosen):
            moved[place, :, atom] = torch.eye(3)
        rows = linearised.displacement_rows(moved.flatten(0, 1)).sum(dim=1)  # its own frame only
        found.append(covariance.spread(rows).view(-1, 3))
    return covariance.force_factor * torch.cat(found)


def error_bars(trained: TrainedPotential, covariance: Covariance, frame: Frame) -> ErrorBars:
    """Error bars of the energy and every force component of a frame.

    Raises:
        DataError: An element that the model does not know, or two atoms that share a position.
    """
    return ErrorBars(energy_std(trained, covariance, frame), forces_std(trained, covariance, frame))


def energy_std(trained: TrainedPotential, covariance: Covariance, frame: Frame) -> float:
    """Error bar of the energy in eV: one row of the Jacobian."""
    _, linearised = _linearised(trained, frame)
    return float(energy_spread(linearised, covariance)[0])


def forces_std(trained: TrainedPotential, covariance: Covariance, frame: Frame) -> FloatArray:
    """Error bars of the forces, [n_atoms, 3] eV/Å: one row per component."""
    batch, linearised = _linearised(trained, frame)
    spread = force_spread(linearised, covariance, range(frame.n_atoms))
    found: FloatArray = batch.to_source_order(spread).numpy()
    return found


def _linearised(trained: TrainedPotential, frame: Frame) -> tuple[Batch, Linearised]:
    model = trained.model
    batch = make_batch([frame], [find_neighbors(frame, model.species, model.neighbor_cutoff)])
    return batch, model.linearise(trained.parameters, trained.scaler, batch)
