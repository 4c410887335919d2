"""Steps of the layer-wise Kalman filter."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from attrs import frozen
from torch import Tensor
from torch.linalg import LinAlgError  # type: ignore[attr-defined]

from nepforge.data.batch import Batch
from nepforge.errors import DivergenceError
from nepforge.models.potential import Potential, Prediction
from nepforge.optim.lkf import LKF, split_blocks
from nepforge.train.observations import observe


@frozen
class LKFSettings:
    """The numbers of the recipe's [optimizer] table that the filter needs."""

    force_groups: int
    kalman_lambda: float
    kalman_nue: float
    block_size: int
    p0_weight: float
    weights: Mapping[str, float]  # by name of the quantity
    force_weights: tuple[float, ...] = ()  # by type; all 1 when empty


class LKFStepper:
    """See optim.lkf and train.observations."""

    advice = "lower optimizer.p0_weight"

    def __init__(
        self, model: Potential, parameters: Tensor, scaler: Tensor, settings: LKFSettings
    ) -> None:
        self.model = model
        self.parameters = parameters
        self.scaler = scaler
        self.settings = settings
        sizes = [size for _, size in model.parameter_groups()]
        self.filter = LKF.start(
            split_blocks(sizes, settings.block_size),
            p0_weight=settings.p0_weight,
            kalman_lambda=settings.kalman_lambda,
            kalman_nue=settings.kalman_nue,
            like=parameters,
        )

    def step(self, batch: Batch, rng: torch.Generator) -> Prediction:
        observed = observe(
            self.model,
            self.parameters,
            self.scaler,
            batch,
            force_groups=self.settings.force_groups,
            weights=self.settings.weights,
            rng=rng,
            force_weights=self.settings.force_weights,
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
