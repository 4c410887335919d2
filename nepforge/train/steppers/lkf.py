"""Steps of the layer-wise Kalman filter."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.linalg import LinAlgError  # type: ignore[attr-defined]

from nepforge.data.batch import Batch
from nepforge.errors import DivergenceError
from nepforge.models.potential import Potential, Prediction
from nepforge.optim.lkf import LKF, split_blocks
from nepforge.recipe.tables import LKFOptimizer
from nepforge.train.observations import force_weights_of, observation_weights, observe


class LKFStepper:
    """See optim.lkf and train.observations."""

    advice = "lower optimizer.p0_weight"

    def __init__(
        self, model: Potential, parameters: Tensor, scaler: Tensor, table: LKFOptimizer
    ) -> None:
        self.model = model
        self.parameters = parameters
        self.scaler = scaler
        self.force_groups = table.force_groups
        self.weights = observation_weights(table.weights)
        self.force_weights = force_weights_of(model.species, table.force_weights)
        sizes = [size for _, size in model.parameter_groups()]
        self.filter = LKF.start(
            split_blocks(sizes, table.block_size),
            p0_weight=table.p0_weight,
            kalman_lambda=table.kalman_lambda,
            kalman_nue=table.kalman_nue,
            like=parameters,
        )

    def step(self, batch: Batch, rng: torch.Generator) -> Prediction:
        observed = observe(
            self.model,
            self.parameters,
            self.scaler,
            batch,
            force_groups=self.force_groups,
            weights=self.weights,
            rng=rng,
            force_weights=self.force_weights,
        )
        try:
            if len(observed.innovations):
                self.filter.step(self.parameters, observed.rows, observed.innovations)
        except LinAlgError as error:
            raise DivergenceError(
                "the covariance of the Kalman filter is no longer positive definite",
                hint=f"{self.advice}, or raise optimizer.kalman_lambda towards 1",
            ) from error
        return observed.prediction

    def finish_epoch(self) -> None:
        self.filter.symmetrise()

    def state(self) -> dict[str, Tensor]:
        return {"parameters": self.parameters, **self.filter.state()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.parameters.copy_(state["parameters"])
        self.filter.restore(state)
