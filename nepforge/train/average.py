"""Mean of the parameters over the last steps of an epoch.

A filter with forgetting keeps fluctuating around its optimum; the mean of its path lies closer
(Polyak and Juditsky, SIAM J. Control Optim. 30, 838 (1992)). The mean is validated and kept, while
the filter continues from its own last parameters.
"""

from __future__ import annotations

from attrs import define
from torch import Tensor


@define(eq=False)
class TailAverage:
    """The mean over the last `fraction` of an epoch's frames; 0 keeps the last parameters."""

    fraction: float
    mean: Tensor  # [n_parameters]
    count: int = 0

    @classmethod
    def start(cls, fraction: float, parameters: Tensor) -> TailAverage:
        return cls(fraction, parameters.clone())

    def add(self, parameters: Tensor, done: int, total: int) -> None:
        """Include the parameters after a step that ended at `done` of `total` frames."""
        if done > (1.0 - self.fraction) * total:
            self.count += 1
            self.mean.add_((parameters - self.mean) / self.count)

    def finish(self, parameters: Tensor) -> Tensor:
        """A copy of the mean of the finished epoch; the next epoch starts from zero."""
        result = self.mean.clone() if self.count else parameters.clone()
        self.count = 0
        return result
