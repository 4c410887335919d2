"""Moments: neighbour sums of basis functions by neighbour type, without parameters.

    M_i[t, k]    = sum_{j of type t} f_k(r_ij)                  (radial cutoff)
    M_i[a, t, k] = sum_{j of type t} f_k(r_ij) B_a(u_ij)        (angular cutoff)

All trained parameters act on moments, so energies and their parameter gradients need no loop
over pairs. Along a displacement of the atoms the moments change by

    dM_i[a, t, k] = sum_j f_k' (u . ds) B_a + f_k (dB_a/dr . ds),   ds = s_j - s_i.
"""

from __future__ import annotations

from typing import Protocol

import torch
from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.models.nep.angular import angular_basis
from nepforge.models.nep.radial import radial_basis


@frozen(eq=False)
class Moments:
    """Moments, or their change along D directions (then both have a leading dimension D)."""

    radial: Tensor  # [N, T * (basis_size + 1)]
    angular: Tensor  # [N, n_harmonics, T * (basis_size + 1)]


def moments_of_type(batch: Batch, moment: Moments, type_idx: int) -> Moments:
    """The rows of the atoms of one type (the atom dimension of `radial` is second to last)."""
    atoms = batch.type_slice(type_idx)
    return Moments(moment.radial[..., atoms, :], moment.angular[..., atoms, :, :])


def angular_sums(moment: Tensor, coefficients: Tensor) -> Tensor:
    """s [..., A, n_max + 1] from angular moments [..., A, T * basis] of atoms of one type."""
    return moment @ coefficients.mT


class PairKernels(Protocol):
    """The neighbour sums of one batch: in torch for any device, compiled for the CPU."""

    def moments(self) -> Moments:
        """Moments of every atom."""

    def displacement_tangents(self, displacements: Tensor) -> Moments:
        """Change of the moments along D displacements of the atoms [D, N, 3]."""

    def strain_tangents(self, strains: Tensor) -> Moments:
        """Change of the moments along D strains e [D, F, 3, 3] of the frames, dr_ij = r_ij e."""

    def forces_and_virial(self, gradient: Moments) -> tuple[Tensor, Tensor]:
        """Forces [N, 3] in eV/Å and virials [F, 3, 3] in eV from dU_i/dM_i."""


class TorchPairKernels:
    """The reference: plain torch, any dtype and device."""

    def __init__(
        self,
        batch: Batch,
        pair_cutoffs: tuple[Tensor, Tensor],  # radial and angular [T, T], Å
        basis_size: tuple[int, int],
        l_max: int,
    ) -> None:
        self.batch = batch
        vector = batch.neighbor_vector
        distance = vector.norm(dim=-1)  # [N, K]
        self.unit = vector / distance[..., None]
        radial, angular = (
            cutoff.to(vector)[batch.type_idx][:, batch.column_type] for cutoff in pair_cutoffs
        )
        self.radial, self.radial_slope = radial_basis(distance, radial, basis_size[0])
        self.angular, self.angular_slope = radial_basis(distance, angular, basis_size[1])
        self.harmonics, polynomial_gradient = angular_basis(self.unit, l_max)
        along = self.unit[..., None, :] @ polynomial_gradient  # [N, K, 1, A]
        projected = polynomial_gradient - self.unit[..., :, None] * along
        self.harmonics_gradient = projected / distance[..., None, None]  # dB_a/dr_ij [N, K, 3, A]

    def moments(self) -> Moments:
        radial, angular = [], []
        for t in range(self.batch.n_types):
            columns = self.batch.column_slice(t)
            radial.append(self.radial[:, columns].sum(dim=1))
            angular.append(self.harmonics[:, columns].mT @ self.angular[:, columns])
        return Moments(torch.cat(radial, dim=-1), torch.cat(angular, dim=-1))

    def displacement_tangents(self, displacements: Tensor) -> Moments:
        here = displacements[:, :, None]
        return self._tangents(displacements[:, self.batch.neighbor_idx] - here)

    def strain_tangents(self, strains: Tensor) -> Moments:
        return self._tangents(self.batch.neighbor_vector @ strains[:, self.batch.frame_idx])

    def _tangents(self, displacement: Tensor) -> Moments:
        """Change of the moments when every pair vector moves by displacement [D, N, K, 3]."""
        along = (displacement * self.unit).sum(dim=-1)  # [D, N, K] u . ds
        radial, angular = [], []
        for t in range(self.batch.n_types):
            columns = self.batch.column_slice(t)
            change = along[:, :, columns]
            radial.append(torch.einsum("dnj,njk->dnk", change, self.radial_slope[:, columns]))
            turning = torch.einsum(
                "dnjc,njca->dnja", displacement[:, :, columns], self.harmonics_gradient[:, columns]
            )
            stretching = change[..., None] * self.harmonics[:, columns]  # [D, N, K, A]
            angular.append(
                stretching.mT @ self.angular_slope[:, columns]
                + turning.mT @ self.angular[:, columns]
            )
        return Moments(torch.cat(radial, dim=-1), torch.cat(angular, dim=-1))

    def forces_and_virial(self, gradient: Moments) -> tuple[Tensor, Tensor]:
        p = self._pair_gradients(gradient)
        forces = p.sum(dim=1).index_add(
            0, self.batch.neighbor_idx.flatten(), p.flatten(0, 1), alpha=-1.0
        )
        return forces, self.batch.sum_by_frame(-(self.batch.neighbor_vector.mT @ p))

    def _pair_gradients(self, gradient: Moments) -> Tensor:
        """p_ij = dU_i/dr_ij in eV/Å, [N, K, 3]."""
        n_radial, n_angular = self.radial.shape[-1], self.angular.shape[-1]
        parts = []
        for t in range(self.batch.n_types):
            columns = self.batch.column_slice(t)
            radial = gradient.radial[:, t * n_radial : (t + 1) * n_radial]
            angular = gradient.angular[:, :, t * n_angular : (t + 1) * n_angular]
            value = self.angular[:, columns] @ angular.mT  # [N, K, A]
            slope = self.angular_slope[:, columns] @ angular.mT
            along = (self.radial_slope[:, columns] @ radial[..., None])[..., 0]
            along = along + (slope * self.harmonics[:, columns]).sum(dim=-1)
            turning = (self.harmonics_gradient[:, columns] @ value[..., None])[..., 0]
            parts.append(along[..., None] * self.unit[:, columns] + turning)
        return torch.cat(parts, dim=1)
