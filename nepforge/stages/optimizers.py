"""The [optimizer] table of a recipe -> a stepper, chosen by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from nepforge.data.frame import Frame
from nepforge.errors import DataError
from nepforge.models.potential import Potential
from nepforge.quantities import QUANTITIES
from nepforge.train.steppers import (
    AdamSettings,
    AdamStepper,
    LKFSettings,
    LKFStepper,
    Schedule,
    SNESSettings,
    SNESStepper,
    Stepper,
)


def check_labels(frames: Sequence[Frame], settings: Mapping[str, Any]) -> None:
    """Refuse weights and prefactors of labels that no training frame has."""
    for quantity in QUANTITIES:
        if any(getattr(frame, quantity.field) is not None for frame in frames):
            continue
        name = quantity.name
        weight = settings["weights"][name]
        prefactors = settings.get("prefactors", {}).get(name, [0.0, 0.0])
        for key, value, none in (("weights", weight, "0"), ("prefactors", prefactors, "[0, 0]")):
            if value not in (None, 0, [0, 0]):
                raise DataError(
                    f"optimizer.{key}.{name} is {value}, but none of the {len(frames)} training "
                    f"frames has that label",
                    hint=f"set optimizer.{key}.{name} = {none}, or check the names of the labels"
                    + quantity.hint,
                )


def observation_weights(settings: Mapping[str, Any]) -> dict[str, float]:
    """Of the [optimizer] table; a weight that is not given is 0."""
    return {name: weight or 0.0 for name, weight in settings["weights"].items()}


def _force_weights(model: Potential, settings: Mapping[str, Any]) -> tuple[float, ...]:
    """By type; empty when none is given."""
    given = settings["force_weights"]
    return () if given is None else tuple(given.get(symbol, 1.0) for symbol in model.species)


def _lkf(
    model: Potential, parameters: Tensor, scaler: Tensor, settings: Mapping[str, Any]
) -> Stepper:
    return LKFStepper(
        model,
        parameters,
        scaler,
        LKFSettings(
            force_groups=settings["force_groups"],
            kalman_lambda=settings["kalman_lambda"],
            kalman_nue=settings["kalman_nue"],
            block_size=settings["block_size"],
            p0_weight=settings["p0_weight"],
            weights=observation_weights(settings),
            force_weights=_force_weights(model, settings),
        ),
    )


def _adam(
    model: Potential, parameters: Tensor, scaler: Tensor, settings: Mapping[str, Any]
) -> Stepper:
    pairs = {name: pair or (0.0, 0.0) for name, pair in settings["prefactors"].items()}
    start, end = settings["learning_rate"]
    return AdamStepper(
        model,
        parameters,
        scaler,
        AdamSettings(
            kind=settings["kind"],
            schedule=Schedule(start, end, settings["schedule_steps"], settings["decay_steps"]),
            weight_decay=settings["weight_decay"],
            first={name: pair[0] for name, pair in pairs.items()},
            last={name: pair[1] for name, pair in pairs.items()},
            force_weights=_force_weights(model, settings),
        ),
    )


def _snes(
    model: Potential, parameters: Tensor, scaler: Tensor, settings: Mapping[str, Any]
) -> Stepper:
    return SNESStepper(
        model,
        parameters,
        scaler,
        SNESSettings(
            population=settings["population"],
            sigma=settings["sigma"],
            lambda_1=settings["lambda_1"],
            lambda_2=settings["lambda_2"],
            weights=observation_weights(settings),
            force_weights=_force_weights(model, settings),
        ),
    )


# optimizer.kind -> stepper(model, first parameters, scaler, the [optimizer] table)
STEPPERS: Mapping[str, Callable[[Potential, Tensor, Tensor, Mapping[str, Any]], Stepper]] = {
    "lkf": _lkf,
    "adam": _adam,
    "adamw": _adam,
    "snes": _snes,
}
