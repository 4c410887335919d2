"""NEP4 with one output bias per element: descriptor, network, energies, forces, virials.

    U_i = w1 . tanh(w0 (q_scaler * q_i) - b0) - b1,     w0, b0, w1, b1 of the species of atom i.

NEP3 (one network for all) and NEP5 are the same formula with other numbers. A ZBL repulsion, which
has no trained parameter, may be added to every prediction.

Fan et al., J. Chem. Phys. 157, 114801 (2022); order and signs of spec `nep.txt` files are the
business of formats.nep_txt alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import torch
from attrs import field, frozen
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.models.nep.angular import L_MAX_LIMIT, three_body_weights
from nepforge.models.nep.invariants import INVARIANTS, QUARTIC_RATIO, cubic_form, smallest_l_max
from nepforge.models.nep.jacobian import LinearisedNEP
from nepforge.models.nep.moments import (
    Moments,
    PairKernels,
    TorchPairKernels,
    angular_sums,
    moments_of_type,
)
from nepforge.models.nep.native_moments import NativePairKernels
from nepforge.models.nep.zbl import ZBL, PairTable, repulsion
from nepforge.models.potential import Prediction

CutoffPair = tuple[float, float]  # radial, angular, Å

CONSTANT = 1.0e-10  # of the largest component: what varies less is rounding


@frozen
class NEP:
    """The sizes of a NEP model. Its numbers live in one flat parameter vector and in q_scaler."""

    species: tuple[str, ...]  # chemical symbols; the type index is the position here
    cutoff: CutoffPair | tuple[CutoffPair, ...]  # of all species, or of each
    n_max: tuple[int, int]  # radial, angular: n_max + 1 functions g_n
    basis_size: tuple[int, int]  # radial, angular: basis_size + 1 functions f_k
    l_max: int
    invariants: tuple[str, ...] = field()  # subset of INVARIANTS, in that order
    neurons: int
    zbl: ZBL | None = None  # added to the network, not trained

    @invariants.validator
    def _check(self, _attribute: object, value: tuple[str, ...]) -> None:
        if not 1 <= self.l_max <= L_MAX_LIMIT:
            raise ValueError(f"l_max: got {self.l_max}, expected 1..{L_MAX_LIMIT}")
        if [name for name in INVARIANTS if name in value] != list(value):
            raise ValueError(f"invariants: got {value}, expected a subset of {INVARIANTS} in order")
        for name in value:
            if smallest_l_max(name) > self.l_max:
                raise ValueError(f"invariant {name} needs l_max >= {smallest_l_max(name)}")
        if len(self.cutoffs) != self.n_types:
            raise ValueError(f"cutoff: got {len(self.cutoffs)} pairs for {self.n_types} species")
        for radial, angular in self.cutoffs:
            if not 0.0 < angular <= radial < math.inf:
                raise ValueError(
                    f"cutoff: radial {radial} is below angular {angular}, or one is no length"
                )
        if self.zbl is not None:
            self._check_zbl(self.zbl.pair_table(self.species))

    def _check_zbl(self, table: PairTable) -> None:
        """Every pair has a range, inside the angular cutoff because its list of pairs is used."""
        limit = self.pair_cutoffs()[1]
        bad = (table.inner < 0) | (table.inner >= table.outer) | (table.outer > limit)
        for first, second in bad.nonzero().tolist()[:1]:
            numbers = (table.inner, table.outer, limit)
            inner, outer, cutoff = (float(number[first, second]) for number in numbers)
            raise ValueError(
                f"ZBL from {inner:g} to {outer:g} Å for {self.species[first]}-"
                f"{self.species[second]}, expected 0 <= inner < outer <= {cutoff:g} (the angular "
                "cutoff)"
            )

    @property
    def n_types(self) -> int:
        return len(self.species)

    @property
    def cutoffs(self) -> tuple[CutoffPair, ...]:
        """Radial and angular cutoff of each species in Å; a pair of species has their mean."""
        first = self.cutoff[0]
        if isinstance(first, tuple):
            return self.cutoff  # type: ignore[return-value] # all are pairs when the first is
        return (self.cutoff,) * self.n_types  # type: ignore[return-value]

    @property
    def max_cutoff(self) -> CutoffPair:
        """Largest radial and largest angular cutoff in Å."""
        return max(radial for radial, _ in self.cutoffs), max(
            angular for _, angular in self.cutoffs
        )

    @property
    def neighbor_cutoff(self) -> float:
        """Distance in Å beyond which no neighbour matters."""
        return self.max_cutoff[0]

    def pair_cutoffs(self) -> tuple[Tensor, Tensor]:
        """Radial and angular cutoff of every pair of species in Å, two [T, T], float64."""
        own = torch.tensor(self.cutoffs, dtype=torch.float64)  # [T, 2]
        radial, angular = (0.5 * (own[:, None] + own)).unbind(dim=-1)
        return radial, angular

    @property
    def n_radial(self) -> int:
        """Number of radial descriptor components."""
        return self.n_max[0] + 1

    @property
    def n_angular(self) -> int:
        """Number of angular descriptor components: n_max + 1 for each l and each invariant."""
        return (self.n_max[1] + 1) * (self.l_max + len(self.invariants))

    @property
    def n_descriptor(self) -> int:
        return self.n_radial + self.n_angular

    @property
    def scaler_shape(self) -> tuple[int, ...]:
        """Shape of q_scaler."""
        return (self.n_descriptor,)

    @property
    def network_sizes(self) -> tuple[int, int, int, int]:
        """Numbers of w0, b0, w1 and output bias of one species."""
        return self.neurons * self.n_descriptor, self.neurons, self.neurons, 1

    @property
    def n_network(self) -> int:
        """Parameters of one species' network."""
        return sum(self.network_sizes)

    @property
    def coefficient_sizes(self) -> tuple[int, int]:
        """Numbers of radial and of angular descriptor coefficients c."""
        return (
            self.n_types**2 * (self.n_max[0] + 1) * (self.basis_size[0] + 1),
            self.n_types**2 * (self.n_max[1] + 1) * (self.basis_size[1] + 1),
        )

    @property
    def n_parameters(self) -> int:
        return self.n_types * self.n_network + sum(self.coefficient_sizes)

    def parameter_groups(self) -> list[tuple[str, int]]:
        """Names and sizes of the parts of the flat vector, in order: the layers of the LKF."""
        networks = [(f"network.{symbol}", self.n_network) for symbol in self.species]
        radial, angular = self.coefficient_sizes
        return [*networks, ("c.radial", radial), ("c.angular", angular)]

    def weights(self, parameters: Tensor) -> Weights:
        """Views of the flat vector [n_parameters]."""
        n_networks = self.n_types * self.n_network
        radial, angular = self.coefficient_sizes
        network, c_radial, c_angular = parameters.split([n_networks, radial, angular])
        w0, b0, w1, bias = network.view(self.n_types, -1).split(self.network_sizes, dim=1)
        return Weights(
            w0=w0.unflatten(1, (self.neurons, self.n_descriptor)),
            b0=b0,
            w1=w1,
            bias=bias[:, 0],
            c_radial=c_radial.view(self.n_types, self.n_max[0] + 1, -1),
            c_angular=c_angular.view(self.n_types, self.n_max[1] + 1, -1),
        )

    def initial_parameters(self, energy_baseline: Sequence[float], rng: torch.Generator) -> Tensor:
        """Random parameters [n_parameters], float64.

        c ~ U(-0.5, 0.5) + 0.1 N(0, 1), w0 of variance 1/(n_descriptor + neurons), w1 of variance
        1/(neurons + 1), b0 ~ N(0, 1) as in PWMLFF 2024.5; the output bias takes the baseline.

        Args:
            energy_baseline: Energy of one atom of each species in eV.
            rng: Source of the random numbers.
        """
        parameters = torch.randn(self.n_parameters, generator=rng, dtype=torch.float64)
        uniform = torch.rand(sum(self.coefficient_sizes), generator=rng, dtype=torch.float64) - 0.5
        coefficients = parameters[self.n_types * self.n_network :]
        coefficients.mul_(0.1).add_(uniform)
        weights = self.weights(parameters)
        weights.w0.mul_(1.0 / math.sqrt(self.n_descriptor + self.neurons))
        weights.w1.mul_(1.0 / math.sqrt(self.neurons + 1))
        weights.bias.copy_(-torch.as_tensor(energy_baseline, dtype=torch.float64))
        return parameters

    def pair_kernels(self, batch: Batch) -> PairKernels:
        """The compiled kernels for float64 on the CPU, torch otherwise."""
        vector = batch.neighbor_vector
        native = vector.device.type == "cpu" and vector.dtype == torch.float64
        kernels = NativePairKernels if native else TorchPairKernels
        return kernels(batch, self.pair_cutoffs(), self.basis_size, self.l_max)

    def find_scaler(self, batches: Iterable[Batch]) -> Tensor:
        """q_scaler: 1/(max - min) of every component with all c = 1, [n_descriptor].

        A component that never varies gets the scaler 1, also where only rounding makes it vary:
        terms of odd l vanish on sites with inversion symmetry, up to 1e-16 of the others.
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
        return predict(self, parameters, scaler, batch)

    def predictor(self, scaler: Tensor, batch: Batch) -> Callable[[Tensor], Prediction]:
        """`predict` of one batch as a function of the parameters; its moments are found once."""
        return predictor(self, scaler, batch)

    def linearise(self, parameters: Tensor, scaler: Tensor, batch: Batch) -> LinearisedNEP:
        """The same, with rows of the Jacobian."""
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


@frozen(eq=False)
class Weights:
    """Named views of a parameter vector; c maps the moments of one atom to its sums.

    c_radial[t, n, t' (basis_size + 1) + k] is c[n, k, t, t'] of the NEP papers: t is the type of
    the central atom, t' that of the neighbour.
    """

    w0: Tensor  # [T, neurons, n_descriptor]
    b0: Tensor  # [T, neurons]
    w1: Tensor  # [T, neurons]
    bias: Tensor  # [T]
    c_radial: Tensor  # [T, n_max + 1, T * (basis_size + 1)]
    c_angular: Tensor


def descriptor(model: NEP, radial: Tensor, sums: Tensor) -> Tensor:
    """q [..., n_descriptor] from radial components [..., n_max + 1] and sums s [..., A, n_max + 1].

    Order: radial, then l = 1..l_max, then the invariants, each block over n.
    """
    weights = _three_body(model, sums)
    three_body = weights.mT @ (sums * sums)  # [..., l_max, n_max + 1]
    blocks = [three_body]
    by_n = sums.mT  # [..., n_max + 1, A]
    for name in model.invariants:
        if name == "1111":
            blocks.append(QUARTIC_RATIO * three_body[..., :1, :] ** 2)
            continue
        form = cubic_form(name)
        value = (by_n[..., form.start : form.stop] * form.contract(by_n, by_n)).sum(dim=-1)
        blocks.append(value[..., None, :])
    return torch.cat([radial, torch.cat(blocks, dim=-2).flatten(-2)], dim=-1)


def pull_back(model: NEP, sums: Tensor, gradient: Tensor) -> Tensor:
    """dU/ds [..., A, n_max + 1] from dU/dq [..., n_descriptor] at the sums s."""
    blocks = _angular_blocks(model, gradient)
    three_body = blocks[..., : model.l_max, :]
    weights = _three_body(model, sums)
    if "1111" in model.invariants:
        quartic = blocks[..., model.l_max + model.invariants.index("1111"), :]
        first = (weights[:, 0] @ (sums * sums)) * quartic * (2.0 * QUARTIC_RATIO)
        three_body = torch.cat(
            [three_body[..., :1, :] + first[..., None, :], three_body[..., 1:, :]], -2
        )
    result = 2.0 * sums * (weights @ three_body)
    by_n = sums.mT
    for block, name in enumerate(model.invariants, start=model.l_max):
        if name != "1111":
            form = cubic_form(name)
            slope = 3.0 * form.contract(by_n, by_n) * blocks[..., block, :, None]
            result[..., form.start : form.stop, :] += slope.mT
    return result


def _three_body(model: NEP, like: Tensor) -> Tensor:
    return three_body_weights(model.l_max).to(like)


def _angular_blocks(model: NEP, q_like: Tensor) -> Tensor:
    """The angular part of a descriptor-like tensor as [..., l_max + invariants, n_max + 1]."""
    return q_like[..., model.n_radial :].unflatten(-1, (-1, model.n_max[1] + 1))


@frozen(eq=False)
class TypeState:
    """Everything between moments and energy for the atoms of one type (n of them)."""

    sums: Tensor  # s [n, A, n_max + 1]
    q: Tensor  # scaled descriptor [n, n_descriptor]
    hidden: Tensor  # h = tanh(z) [n, neurons]
    energy: Tensor  # [n] eV
    sensitivity: Tensor  # a = dU/dz = w1 (1 - h^2) [n, neurons]
    q_gradient: Tensor  # dU/dq, q unscaled [n, n_descriptor]
    sums_gradient: Tensor  # dU/ds [n, A, n_max + 1]


def type_state(
    model: NEP, weights: Weights, q_scaler: Tensor, moment: Moments, type_idx: int
) -> TypeState:
    """Run atoms of one type from their moments to the energy and back to dU/ds."""
    sums = angular_sums(moment.angular, weights.c_angular[type_idx])
    radial = moment.radial @ weights.c_radial[type_idx].mT
    q = descriptor(model, radial, sums) * q_scaler
    hidden = torch.tanh(q @ weights.w0[type_idx].mT - weights.b0[type_idx])
    sensitivity = weights.w1[type_idx] * (1.0 - hidden * hidden)
    q_gradient = (sensitivity @ weights.w0[type_idx]) * q_scaler
    return TypeState(
        sums=sums,
        q=q,
        hidden=hidden,
        energy=hidden @ weights.w1[type_idx] - weights.bias[type_idx],
        sensitivity=sensitivity,
        q_gradient=q_gradient,
        sums_gradient=pull_back(model, sums, q_gradient),
    )


def type_states(
    model: NEP, parameters: Tensor, q_scaler: Tensor, batch: Batch, moment: Moments
) -> list[TypeState]:
    """`type_state` of every type."""
    weights = model.weights(parameters)
    return [
        type_state(model, weights, q_scaler, moments_of_type(batch, moment, t), t)
        for t in range(model.n_types)
    ]


def predict_from_states(
    model: NEP,
    parameters: Tensor,
    batch: Batch,
    kernels: PairKernels,
    states: Sequence[TypeState],
) -> Prediction:
    """Energies, forces and virials from states that are known already."""
    weights = model.weights(parameters)
    radial = [
        state.q_gradient[:, : model.n_radial] @ weights.c_radial[t]
        for t, state in enumerate(states)
    ]
    angular = [state.sums_gradient @ weights.c_angular[t] for t, state in enumerate(states)]
    forces, virial = kernels.forces_and_virial(Moments(torch.cat(radial), torch.cat(angular)))
    atomic_energy = torch.cat([state.energy for state in states])
    if model.zbl is not None:
        more = repulsion(_zbl_table(model.zbl, model.species), batch)
        atomic_energy, forces, virial = (
            own + part for own, part in zip((atomic_energy, forces, virial), more, strict=True)
        )
    return Prediction(atomic_energy, batch.sum_by_frame(atomic_energy), forces, virial)


@cache
def _zbl_table(zbl: ZBL, species: tuple[str, ...]) -> PairTable:
    return zbl.pair_table(species)


def predictor(model: NEP, q_scaler: Tensor, batch: Batch) -> Callable[[Tensor], Prediction]:
    """`predict` of one batch as a function of the parameters alone; its moments are found once."""
    kernels = model.pair_kernels(batch)
    moment = kernels.moments()

    def predict_at(parameters: Tensor) -> Prediction:
        states = type_states(model, parameters, q_scaler, batch, moment)
        return predict_from_states(model, parameters, batch, kernels, states)

    return predict_at


def predict(model: NEP, parameters: Tensor, q_scaler: Tensor, batch: Batch) -> Prediction:
    """Energies (eV), forces (eV/Å) and virials (eV, W = -dU/dstrain) of a batch."""
    return predictor(model, q_scaler, batch)(parameters)


def descriptor_range(model: NEP, batch: Batch, moment: Moments) -> tuple[Tensor, Tensor]:
    """Smallest and largest unscaled descriptor [n_descriptor] of a batch with every c = 1."""
    parameters = batch.neighbor_vector.new_ones(model.n_parameters)
    q_scaler = batch.neighbor_vector.new_ones(model.n_descriptor)
    states = type_states(model, parameters, q_scaler, batch, moment)
    q = torch.cat([state.q for state in states])
    return q.amin(dim=0), q.amax(dim=0)
