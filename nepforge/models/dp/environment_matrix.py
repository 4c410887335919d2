"""The environment matrix of Deep Potential: one row per neighbour of every atom.

    R_ij = (s, s u_x, s u_y, s u_z),   u = r_ij / r,   s(r) = w(r) / r,

with w = 1 below the smooth cutoff r_s, 0 from the cutoff r_c on, and between them, for
x = (r - r_s) / (r_c - r_s), w = 1 + x^3 (-6 x^2 + 15 x - 10), which is smooth to its second
derivative (Zhang et al., arXiv:1805.09003; the polynomial is that of DeePMD-kit). The first column
and the other three are divided by their spread over the training data, per species of the centre.
Nothing here is trained. A padded neighbour has a row of zeros.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch

N_COLUMNS = 4  # of R
N_SCALES = 3  # of one species: 1/spread of s, 1/spread of s u, 1/n_neighbors


def smooth_weight(distance: Tensor, smooth_cutoff: float, cutoff: float) -> tuple[Tensor, Tensor]:
    """s(r) in 1/Å and ds/dr in 1/Å^2, of the shape of `distance` (Å)."""
    x = ((distance - smooth_cutoff) / (cutoff - smooth_cutoff)).clamp(0.0, 1.0)
    switch = 1.0 + x**3 * (-6.0 * x**2 + 15.0 * x - 10.0)
    switch_slope = -30.0 * (x * (x - 1.0)) ** 2 / (cutoff - smooth_cutoff)
    value = switch / distance
    return value, (switch_slope - value) / distance


@frozen(eq=False)
class EnvironmentMatrix:
    """Rows of R of a batch and their derivatives; K padded neighbours of N atoms."""

    batch: Batch
    unit: Tensor  # u [N, K, 3]
    slope: Tensor  # ds/dr, scaled like s [N, K]
    turn: Tensor  # s/r, scaled like s u [N, K]
    angular_slope: Tensor  # ds/dr, scaled like s u [N, K]
    rows: Tensor  # R [N, K, 4]

    @classmethod
    def of(
        cls, batch: Batch, scaler: Tensor, smooth_cutoff: float, cutoff: float
    ) -> EnvironmentMatrix:
        """Rows of a batch; `scaler` [T, N_SCALES] from `find_scales`."""
        vector = batch.neighbor_vector
        distance = vector.norm(dim=-1)
        unit = vector / distance[..., None]
        value, slope = smooth_weight(distance, smooth_cutoff, cutoff)
        own = scaler.to(vector)[batch.type_idx]  # [N, N_SCALES]
        radial, angular = own[:, :1], own[:, 1:2]
        rows = torch.cat([(radial * value)[..., None], (angular * value)[..., None] * unit], dim=-1)
        return cls(
            batch=batch,
            unit=unit,
            slope=radial * slope,
            turn=angular * value / distance,
            angular_slope=angular * slope,
            rows=rows,
        )

    def displaced(self, displacements: Tensor) -> Tensor:
        """R' [D, N, K, 4] along displacements [D, N, 3] of the atoms."""
        moved = displacements[:, self.batch.neighbor_idx] - displacements[:, :, None]
        return self._moved(moved)

    def strained(self, strains: Tensor) -> Tensor:
        """R' [D, N, K, 4] along strains e [D, F, 3, 3] of the frames, dr_ij = r_ij e."""
        return self._moved(self.batch.neighbor_vector @ strains[:, self.batch.frame_idx])

    def _moved(self, displacement: Tensor) -> Tensor:
        """R' when every pair vector moves by displacement [D, N, K, 3]."""
        along = (displacement * self.unit).sum(dim=-1, keepdim=True)
        turning = self.turn[..., None] * (displacement - along * self.unit)
        stretching = (self.angular_slope[..., None] * along) * self.unit
        return torch.cat([self.slope[..., None] * along, turning + stretching], dim=-1)

    def pair_gradients(self, gradient: Tensor) -> Tensor:
        """p_ij = dU_i/dr_ij in eV/Å, [N, K, 3], from dU_i/dR [N, K, 4]."""
        radial, angular = gradient[..., :1], gradient[..., 1:]
        along = (angular * self.unit).sum(dim=-1, keepdim=True)
        stretching = self.slope[..., None] * radial + self.angular_slope[..., None] * along
        return stretching * self.unit + self.turn[..., None] * (angular - along * self.unit)


def find_scales(batches: Iterable[Batch], smooth_cutoff: float, cutoff: float) -> Tensor:
    """Scales of every species over all batches, [T, N_SCALES].

    The spread of s is its standard deviation over all neighbours, that of s u its root mean square.
    n_neighbors, the same for all species, is the largest number of neighbours of an atom. A species
    without neighbours gets scales of 1.
    """
    sums, most = [], 1
    for batch in batches:
        distance = batch.neighbor_vector.norm(dim=-1)
        inside = distance < cutoff
        most = max(most, int(inside.sum(dim=1).max()) if inside.numel() else 0)
        value = smooth_weight(distance, smooth_cutoff, cutoff)[0]
        per_atom = torch.stack([inside.to(value).sum(1), value.sum(1), value.square().sum(1)], 1)
        of_types = per_atom.new_zeros(batch.n_types, 3).index_add_(0, batch.type_idx, per_atom)
        sums.append(of_types)
    count, total, squares = torch.stack(sums).sum(dim=0).unbind(dim=1)
    mean_square = squares / count.clamp_min(1.0)
    variance = mean_square - (total / count.clamp_min(1.0)) ** 2
    scales = torch.ones(len(count), N_SCALES, dtype=count.dtype, device=count.device)
    rounding = torch.finfo(count.dtype).eps * mean_square
    for column, square in enumerate((variance, mean_square / 3.0)):
        scales[:, column] = torch.where(square > rounding, square.rsqrt(), 1.0)
    scales[:, 2] = 1.0 / most
    return scales
