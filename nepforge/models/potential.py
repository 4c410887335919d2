"""What training and evaluation ask of a potential, so that NEP and DP go through one loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import torch
from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch


@frozen(eq=False)
class Prediction:
    """What a potential predicts for a batch; atoms in batch order."""

    atomic_energy: Tensor  # [N] eV
    energy: Tensor  # [F] eV
    forces: Tensor  # [N, 3] eV/Å
    virial: Tensor  # [F, 3, 3] eV


class Linearised(Protocol):
    """A batch evaluated at some parameters, and rows of the Jacobian over all parameters.

    U' is the change of the energy along a displacement of the atoms or a strain; what has no
    parameter (a ZBL) takes no part in rows.
    """

    @property
    def prediction(self) -> Prediction:
        """Energies, forces and virials."""

    def energy_rows(self) -> Tensor:
        """dU/dparameters of every frame, [F, n_parameters]."""

    def atomic_energy_rows(self, weights: Tensor) -> Tensor:
        """d(sum_i v_i U_i)/dparameters for weights v [D, N] of the atoms, [D, F, n_parameters]."""

    def displacement_rows(self, displacements: Tensor) -> Tensor:
        """dU'/dparameters along D displacements [D, N, 3] of the atoms, [D, F, n_parameters]."""

    def strain_rows(self, strains: Tensor) -> Tensor:
        """dU'/dparameters along D strains e [D, F, 3, 3], dr_ij = r_ij e, [D, F, n_parameters]."""


class Potential(Protocol):
    """The sizes of a model. Its numbers are a flat parameter vector and a scaler.

    The scaler holds what is found once on the training data and then frozen.
    """

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols; the type index is the position here."""

    @property
    def neighbor_cutoff(self) -> float:
        """Distance in Å beyond which no neighbour matters."""

    @property
    def n_descriptor(self) -> int:
        """Numbers that the network of one atom is given."""

    @property
    def n_parameters(self) -> int:
        """Length of the parameter vector."""

    @property
    def scaler_shape(self) -> tuple[int, ...]:
        """Shape of the scaler."""

    def parameter_groups(self) -> list[tuple[str, int]]:
        """Names and sizes of the parts of the flat vector, in order: the layers of the LKF."""

    def initial_parameters(self, energy_baseline: Sequence[float], rng: torch.Generator) -> Tensor:
        """Random parameters [n_parameters], float64, with `energy_baseline` in eV by species."""

    def find_scaler(self, batches: Iterable[Batch]) -> Tensor:
        """The scaler of the training data."""

    def predict(self, parameters: Tensor, scaler: Tensor, batch: Batch) -> Prediction:
        """Energies (eV), forces (eV/Å) and virials (eV, W = -dU/dstrain) of a batch."""

    def predictor(self, scaler: Tensor, batch: Batch) -> Callable[[Tensor], Prediction]:
        """`predict` of one batch as a function of the parameters; the rest is found once."""

    def linearise(self, parameters: Tensor, scaler: Tensor, batch: Batch) -> Linearised:
        """The same, with rows of the Jacobian."""


class TrainedPotential(Protocol):
    """A potential with its numbers."""

    @property
    def model(self) -> Potential:
        """The sizes."""

    @property
    def parameters(self) -> Tensor:
        """[n_parameters]."""

    @property
    def scaler(self) -> Tensor:
        """Of the shape that the model says."""
