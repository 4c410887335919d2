"""Steps of Adam and AdamW, with a decaying learning rate and prefactors that follow it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.models.potential import Potential, Prediction
from nepforge.quantities import QUANTITIES
from nepforge.recipe.tables import AdamOptimizer, Prefactors
from nepforge.train.loss import loss_gradient
from nepforge.train.observations import force_factors, force_weights_of

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
MEMORY = ("step", "exp_avg", "exp_avg_sq")  # what torch keeps of a parameter


@frozen
class Schedule:
    """rate(i) = start (end/start)^(d floor(i/d) / steps), never below end; d = decay_steps."""

    start: float
    end: float
    steps: int
    decay_steps: int

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        passed = step // self.decay_steps * self.decay_steps / self.steps
        return self.start * (self.end / self.start) ** min(passed, 1.0)


def prefactors_at(share: float, table: Prefactors) -> dict[str, float]:
    """p = p_last + (p_first - p_last) share of each quantity, with rate / rate_start as share."""

    def between(pair: tuple[float, float] | None) -> float:
        first, last = pair or (0.0, 0.0)
        return last + (first - last) * share

    return {one.name: between(getattr(table, one.name)) for one in QUANTITIES}


class AdamStepper:
    """torch.optim.Adam or AdamW on the gradient of train.loss."""

    advice = "lower optimizer.learning_rate"

    def __init__(
        self, model: Potential, parameters: Tensor, scaler: Tensor, table: AdamOptimizer
    ) -> None:
        self.model = model
        self.parameters = parameters
        self.scaler = scaler
        self.prefactors = table.prefactors
        self.force_weights = force_weights_of(model.species, table.force_weights)
        start, end = table.learning_rate
        self.schedule = Schedule(start, end, table.schedule_steps, table.decay_steps)
        self.optimizer = OPTIMIZERS[table.kind](
            [parameters], lr=start, weight_decay=table.weight_decay
        )

    def step(self, batch: Batch, rng: torch.Generator) -> Prediction:
        del rng  # gradient descent draws nothing
        rate = self.schedule.rate(self._n_steps())
        prefactors = prefactors_at(rate / self.schedule.start, self.prefactors)
        factors = force_factors(batch, self.force_weights)
        found = loss_gradient(self.model, self.parameters, self.scaler, batch, prefactors, factors)
        self.optimizer.param_groups[0]["lr"] = rate
        self.parameters.grad = found.gradient
        self.optimizer.step()
        return found.prediction

    def finish_epoch(self) -> None:
        """Nothing accumulates during an epoch."""

    def state(self) -> dict[str, Tensor]:
        memory = self.optimizer.state[self.parameters]
        zeros = torch.zeros_like(self.parameters)
        start = {"step": torch.tensor(0.0), "exp_avg": zeros, "exp_avg_sq": zeros}
        return {"parameters": self.parameters, **{**start, **memory}}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.parameters.copy_(state["parameters"])
        self.optimizer.state[self.parameters] = {name: state[name].clone() for name in MEMORY}

    def _n_steps(self) -> int:
        return int(self.optimizer.state[self.parameters].get("step", 0))
