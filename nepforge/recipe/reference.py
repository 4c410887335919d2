"""The tables "Every key" of recipes/README.md, written from the tables of the recipe."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import attrs

from nepforge.recipe.canonical import to_json
from nepforge.recipe.describe import describe
from nepforge.recipe.tables import (
    AdamOptimizer,
    Data,
    DPModelTable,
    Export,
    Labels,
    LKFOptimizer,
    Md,
    MdBenchmark,
    NEPModelTable,
    Prefactors,
    Recipe,
    Select,
    SNESOptimizer,
    StructureFromData,
    StructureFromFile,
    Tolerance,
    Weights,
    ZblRange,
)
from nepforge.recipe.tables.key import about, keys_of

HEADINGS: Mapping[str, type] = {
    "Top level": Recipe,
    "`[data]`": Data,
    "`[data.select]`": Select,
    "`[data.labels]`": Labels,
    '`[model]`, `kind = "nep"`': NEPModelTable,
    '`[model]`, `kind = "dp"`': DPModelTable,
    "`zbl = { outer = 2.0, ... }`": ZblRange,
    '`[optimizer]`, `kind = "lkf"`': LKFOptimizer,
    '`[optimizer]`, `kind = "adam"` or `"adamw"`': AdamOptimizer,
    "`[optimizer.prefactors]`": Prefactors,
    '`[optimizer]`, `kind = "snes"`': SNESOptimizer,
    "`[optimizer.weights]`": Weights,
    "`[export]`": Export,
    "`[[md]]`": Md,
    "`[md_benchmark]`": MdBenchmark,
    '`structure = { from = "data", ... }`': StructureFromData,
    '`structure = { file = "cell.cif", ... }`': StructureFromFile,
    "`[tolerances]`": Tolerance,
}
_HEAD = "| key | unit | range | default | meaning, source |\n|---|---|---|---|---|\n"


def with_tables(text: str) -> str:
    """The reference with the table below each heading written anew.

    Raises:
        ValueError: A heading or its table is missing.
    """
    for heading, table in HEADINGS.items():
        intro = rf"\n### {re.escape(heading)}\n(?:(?!#|\|).*\n)*"
        place = re.search(rf"{intro}(?P<table>{re.escape(_HEAD)}(?:\|.*\n)*)", text)
        if place is None:
            raise ValueError(f"found no table of keys below ### {heading}")
        rows = "".join(_row(name, key) for name, key in keys_of(table).items())
        text = text[: place.start("table")] + _HEAD + rows + text[place.end("table") :]
    return text


def _row(name: str, attribute: attrs.Attribute[Any]) -> str:
    key = about(attribute)
    meaning = ". ".join(part for part in (key.text, key.more, key.source) if part)
    cells = [f"`{name}`", key.unit, describe(attribute.type), _default(attribute), meaning]
    return f"| {' | '.join(cells)} |\n".replace("|  |", "| |")


def _default(attribute: attrs.Attribute[Any]) -> str:
    default: Any = attribute.default
    if default is attrs.NOTHING:
        return "-"
    if hasattr(default, "factory"):
        default = default.factory()
    return "none" if default is None else f"`{json.dumps(to_json(default))}`"
