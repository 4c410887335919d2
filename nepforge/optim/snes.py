"""Separable natural evolution strategy.

A population of vectors mean + deviation * s_k, s_k ~ N(0, 1), is ranked by its losses; with the
utilities u_k of the ranks (k = 1 is the best of lambda; their sum is 0)

    u_k = max(0, ln(lambda/2 + 1) - ln k) / sum of these - 1/lambda,
    mean      += deviation * sum_k u_k s_k,
    deviation *= exp(eta/2 * sum_k u_k (s_k^2 - 1)),     eta = (3 + ln n) / (5 sqrt n).

Schaul, Glasmachers and Schmidhuber, GECCO 2011, https://doi.org/10.1145/2001576.2001692.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from attrs import define
from torch import Tensor


def utilities(population: int) -> Tensor:
    """u_k of the ranks, best first, [population], float64."""
    ranks = torch.arange(1, population + 1, dtype=torch.float64)
    raw = (math.log(population / 2 + 1) - ranks.log()).clamp_min(0.0)
    return raw / raw.sum() - 1.0 / population


@define(eq=False)
class SNES:
    """Mean and deviation; `learn` changes both in place."""

    mean: Tensor  # [n]
    deviation: Tensor  # [n]

    def draw(self, population: int, rng: torch.Generator) -> Tensor:
        """The noise s_k of a population, [population, n]."""
        shape = (population, len(self.mean))
        return torch.randn(shape, generator=rng, dtype=torch.float64).to(self.mean)

    def candidates(self, noise: Tensor) -> Tensor:
        """mean + deviation * s_k, [population, n]."""
        return self.mean + self.deviation * noise

    def learn(self, noise: Tensor, losses: Tensor) -> None:
        """Move towards the better candidates.

        Args:
            noise: From `draw`.
            losses: Losses of the candidates, [population]; non-finite ones count as the worst.
        """
        order = torch.argsort(losses.nan_to_num(nan=math.inf), stable=True)
        weights = utilities(len(losses)).to(noise)
        ranked = noise[order]
        self.mean.add_(self.deviation * (weights @ ranked))
        rate = (3.0 + math.log(len(self.mean))) / (5.0 * math.sqrt(len(self.mean)))
        self.deviation.mul_(torch.exp(0.5 * rate * (weights @ (ranked * ranked - 1.0))))

    def state(self) -> dict[str, Tensor]:
        """Everything that `restore` needs."""
        return {"mean": self.mean, "deviation": self.deviation}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what `state` returned."""
        self.mean.copy_(state["mean"])
        self.deviation.copy_(state["deviation"])
