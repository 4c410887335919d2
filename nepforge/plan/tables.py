"""The tables of stages: what a stage is given, and what its key hashes of it as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import field, frozen

from nepforge.recipe.canonical import to_json
from nepforge.recipe.tables import Export, Model, Optimizer
from nepforge.recipe.tables.values import Symbol

# a field that came after the first keys: without a value it is not in the JSON, so none moved
LATER = {"later": True}


def table_json(table: Any) -> dict[str, Any]:
    """The JSON form of a stage's table, as its key hashes it."""
    if isinstance(table, Mapping):
        return dict(table)
    values = {a.name: (a, getattr(table, a.name)) for a in attrs.fields(type(table))}
    return {
        name: table_json(value) if type(value) in _INNER else to_json(value)
        for name, (attribute, value) in values.items()
        if value is not None or not attribute.metadata.get("later")
    }


@frozen(kw_only=True)
class TrainData:
    """What the training has to know of [data]."""

    species: tuple[Symbol, ...]
    energy_baseline: tuple[float, ...] | None = field(default=None, metadata=LATER)  # eV, by type


@frozen(kw_only=True)
class TrainTable:
    """Of the train stage."""

    data: TrainData
    model: Model
    optimizer: Optimizer
    seed: int
    threads: int


@frozen(kw_only=True)
class EvaluateTable:
    """Of the evaluate stage."""

    threads: int


@frozen(kw_only=True)
class ExportTable:
    """Of the stages export and verify."""

    export: Export


_INNER = (TrainData,)
