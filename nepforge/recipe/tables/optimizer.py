"""[optimizer]: how the parameters are trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import attrs
from attrs import field, frozen

from nepforge.quantities import QUANTITIES, Quantity
from nepforge.recipe.limits import in_range
from nepforge.recipe.tables.key import key
from nepforge.recipe.tables.values import (
    Count,
    ForceWeights,
    NonNegative,
    Positive,
    Share,
    UpToOne,
)


def _weight(quantity: Quantity) -> Any:
    words = f"the {quantity.words} per atom" if quantity.is_extensive else quantity.plural
    required: Any = NonNegative
    optional: Any = NonNegative | None
    if not quantity.is_optional:
        return field(type=required, metadata=key(f"of {words}", unit=quantity.weight_unit))
    described = key(f"of {words}; default 0", unit=quantity.weight_unit, more=quantity.remark)
    return field(type=optional, default=None, metadata=described)


def _prefactor(quantity: Quantity) -> Any:
    pair: Any = tuple[NonNegative, NonNegative]
    text, unit = f"of {quantity.plural}", quantity.prefactor_unit
    if quantity.prefactors is None:
        described = key(f"{text}; default `[0, 0]`", unit=unit)
        return field(type=pair | None, default=None, metadata=described)
    described = key(text, unit=unit, source="MatPL")
    return field(type=pair, default=quantity.prefactors, metadata=described)


@frozen(kw_only=True, these={quantity.name: _weight(quantity) for quantity in QUANTITIES})
class Weights:
    """[optimizer.weights]: how hard each kind of observation pulls; 0 leaves it out."""


@frozen(kw_only=True, these={quantity.name: _prefactor(quantity) for quantity in QUANTITIES})
class Prefactors:
    """[optimizer.prefactors] of Adam: first and last weight of each squared error in the loss."""


def _kind_first(_table: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """The key that chooses a table is its first."""
    return sorted(fields, key=lambda one: one.name != "kind")


@frozen(kw_only=True)
class OptimizerKeys:
    """The keys of [optimizer] that every kind has."""

    epochs: Count = field(metadata=key("passes over the training frames", example=30))
    patience: Count | None = field(
        default=None,
        metadata=key(
            "training stops after this many epochs in a row without a better one", unit="epochs"
        ),
    )
    max_minutes: Positive | None = field(
        default=None,
        metadata=key(
            "wall-time budget of the training",
            unit="min",
            more="The training stops after the epoch in which the budget runs out, and the best "
            "model so far is kept. Such a result depends on the speed of the machine and cannot "
            "be repeated bit by bit",
        ),
    )
    batch_size: Count = field(
        metadata=key("frames in one update (of SNES: in one generation)", example=8)
    )
    force_weights: ForceWeights | None = field(
        default=None,
        metadata=key(
            "factors of the force errors of species, `{ Hf = 1.0, O = 2.0 }`; 1 for the others",
            more="Only for training: reported errors and the validation loss are without them. "
            "GPUMD's `type_weight`",
        ),
    )
    weights: Weights = field(
        metadata=key(
            "how hard each kind of error counts; 0 leaves it out",
            more="See below",
            example={"energy": 30.0, "force": 1.0, "virial": 1.0},
        )
    )


@frozen(kw_only=True, field_transformer=_kind_first)
class LKFOptimizer(OptimizerKeys):
    """[optimizer], kind = "lkf": the layerwise Kalman filter."""

    kind: Literal["lkf"] = field(metadata=key("layerwise Kalman filter", example="lkf"))
    force_groups: Count = field(
        metadata=key(
            "force observations per frame, and as many of atomic energies",
            more="The atoms are drawn into that many groups",
            example=2,
        )
    )
    kalman_lambda: UpToOne = field(
        default=0.98, metadata=key("forgetting factor λ of the first update", source="MatPL")
    )
    kalman_nue: UpToOne = field(
        default=0.9987, metadata=key("ν in λ ← ν λ + 1 - ν", source="MatPL")
    )
    block_size: Count = field(
        default=5120,
        metadata=key(
            "size of the blocks in which the covariance P is kept",
            unit="parameters",
            source="MatPL",
        ),
    )
    p0_weight: Positive = field(
        metadata=key(
            "P starts as p0_weight times the unit matrix",
            source="MatPL has 0.01, for other observation weights",
            example=1.0,
        )
    )
    tail_average: Share = field(
        default=0.0,
        metadata=key(
            "fraction at the end of each epoch whose mean parameters are validated and kept",
            more="0 takes the last parameters. MatPL does not average",
        ),
    )


@frozen(kw_only=True, field_transformer=_kind_first)
class AdamOptimizer(OptimizerKeys):
    """[optimizer], kind = "adam" or "adamw": gradient descent on the squared errors."""

    kind: Literal["adam", "adamw"] = field(metadata=key("without and with decoupled weight decay"))
    learning_rate: tuple[Positive, Positive] = field(
        default=(1.0e-3, 3.51e-8),
        metadata=key(
            "start, end",
            source="MatPL, which multiplies it by the square root of the number of atoms; here it "
            "is used as written",
        ),
    )
    schedule_steps: Count = field(
        default=1_000_000,
        metadata=key(
            "length of the schedule; for a short run, choose about the steps of that run",
            unit="steps",
            source="MatPL",
        ),
    )
    decay_steps: Count = field(
        default=5000,
        metadata=key("between two falls of the learning rate", unit="steps", source="MatPL"),
    )
    weight_decay: NonNegative = field(
        default=0.0, metadata=key("L2 penalty of Adam, decoupled decay of AdamW")
    )
    prefactors: Prefactors = field(
        factory=Prefactors,
        metadata=key("first and last weight of each squared error", more="See below"),
    )


@frozen(kw_only=True, field_transformer=_kind_first)
class SNESOptimizer(OptimizerKeys):
    """[optimizer], kind = "snes": separable natural evolution strategy."""

    kind: Literal["snes"] = field(metadata=key("separable natural evolution strategy"))
    population: Annotated[int, in_range(at_least=4)] = field(
        default=50, metadata=key("parameter vectors in a generation", source="GPUMD")
    )
    sigma: Positive = field(
        default=0.1,
        metadata=key("initial standard deviation of every parameter", source="GPUMD"),
    )
    lambda_1: NonNegative = field(
        default=0.05,
        metadata=key("weight of the mean absolute parameter in the loss", source="GPUMD (3.x)"),
    )
    lambda_2: NonNegative = field(
        default=0.05,
        metadata=key("weight of the root mean square parameter in the loss", source="GPUMD (3.x)"),
    )


Optimizer = LKFOptimizer | AdamOptimizer | SNESOptimizer
