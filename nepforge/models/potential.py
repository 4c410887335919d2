"""What training and evaluation require of a potential, so that NEP and DP share one loop."""

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

    U' is the change of the energy along a displacement of the atoms or a strain; terms
    without parameters (ZBL) do not enter the rows.
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

    The scaler is computed once from the training data, then frozen.
    """

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols; the type index is the position here."""

    @property
    def neighbor_cutoff(self) -> float:
        """Largest cutoff in Å."""

    @property
    def n_descriptor(self) -> int:
        """Length of the descriptor of one atom."""

    @property
    def n_parameters(self) -> int:
        """Length of the parameter vector."""

    @property
    def scaler_shape(self) -> tuple[int, ...]:
        """Shape of the scaler."""

    def parameter_groups(self) -> list[tuple[str, int]]:
        """Names and sizes of the parts of the flat vector, in order: the layers of the LKF."""

    def initial_parameters(self, energy_baseline: Sequence[float], rng: torch.Generator) -> Tensor:
        """Random parameters [n_parameters], float64, with `energy_baseline` in eV per species."""

    def find_scaler(self, batches: Iterable[Batch]) -> Tensor:
        """The scaler of the training data."""

    def predict(self, parameters: Tensor, scaler: Tensor, batch: Batch) -> Prediction:
        """Energies (eV), forces (eV/Å) and virials (eV, W = -dU/dstrain) of a batch."""

    def predictor(self, scaler: Tensor, batch: Batch) -> Callable[[Tensor], Prediction]:
        """`predict` of one batch as a function of the parameters; the rest is computed once."""

    def linearise(self, parameters: Tensor, scaler: Tensor, batch: Batch) -> Linearised:
        """`predict` with rows of the Jacobian."""


class TrainedPotential(Protocol):
    """A potential with its parameters and scaler."""

    @property
    def model(self) -> Potential:
        """The sizes."""

    @property
    def parameters(self) -> Tensor:
        """[n_parameters]."""

    @property
    def scaler(self) -> Tensor:
        """Of shape `model.scaler_shape`."""
