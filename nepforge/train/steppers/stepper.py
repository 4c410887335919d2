"""The interface through which the training loop drives every optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.models.potential import Prediction


class Stepper(Protocol):
    """The parameters and the state of an optimizer."""

    parameters: Tensor
    advice: str  # what to change in the recipe when a training diverges

    def step(self, batch: Batch, rng: torch.Generator) -> Prediction:
        """Learn from a batch; returns what was predicted before the update."""

    def finish_epoch(self) -> None:
        """Housekeeping after the last step of an epoch."""

    def state(self) -> dict[str, Tensor]:
        """Everything besides the random generator that the next step depends on."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what `state` returned."""
