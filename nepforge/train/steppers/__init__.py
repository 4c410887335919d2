"""One training step of each optimizer behind one interface.

Begin at `stepper`; `make_stepper` chooses by the class of the recipe's [optimizer] table.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from nepforge.models.potential import Potential
from nepforge.recipe.tables import AdamOptimizer, LKFOptimizer, Optimizer, SNESOptimizer
from nepforge.train.steppers.adam import AdamStepper
from nepforge.train.steppers.lkf import LKFStepper
from nepforge.train.steppers.snes import SNESStepper
from nepforge.train.steppers.stepper import Stepper

# class of the [optimizer] table -> stepper(model, first parameters, scaler, table)
STEPPERS: Mapping[type, Callable[[Potential, Tensor, Tensor, Any], Stepper]] = {
    LKFOptimizer: LKFStepper,
    AdamOptimizer: AdamStepper,
    SNESOptimizer: SNESStepper,
}

__all__ = [
    "STEPPERS",
    "AdamStepper",
    "LKFStepper",
    "SNESStepper",
    "Stepper",
    "make_stepper",
]


def make_stepper(model: Potential, parameters: Tensor, scaler: Tensor, table: Optimizer) -> Stepper:
    """The stepper of a table; it changes the parameters in place."""
    return STEPPERS[type(table)](model, parameters, scaler, table)
