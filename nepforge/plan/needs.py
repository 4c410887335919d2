"""What in a recipe depends on the data; the data stage checks it.

Only what such a check reads is here, so that no other change of the recipe reads the data again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import field, frozen

from nepforge.data.sources import DataSource
from nepforge.plan.tables import (
    BenchmarkCells,
    MdCell,
    ModelCutoff,
    StructureOfSource,
    TrainedLabels,
)
from nepforge.quantities import QUANTITIES
from nepforge.recipe.load import LoadedRecipe
from nepforge.recipe.tables import Optimizer, Structure
from nepforge.recipe.tables.values import FileName


@frozen
class Needs:
    """Tables of the data stage, files by name, and where each stands in the recipe."""

    tables: Mapping[str, Any]
    files: dict[str, DataSource] = field(factory=dict)

    @property
    def paths(self) -> dict[str, str]:
        return {name: f"{name}.file" for name in self.files}


def needs_of(loaded: LoadedRecipe) -> Needs:
    """Trained labels, cutoffs, and the cells of MD runs."""
    recipe, named = loaded.recipe, loaded.sources
    files: dict[str, DataSource] = {}

    def placed(structure: Structure, *at: str | int) -> Structure:
        source = named.get(*at, "structure", "file")
        if source is None:
            return structure
        name = at[0] if len(at) == 1 else f"{at[0]}[{at[1]}]"
        files[f"{name}.structure"] = source
        return of_source(structure, f"{name}.structure", source)

    md = tuple(
        MdCell(structure=placed(one.structure, "md", idx), ranks=one.ranks)
        for idx, one in enumerate(recipe.md)
    )
    benchmark = recipe.md_benchmark
    cells = benchmark and BenchmarkCells(
        structure=placed(benchmark.structure, "md_benchmark"),
        atoms=benchmark.atoms,
        ranks=benchmark.ranks,
        threads=benchmark.threads,
        cores=benchmark.cores,
    )
    tables = {
        "optimizer": _labels(recipe.optimizer),
        "model": ModelCutoff(cutoff=recipe.model.cutoff),
        "md": md or None,
        "md_benchmark": cells,
    }
    return Needs(tables, files)


def of_source(structure: Structure, name: str, source: DataSource) -> StructureOfSource:
    """The structure, its file a source of the stage instead of a local path."""
    return StructureOfSource(
        file=FileName(name), format=source.format, replicate=structure.replicate
    )


def _labels(optimizer: Optimizer) -> TrainedLabels:
    """The labels with a value above 0."""
    tables = {
        one.name: tuple(q.name for q in QUANTITIES if _is_above_zero(getattr(table, q.name)))
        for one in attrs.fields(TrainedLabels)
        if (table := getattr(optimizer, one.name, None)) is not None
    }
    return TrainedLabels(**tables)


def _is_above_zero(value: float | tuple[float, float] | None) -> bool:
    return any(value) if isinstance(value, tuple) else bool(value)
