"""The whole recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from attrs import field, frozen

from nepforge.recipe.limits import in_range
from nepforge.recipe.tables.data import Data
from nepforge.recipe.tables.key import key
from nepforge.recipe.tables.model import Model
from nepforge.recipe.tables.optimizer import Optimizer
from nepforge.recipe.tables.runs import Export, Md, MdBenchmark
from nepforge.recipe.tables.values import Index, Metric, Name, NonNegative


@frozen(kw_only=True)
class Tolerance:
    """What two runs may differ by in one metric: exactly one of the two."""

    relative: NonNegative | None = field(
        default=None, metadata=key("difference over the recorded value")
    )
    absolute: NonNegative | None = field(
        default=None, metadata=key("difference", unit="of the metric")
    )


@frozen(kw_only=True)
class Recipe:
    """The whole file."""

    schema: Literal[1] = field(metadata=key("version of this reference", example=1))
    name: Name = field(metadata=key("names the folder `runs/<name>`", example="recipe"))
    description: str = field(
        default="",
        metadata=key("for readers; not part of the recipe hash", hashed=False),
    )
    seed: Index = field(
        metadata=key(
            "of everything random",
            more="Every stage derives its own seed from it and its name",
            example=1,
        )
    )
    threads: Annotated[int, in_range(at_least=1, at_most=1024)] = field(
        metadata=key(
            "CPU threads of the numerical stages",
            more="Pinned, because one matrix product has other bits with other thread counts",
            example=2,
        )
    )
    data: Data = field(metadata=key("see below"))
    model: Model = field(metadata=key("see below"))
    optimizer: Optimizer = field(metadata=key("see below"))
    export: Export | None = field(
        default=None,
        metadata=key(
            "text files of the model, see below",
            more="Without it the run ends with the trained model and its errors. Not with "
            '`model.kind = "dp"`',
        ),
    )
    md: tuple[Md, ...] = field(
        default=(), metadata=key("`[[md]]`, one table per MD run, see below")
    )
    md_benchmark: MdBenchmark | None = field(default=None, metadata=key("see below"))
    tolerances: Mapping[Metric, Tolerance] = field(
        factory=dict, metadata=key("what two runs of the recipe may differ by, see below")
    )
