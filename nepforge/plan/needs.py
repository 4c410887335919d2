"""What of a recipe needs the data: the data stage looks whether they hold it.

Only what such a look reads is here, so that no other change of the recipe reads the data again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from nepforge.data.sources import DataSource
from nepforge.recipe.canonical import to_json
from nepforge.recipe.load import LoadedRecipe
from nepforge.recipe.rules import LABELS
from nepforge.recipe.tables import Optimizer

MD_KEYS = ("structure", "ranks")
BENCHMARK_KEYS = ("structure", "atoms", "ranks", "threads", "cores")


@frozen
class Needs:
    """Tables, files by name, and where each stands in the recipe."""

    tables: dict[str, Any] = field(factory=dict)
    files: dict[str, DataSource] = field(factory=dict)
    paths: dict[str, str] = field(factory=dict)


def needs_of(loaded: LoadedRecipe) -> Needs:
    """Trained labels, cutoffs, and the cells of MD runs."""
    recipe, files = loaded.recipe, loaded.sources
    needs = Needs()
    needs.tables["optimizer"] = _labels(recipe.optimizer)
    needs.tables["model"] = {"cutoff": to_json(recipe.model)["cutoff"]}
    runs = []
    for idx, md in enumerate(recipe.md):
        run = {key: to_json(md)[key] for key in MD_KEYS}
        runs.append(_with_file(run, f"md[{idx}]", files.get("md", idx, "structure", "file"), needs))
    if runs:
        needs.tables["md"] = runs
    if recipe.md_benchmark is not None:
        settings = to_json(recipe.md_benchmark)
        table = {key: settings[key] for key in BENCHMARK_KEYS}
        source = files.get("md_benchmark", "structure", "file")
        needs.tables["md_benchmark"] = _with_file(table, "md_benchmark", source, needs)
    return needs


def _with_file(
    table: dict[str, Any], at: str, source: DataSource | None, needs: Needs
) -> dict[str, Any]:
    """The table, its structure file a source of the stage instead of a local path."""
    if source is not None:
        name = f"{at}.structure"
        needs.files[name] = source
        needs.paths[name] = f"{name}.file"
        table["structure"] = {**table["structure"], "file": name, "format": source.format}
    return table


def _labels(optimizer: Optimizer) -> dict[str, list[str]]:
    """ "weights" (and "prefactors") -> the labels with a value above 0."""
    tables: Mapping[str, Any] = {
        name: getattr(optimizer, name)
        for name in ("weights", "prefactors")
        if hasattr(optimizer, name)
    }
    return {
        name: [label for label in LABELS if _is_above_zero(getattr(table, label))]
        for name, table in tables.items()
    }


def _is_above_zero(value: float | tuple[float, float] | None) -> bool:
    return any(value) if isinstance(value, tuple) else bool(value)
