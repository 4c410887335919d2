"""Mean of the parameters over the last steps of an epoch.

A filter that forgets keeps wandering about its optimum; the mean of its path is closer to it
(Polyak and Juditsky, SIAM J. Control Optim. 30, 838 (1992)). The mean is validated and kept, the
filter itself goes on from its own last parameters.
"""

from __future__ import annotations

from attrs import define
from torch import Tensor


@define(eq=False)
class TailAverage:
    """`fraction` of an epoch's frames, the last ones, count; 0 keeps the last parameters."""

    fraction: float
    mean: Tensor  # [n_parameters]
    count: int = 0

    @classmethod
    def start(cls, fraction: float, parameters: Tensor) -> TailAverage:
        return cls(fraction, parameters.clone())

    def add(self, parameters: Tensor, done: int, total: int) -> None:
        """Take the parameters after a step that used up `done` of `total` frames."""
        if done > (1.0 - self.fraction) * total:
            self.count += 1
            self.mean.add_((parameters - self.mean) / self.count)

    def finish(self, parameters: Tensor) -> Tensor:
        """The mean of the epoch that ends, a copy; the next epoch starts anew."""
        result = self.mean.clone() if self.count else parameters.clone()
        self.count = 0
        return result
