"""Deep Potential with the two-body embedding descriptor (se_e2_a, DeepPot-SE).

    A_i = sum_j R_ij^T G_ij / n_neighbors,   G_ij = embedding(s_ij),
    D_i = A_i^T A_i[:, :axis],   U_i = w_out . fitting(D_i) + bias

with the rows R_ij and the scaled weight s_ij of the environment matrix, one embedding network for
each pair (species of the centre, species of the neighbour), and one fitting network per species
(Zhang et al., NeurIPS 2018, arXiv:1805.09003). With `type_embedding` there is one embedding and one
fitting network for all, with a trained vector per species as further input: of neighbour and
centre after s, of the centre after D.

As in DeePMD-kit with `set_davg_zero` and `resnet_dt = false`; n_neighbors is its sum of `sel`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.models.dp.environment_matrix import EnvironmentMatrix, find_scales
from nepforge.models.dp.jacobian import LinearisedDP
from nepforge.models.dp.parameters import (
    DPParameters,
    initial_parameters,
    own_parameters,
    parameter_groups,
)
from nepforge.models.dp.sizes import DPSizes
from nepforge.models.dp.states import predict_from_states, type_states
from nepforge.models.potential import Prediction


@frozen
class DP(DPSizes):
    """A Deep Potential. Its numbers are a flat parameter vector and a scaler."""

    def parameter_groups(self) -> list[tuple[str, int]]:
        """Names and sizes of the parts of the flat vector, in order: the layers of the LKF."""
        return parameter_groups(self)

    def views(self, parameters: Tensor) -> DPParameters:
        """The parts of parameters [..., n_parameters] by name."""
        return DPParameters.of(self, parameters)

    def own_parameters(self, parameters: Tensor) -> Tensor:
        """Parameters of `own_networks` that give the same potential."""
        return own_parameters(self, parameters)

    def initial_parameters(self, energy_baseline: Sequence[float], rng: torch.Generator) -> Tensor:
        """Random parameters [n_parameters], float64, with `energy_baseline` in eV per species."""
        return initial_parameters(self, energy_baseline, rng)

    def find_scaler(self, batches: Iterable[Batch]) -> Tensor:
        """Scales of the environment matrix, [T, N_SCALES]."""
        return find_scales(batches, self.smooth_cutoff, self.cutoff)

    def predict(self, parameters: Tensor, scaler: Tensor, batch: Batch) -> Prediction:
        """Energies (eV), forces (eV/Å) and virials (eV, W = -dU/dstrain) of a batch."""
        return self.linearise(parameters, scaler, batch).prediction

    def predictor(self, scaler: Tensor, batch: Batch) -> Callable[[Tensor], Prediction]:
        """`predict` of one batch as a function of the parameters; its matrix is computed once."""
        environment = self._environment(scaler, batch)
        return lambda parameters: self._linearise(parameters, scaler, environment).prediction

    def linearise(self, parameters: Tensor, scaler: Tensor, batch: Batch) -> LinearisedDP:
        """`predict` with rows of the Jacobian."""
        return self._linearise(parameters, scaler, self._environment(scaler, batch))

    def _environment(self, scaler: Tensor, batch: Batch) -> EnvironmentMatrix:
        return EnvironmentMatrix.of(batch, scaler, self.smooth_cutoff, self.cutoff)

    def _linearise(
        self, parameters: Tensor, scaler: Tensor, environment: EnvironmentMatrix
    ) -> LinearisedDP:
        own = self.own_networks.views(self.own_parameters(parameters))
        states = type_states(self, own, scaler, environment)
        return LinearisedDP(
            model=self,
            parameters=parameters,
            scaler=scaler,
            environment=environment,
            own=own,
            states=states,
            prediction=predict_from_states(environment, scaler, states),
        )
