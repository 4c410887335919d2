"""Steps of the natural evolution strategy: one generation, evaluated on one batch."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import torch
from torch import Tensor

from nepforge.data.batch import Batch
from nepforge.models.potential import Potential, Prediction
from nepforge.optim.snes import SNES
from nepforge.quantities import QUANTITIES
from nepforge.recipe.tables import SNESOptimizer
from nepforge.train.metrics import ErrorSums
from nepforge.train.observations import (
    force_factors,
    force_weights_of,
    observation_weights,
    refuse_not_finite,
)


class SNESStepper:
    """See optim.snes. The parameters are the mean of the population.

    Loss of a candidate z: the sum of weight * RMSE of energy and virial per atom, of forces (times
    the weights of the species) and of atomic energies on the batch, + lambda_1 mean |z| +
    lambda_2 rms(z), as in GPUMD.
    """

    advice = "lower optimizer.sigma"

    def __init__(
        self, model: Potential, parameters: Tensor, scaler: Tensor, table: SNESOptimizer
    ) -> None:
        self.model = model
        self.parameters = parameters
        self.scaler = scaler
        self.table = table
        self.weights = observation_weights(table.weights)
        self.force_weights = force_weights_of(model.species, table.force_weights)
        self.search = SNES(parameters, torch.full_like(parameters, table.sigma))

    def step(self, batch: Batch, rng: torch.Generator) -> Prediction:
        predict = self.model.predictor(self.scaler, batch)
        prediction = predict(self.parameters)
        refuse_not_finite(batch, prediction)
        noise = self.search.draw(self.table.population, rng)
        losses = [
            self._misfit(batch, predict(candidate)) + self._penalty(candidate)
            for candidate in self.search.candidates(noise)
        ]
        self.search.learn(noise, torch.tensor(losses, dtype=torch.float64))
        return prediction

    def _misfit(self, batch: Batch, prediction: Prediction) -> float:
        factors = force_factors(batch, self.force_weights)
        errors = ErrorSums()
        errors.add(
            attrs.evolve(batch, forces=factors * batch.forces),
            attrs.evolve(prediction, forces=factors * prediction.forces),
        )
        found = errors.report("batch")
        return sum(
            self.weights[quantity.name] * found.get(f"batch_{quantity.metric}", 0.0)
            for quantity in QUANTITIES
        )

    def _penalty(self, candidate: Tensor) -> float:
        first = self.table.lambda_1 * float(candidate.abs().mean())
        return first + self.table.lambda_2 * float(candidate.square().mean().sqrt())

    def finish_epoch(self) -> None:
        """Nothing accumulates during an epoch."""

    def state(self) -> dict[str, Tensor]:
        return self.search.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.search.restore(state)
