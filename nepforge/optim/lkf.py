"""Layer-wise Kalman filter in blocks of observations.

One step takes m observations at once, linearised at the current parameters, with innovations
e [m] (observed minus predicted) and rows H [m, n_parameters] of the predictions' Jacobian:

    A_b = H_b P_b,   S = sum_b A_b H_b^T + lambda R,   S = L L^T,
    theta_b += A_b^T S^-1 e,   P_b = (P_b - (L^-1 A_b)^T (L^-1 A_b)) / lambda,
    lambda = nu lambda + 1 - nu      (forgetting fades, once a step)

for blocks b of the parameters whose covariance with each other is neglected. With lambda = 1 and
one block this is exactly m scalar updates linearised at one point, i.e. recursive ridge regression
with prior precision 1/p0. Layer-wise blocks and the fading lambda are those of RLEKF (Hu et al.,
AAAI 2023, arXiv:2212.06989); there the m updates are done one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from attrs import define
from torch import Tensor


def split_blocks(sizes: Sequence[int], block_size: int) -> list[int]:
    """Sizes of covariance blocks for layers of the given sizes.

    Neighbouring layers share a block as long as they fit into `block_size` together; a larger layer
    is cut into pieces of at most `block_size`.
    """
    blocks: list[int] = []
    room = 0
    for size in sizes:
        if size <= room:
            blocks[-1] += size
            room -= size
            continue
        pieces = [block_size] * (size // block_size)
        if size % block_size:
            pieces.append(size % block_size)
        blocks += pieces
        room = block_size - pieces[-1]
    return blocks


@define(eq=False)
class LKF:
    """Covariance and forgetting factor; `step` changes them and the parameters in place."""

    covariances: list[Tensor]  # P_b [n_b, n_b]
    kalman_lambda: float
    kalman_nue: float

    @classmethod
    def start(
        cls,
        block_sizes: Sequence[int],
        *,
        p0_weight: float,
        kalman_lambda: float,
        kalman_nue: float,
        like: Tensor,
    ) -> LKF:
        """P = p0_weight times the unit matrix, dtype and device of `like`."""
        covariances = []
        for size in block_sizes:
            covariance = like.new_zeros(size, size)
            covariance.fill_diagonal_(p0_weight)
            covariances.append(covariance)
        return cls(covariances, kalman_lambda, kalman_nue)

    def step(self, parameters: Tensor, rows: Tensor, innovations: Tensor) -> Tensor:
        """Take m observations into account.

        Args:
            parameters: theta [n_parameters], changed in place.
            rows: H [m, n_parameters], scaled so that the noise of each observation is 1.
            innovations: e [m], scaled alike.

        Returns:
            S^-1-weighted size of the innovations, e^T S^-1 e / m: near 1 when P is realistic.

        Raises:
            torch.linalg.LinAlgError: S is not positive definite (P lost its meaning).
        """
        sizes = [len(covariance) for covariance in self.covariances]
        blocks = rows.split(sizes, dim=1)
        products = [
            block @ covariance for block, covariance in zip(blocks, self.covariances, strict=True)
        ]
        spread = torch.eye(len(innovations), dtype=rows.dtype, device=rows.device)
        spread *= self.kalman_lambda
        for block, product in zip(blocks, products, strict=True):
            spread += product @ block.mT
        factor = torch.linalg.cholesky(spread)
        whitened = torch.linalg.solve_triangular(factor, innovations[:, None], upper=False)
        targets = parameters.split(sizes)
        for target, product, covariance in zip(targets, products, self.covariances, strict=True):
            gain = torch.linalg.solve_triangular(factor, product, upper=False)  # L^-1 A
            target.add_((gain.mT @ whitened)[:, 0])
            forget = 1.0 / self.kalman_lambda
            covariance.addmm_(gain.mT, gain, beta=forget, alpha=-forget)
        self.kalman_lambda = self.kalman_nue * self.kalman_lambda + 1.0 - self.kalman_nue
        return (whitened**2).sum() / len(innovations)

    def symmetrise(self) -> None:
        """Remove the rounding asymmetry that collects in P."""
        for covariance in self.covariances:
            covariance.add_(covariance.mT.clone()).mul_(0.5)

    def state(self) -> dict[str, Tensor]:
        """Everything that `restore` needs."""
        tensors = {f"covariance.{b}": block for b, block in enumerate(self.covariances)}
        tensors["kalman_lambda"] = torch.tensor(self.kalman_lambda, dtype=torch.float64)
        return tensors

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what `state` returned."""
        for b, covariance in enumerate(self.covariances):
            covariance.copy_(state[f"covariance.{b}"])
        self.kalman_lambda = float(state["kalman_lambda"])
