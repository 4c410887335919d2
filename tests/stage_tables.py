"""Tables of stages from JSON, as short as a test wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import attrs

from nepforge.plan.tables import (
    BenchmarkCells,
    DataTable,
    MdBenchmarkTable,
    MdCell,
    MdTable,
    ModelCutoff,
    ReadData,
    StructureOfSource,
    TrainedLabels,
)
from nepforge.recipe.strict import read_table
from nepforge.recipe.tables.key import key_name
from nepforge.recipe.tables.values import FileName

T = TypeVar("T")
SPECIES = ["Hf", "O"]
FILES = {"train": [{"name": "train.0", "format": "extxyz", "part": ""}], "validation": []}


def data_table(
    *,
    seed: int = 3,
    cutoff: Any = (4.5, 4.0),
    data: Mapping[str, Any] = {},
    optimizer: Mapping[str, Any] = {},
    md: Sequence[Mapping[str, Any]] = (),
    md_benchmark: Mapping[str, Any] | None = None,
) -> DataTable:
    """Of one file of extended XYZ, a share of it for validation; `data` has more keys of [data]."""
    content = {"species": SPECIES, "validation": 0.2, "files": FILES, **data}
    return DataTable(
        data=_table(ReadData, content),
        seed=seed,
        optimizer=_table(TrainedLabels, optimizer),
        model=ModelCutoff(cutoff=_tuples(cutoff)),
        md=tuple(_table(MdCell, one) for one in md) or None,
        md_benchmark=None if md_benchmark is None else _table(BenchmarkCells, md_benchmark),
    )


def md_table(species: Any = SPECIES, *, seed: int = 1, **md: Any) -> MdTable:
    """Of the keys of [[md]]."""
    return _table(MdTable, {"species": list(species), "md": md, "seed": seed})


def benchmark_table(species: Any = SPECIES, *, seed: int = 1, **keys: Any) -> MdBenchmarkTable:
    """Of the keys of [md_benchmark]."""
    content = {"species": list(species), "md_benchmark": keys, "seed": seed}
    return _table(MdBenchmarkTable, content)


def _table(table: type[T], content: Mapping[str, Any]) -> T:
    """By the reader of recipes; a structure with `file` and `format` is a source of the stage."""
    return _with_sources(read_table(table, _without_formats(content)), content)


def _is_source(content: Any) -> bool:
    return isinstance(content, Mapping) and {"file", "format"} <= content.keys()


def _without_formats(content: Any) -> Any:
    if isinstance(content, Mapping):
        left_out = {"format"} if _is_source(content) else set()
        return {k: _without_formats(v) for k, v in content.items() if k not in left_out}
    return [_without_formats(item) for item in content] if isinstance(content, list) else content


def _with_sources(table: Any, content: Any) -> Any:
    if _is_source(content):
        return StructureOfSource(
            file=FileName(content["file"]), format=content["format"], replicate=table.replicate
        )
    if attrs.has(type(table)) and isinstance(content, Mapping):
        given = {a.name: key_name(a) for a in attrs.fields(type(table)) if key_name(a) in content}
        changes = {n: _with_sources(getattr(table, n), content[k]) for n, k in given.items()}
        return attrs.evolve(table, **changes)
    if isinstance(table, tuple) and isinstance(content, list):
        return tuple(_with_sources(one, raw) for one, raw in zip(table, content, strict=True))
    return table


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value
