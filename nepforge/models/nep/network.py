"""NEP4 with one output bias per species: descriptor, network, energies, forces, virials.

    g_n(r_ij) = sum_k c[n, k, t_i, t_j] f_k(r_ij)              f_k: `radial`
    q_n       = sum_j g_n(r_ij)                                radial, with its own n_max and c
    s_na      = sum_j g_n(r_ij) B_a(u_ij)                      B_a: `angular`
    q_nl      = sum_a W_al s_na^2,   l = 1..l_max              then `invariants` of s_na
    U_i       = w1 . tanh(w0 (q_scaler * q_i) - b0) - b1       w0, b0, w1, b1 of species t_i
    F_i       = sum_j (dU_i/dr_ij - dU_j/dr_ji),   W = -sum_ij r_ij dU_i/dr_ij,   r_ij = r_j - r_i

NEP3 (one network for all species) and NEP5 are special cases. A ZBL repulsion, which has no trained
parameters, may be added. Only formats.nep_txt knows the order and the signs of `nep.txt`.

Fan et al., Phys. Rev. B 104, 104309 (2021) and J. Chem. Phys. 157, 114801 (2022).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.models.nep.jacobian import LinearisedNEP
from nepforge.models.nep.moments import Moments, PairKernels, TorchPairKernels
from nepforge.models.nep.native_moments import NativePairKernels
from nepforge.models.nep.parameters import NEPParameters, initial_parameters, parameter_groups
from nepforge.models.nep.sizes import NEPSizes
from nepforge.models.nep.states import predict_from_states, type_states
from nepforge.models.potential import Prediction

CONSTANT = 1.0e-10  # of the largest component: smaller variation is rounding


@frozen
class NEP(NEPSizes):
    """A NEP model. Its numbers are a flat parameter vector and q_scaler."""

    def parameter_groups(self) -> list[tuple[str, int]]:
        """Names and sizes of the parts of the flat vector, in order: the layers of the LKF."""
        return parameter_groups(self)

    def views(self, parameters: Tensor) -> NEPParameters:
        """The parts of parameters [..., n_parameters] by name."""
        return NEPParameters.of(self, parameters)

    def initial_parameters(self, energy_baseline: Sequence[float], rng: torch.Generator) -> Tensor:
        """Random parameters [n_parameters], float64, with `energy_baseline` in eV per species."""
        return initial_parameters(self, energy_baseline, rng)

    def pair_kernels(self, batch: Batch) -> PairKernels:
        """The compiled kernels for float64 on the CPU, torch otherwise."""
        vector = batch.neighbor_vector
        native = vector.device.type == "cpu" and vector.dtype == torch.float64
        kernels = NativePairKernels if native else TorchPairKernels
        return kernels(batch, self.pair_cutoffs(), self.basis_size, self.l_max)

    def find_scaler(self, batches: Iterable[Batch]) -> Tensor:
        """q_scaler: 1/(max - min) of every component with all c = 1, [n_descriptor].

        A component that is constant up to rounding gets the scaler 1: terms of odd l vanish on
        sites with inversion symmetry, to 1e-16 of the others.
        """
        ranges = [
            descriptor_range(self, batch, self.pair_kernels(batch).moments()) for batch in batches
        ]
        smallest = torch.stack([low for low, _ in ranges]).amin(dim=0)
        largest = torch.stack([high for _, high in ranges]).amax(dim=0)
        width = largest - smallest
        varies = width > CONSTANT * torch.maximum(smallest.abs(), largest.abs()).max()
        return torch.where(varies, 1.0 / width.where(varies, 1.0), 1.0)

    def predict(self, parameters: Tensor, scaler: Tensor, batch: Batch) -> Prediction:
        """Energies (eV), forces (eV/Å) and virials (eV, W = -dU/dstrain) of a batch."""
        return self.predictor(scaler, batch)(parameters)

    def predictor(self, scaler: Tensor, batch: Batch) -> Callable[[Tensor], Prediction]:
        """`predict` of one batch as a function of the parameters; its moments are computed once."""
        kernels = self.pair_kernels(batch)
        moment = kernels.moments()

        def predict_at(parameters: Tensor) -> Prediction:
            states = type_states(self, parameters, scaler, batch, moment)
            return predict_from_states(self, parameters, batch, kernels, states)

        return predict_at

    def linearise(self, parameters: Tensor, scaler: Tensor, batch: Batch) -> LinearisedNEP:
        """`predict` with rows of the Jacobian."""
        kernels = self.pair_kernels(batch)
        moment = kernels.moments()
        states = type_states(self, parameters, scaler, batch, moment)
        prediction = predict_from_states(self, parameters, batch, kernels, states)
        return LinearisedNEP(
            model=self,
            parameters=parameters,
            q_scaler=scaler,
            batch=batch,
            kernels=kernels,
            moment=moment,
            states=states,
            prediction=prediction,
        )


def descriptor_range(model: NEP, batch: Batch, moment: Moments) -> tuple[Tensor, Tensor]:
    """Smallest and largest unscaled descriptor [n_descriptor] of a batch with every c = 1."""
    parameters = batch.neighbor_vector.new_ones(model.n_parameters)
    q_scaler = batch.neighbor_vector.new_ones(model.n_descriptor)
    states = type_states(model, parameters, q_scaler, batch, moment)
    q = torch.cat([state.q for state in states])
    return q.amin(dim=0), q.amax(dim=0)
