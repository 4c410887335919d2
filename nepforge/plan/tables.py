"""The tables of stages: what a stage is given, and the JSON of it that its key hashes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
from attrs import field, frozen

from nepforge.recipe.tables import (
    Export,
    Labels,
    Md,
    MdBenchmark,
    Model,
    Optimizer,
    Select,
    Structure,
    StructureFromFile,
)
from nepforge.recipe.tables.key import key_name
from nepforge.recipe.tables.values import Cutoff, Positive, Symbol

LATER = {"later": True}  # added later: omitted from the JSON without a value, so no key changed
GIVEN = {"later": True, "given": True}  # the same holds for the keys of the table in it


def table_json(table: Any, *, given: bool = False) -> Any:
    """The JSON form of a table, as the stage's key hashes it; with `given`, keys with values."""
    if attrs.has(type(table)):
        pairs = [(a, getattr(table, a.name)) for a in attrs.fields(type(table))]
        return {
            key_name(a): table_json(value, given=given or a.metadata.get("given", False))
            for a, value in pairs
            if value is not None or not (given or a.metadata.get("later"))
        }
    if isinstance(table, Mapping):
        return {name: table_json(item, given=given) for name, item in table.items()}
    if isinstance(table, tuple):
        return [table_json(item, given=given) for item in table]
    return table


@frozen(kw_only=True)
class DataFile:
    """A file or folder of labelled structures: a source of the stage, its format, its part."""

    name: str
    format: str
    part: str


@frozen(kw_only=True)
class DataFiles:
    """The files of data.train and data.validation."""

    train: tuple[DataFile, ...]
    validation: tuple[DataFile, ...]


@frozen(kw_only=True)
class ReadData:
    """[data] as the stage reads it."""

    species: tuple[Symbol, ...]
    validation: float | None = None  # share of the training frames; None with files of its own
    group_by: str | None = None
    files: DataFiles
    energy_baseline: tuple[float, ...] | None = field(default=None, metadata=LATER)  # eV, by type
    select: Select | None = field(default=None, metadata=GIVEN)
    labels: Labels | None = field(default=None, metadata=GIVEN)
    unconverged: Literal["keep"] | None = field(default=None, metadata=LATER)


@frozen(kw_only=True)
class TrainedLabels:
    """Names of the quantities with a weight, or a prefactor, above 0."""

    weights: tuple[str, ...] = ()
    prefactors: tuple[str, ...] | None = field(default=None, metadata=LATER)


@frozen(kw_only=True)
class ModelCutoff:
    """[model] keys that data must fit."""

    cutoff: Cutoff | Positive


@frozen(kw_only=True)
class StructureOfSource(StructureFromFile):
    """A structure file as a stage gets it: `file` is the name of a source."""

    format: str  # of ASE


@frozen(kw_only=True)
class MdCell:
    """[[md]] keys that data must fit."""

    structure: Structure
    ranks: int


@frozen(kw_only=True)
class BenchmarkCells:
    """[md_benchmark] keys that data must fit."""

    structure: Structure
    atoms: tuple[int, ...]
    ranks: tuple[int, ...]
    threads: tuple[int, ...]
    cores: int | None = None


@frozen(kw_only=True)
class DataTable:
    """Data stage table: [data], and from other tables only what the data must fit."""

    data: ReadData
    seed: int
    optimizer: TrainedLabels
    model: ModelCutoff
    md: tuple[MdCell, ...] | None = field(default=None, metadata=LATER)
    md_benchmark: BenchmarkCells | None = field(default=None, metadata=LATER)


@frozen(kw_only=True)
class TrainData:
    """What the training has to know of [data]."""

    species: tuple[Symbol, ...]
    energy_baseline: tuple[float, ...] | None = field(default=None, metadata=LATER)  # eV, by type


@frozen(kw_only=True)
class TrainTable:
    """Train stage table."""

    data: TrainData
    model: Model
    optimizer: Optimizer
    seed: int
    threads: int


@frozen(kw_only=True)
class EvaluateTable:
    """Evaluate stage table."""

    threads: int


@frozen(kw_only=True)
class ExportTable:
    """Export and verify stage table."""

    export: Export


@frozen(kw_only=True)
class MdTable:
    """MD stage table."""

    species: tuple[Symbol, ...]
    md: Md
    seed: int


@frozen(kw_only=True)
class MdBenchmarkTable:
    """MD benchmark stage table."""

    species: tuple[Symbol, ...]
    md_benchmark: MdBenchmark
    seed: int
