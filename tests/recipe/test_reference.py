"""recipes/README.md is the reference of every key, and says what the tables say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import attrs
import pytest

from nepforge.data.formats.table import OF_FILES
from nepforge.data.sources import STRUCTURE_FORMATS
from nepforge.files.content import SUFFIXES
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
from nepforge.recipe.tables.key import key_name

REFERENCE = (Path(__file__).parents[2] / "recipes" / "README.md").read_text(encoding="utf-8")
HEADINGS = {
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


def reference_rows(heading: str) -> dict[str, tuple[str, str]]:
    """Key -> (range, default) of the table below a heading."""
    section = REFERENCE.split(f"\n### {heading}\n")[1].split("\n#")[0]
    cells = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    return {row[1].strip(" `"): (row[3].strip(), row[4].strip()) for row in cells}


def default_text(attribute: attrs.Attribute[Any]) -> str:
    default: Any = attribute.default
    if default is attrs.NOTHING:
        return "-"
    if isinstance(default, attrs.Factory):
        default = default.factory()
    return "none" if default is None else f"`{json.dumps(to_json(default))}`"


@pytest.mark.parametrize("heading", HEADINGS)
def test_the_reference_has_every_key_with_its_range_and_default(heading: str) -> None:
    """Row by row, in the order of the table."""
    table = attrs.resolve_types(HEADINGS[heading])
    expected = {
        key_name(attribute): (describe(attribute.type), default_text(attribute))
        for attribute in attrs.fields(table)
    }
    assert reference_rows(heading) == expected


def test_the_reference_names_every_format_with_its_file_names() -> None:
    """Row by row, in the order in which a name is compared; and every compression."""
    section = REFERENCE.split("\n## Data files\n")[1].split("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    found = {row[1].strip(" `"): tuple(re.findall(r"`([^`]+)`", row[2])) for row in rows}
    assert list(found.items()) == [(known.name, known.names) for known in OF_FILES]
    for suffix in SUFFIXES:
        assert f"`{suffix}`" in section


def test_the_reference_names_every_structure_format() -> None:
    """Of the file of an MD run, and no other."""
    file_row = next(line for line in REFERENCE.splitlines() if line.startswith("| `file`"))
    assert set(re.findall(r"`(\.\w+)`", file_row)) == set(STRUCTURE_FORMATS)
