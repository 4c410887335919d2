"""Layer-wise Kalman filter that takes observations in blocks.

One step takes m observations at once, linearised at the current parameters, with innovations
e [m] (observed minus predicted) and rows H [m, n_parameters] of the predictions' Jacobian:

    A_b = H_b P_b,   S = sum_b A_b H_b^T + lambda R,   S = L L^T,
    theta_b += A_b^T S^-1 e,   P_b = (P_b - (L^-1 A_b)^T (L^-1 A_b)) / lambda,
    lambda = nu lambda + 1 - nu      (forgetting fades, once per step)

for blocks b of parameters; the covariance between blocks is neglected. With lambda = 1 and
one block this is exactly m scalar updates linearised at one point, i.e. recursive ridge regression
with prior precision 1/p0. Layer-wise blocks and the fading lambda are those of RLEKF (Hu et al.,
AAAI 2023, arXiv:2212.06989), which does the m updates one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from attrs import define
from torch import Tensor

PENDING_ROWS = 48  # from this many rows on, a product is limited by arithmetic instead of memory


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
    """Covariance and forgetting factor; `step` changes them and the parameters in place.

    Writing P dominates the cost of a small step. The updates of several steps are therefore kept as
    rows V_b and written together: P_b = scale * bases_b - V_b^T V_b.
    """

    bases: list[Tensor]  # [n_b, n_b]
    pending: list[Tensor]  # V_b [at most PENDING_ROWS, n_b]
    scale: float
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
        bases = []
        for size in block_sizes:
            base = like.new_zeros(size, size)
            base.fill_diagonal_(p0_weight)
            bases.append(base)
        pending = [like.new_zeros(0, size) for size in block_sizes]
        return cls(bases, pending, 1.0, kalman_lambda, kalman_nue)

    def step(self, parameters: Tensor, rows: Tensor, innovations: Tensor) -> None:
        """Update with m observations.

        Args:
            parameters: theta [n_parameters], changed in place.
            rows: H [m, n_parameters], scaled so that the noise of each observation is 1.
            innovations: e [m], scaled likewise.

        Raises:
            torch.linalg.LinAlgError: S is not positive definite (P has degenerated).
        """
        sizes = [len(base) for base in self.bases]
        blocks = rows.split(sizes, dim=1)
        products = [self._product(b, block) for b, block in enumerate(blocks)]
        spread = torch.eye(len(innovations), dtype=rows.dtype, device=rows.device)
        spread *= self.kalman_lambda
        for block, product in zip(blocks, products, strict=True):
            spread += product @ block.mT
        factor = torch.linalg.cholesky(spread)
        whitened = torch.linalg.solve_triangular(factor, innovations[:, None], upper=False)
        self.scale /= self.kalman_lambda
        for b, (target, product) in enumerate(zip(parameters.split(sizes), products, strict=True)):
            gain = torch.linalg.solve_triangular(factor, product, upper=False)  # L^-1 A
            target.add_((gain.mT @ whitened)[:, 0])
            kept = torch.cat([self.pending[b], gain]) / math.sqrt(self.kalman_lambda)
            self.pending[b] = kept
        if len(self.pending[0]) >= PENDING_ROWS:
            self._write_pending()
        self.kalman_lambda = self.kalman_nue * self.kalman_lambda + 1.0 - self.kalman_nue

    def covariances(self) -> list[Tensor]:
        """P_b of every block, copies."""
        return [
            torch.addmm(base, kept.mT, kept, beta=self.scale, alpha=-1.0)
            for base, kept in zip(self.bases, self.pending, strict=True)
        ]

    def symmetrise(self) -> None:
        """Remove the asymmetry that rounding accumulates in P."""
        for base in self.bases:
            base.add_(base.mT.clone()).mul_(0.5)

    def _product(self, block_idx: int, rows: Tensor) -> Tensor:
        """H_b P_b [m, n_b]."""
        kept = self.pending[block_idx]
        return torch.addmm(
            rows @ self.bases[block_idx], rows @ kept.mT, kept, beta=self.scale, alpha=-1.0
        )

    def _write_pending(self) -> None:
        for base, kept in zip(self.bases, self.pending, strict=True):
            base.addmm_(kept.mT, kept, beta=self.scale, alpha=-1.0)
        self.pending = [kept[:0] for kept in self.pending]
        self.scale = 1.0

    def state(self) -> dict[str, Tensor]:
        """Everything that `restore` needs."""
        tensors = {f"base.{b}": base for b, base in enumerate(self.bases)}
        tensors |= {f"pending.{b}": kept for b, kept in enumerate(self.pending)}
        numbers = [self.scale, self.kalman_lambda]
        return {**tensors, "numbers": torch.tensor(numbers, dtype=torch.float64)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what `state` returned."""
        for b, base in enumerate(self.bases):
            base.copy_(state[f"base.{b}"])
        self.pending = [state[f"pending.{b}"].clone() for b in range(len(self.bases))]
        self.scale, self.kalman_lambda = state["numbers"].tolist()
