"""A recipe file -> a checked recipe with its hash, its data files and the place of every key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from nepforge.recipe.canonical import recipe_hash, resolve
from nepforge.recipe.document import decode, parse, read_bytes
from nepforge.recipe.limits import Finding, RefusedError
from nepforge.recipe.named_files import Locate, NamedFiles, beside, find_files
from nepforge.recipe.overrides import Override, apply_override, parse_override
from nepforge.recipe.positions import Parts, Position, dotted, scan
from nepforge.recipe.problems import ON_COMMAND_LINE, format_problems, recipe_error
from nepforge.recipe.strict import read_recipe
from nepforge.recipe.tables import Recipe

__all__ = ["LoadedRecipe", "format_problems", "load_recipe"]


@frozen
class LoadedRecipe:
    """A checked recipe. `text` is verbatim; `overrides` are the --set texts that were applied."""

    recipe: Recipe
    path: Path
    text: str
    raw_sha256: str  # of the file's bytes
    resolved: Mapping[str, Any]  # what is hashed, see recipe.canonical
    hash: str  # 64 hex digits
    positions: Mapping[str, Position]  # dotted key -> line, column (1-based) in `text`
    sources: NamedFiles
    overrides: tuple[str, ...]


def load_recipe(
    path: Path, overrides: Sequence[str] = (), locate: Locate | None = None
) -> LoadedRecipe:
    """Read and check a recipe and the files that it names.

    Args:
        path: The recipe. Data files are named relative to its folder.
        overrides: Texts like "optimizer.epochs=5", values in TOML.
        locate: Where a named file is, when that is not beside the recipe.

    Raises:
        UsageError: the recipe cannot be opened.
        RecipeError: all problems of the recipe, at once.
        DataMissingError: files that the recipe names do not exist, all of them.
    """
    raw = read_bytes(path)
    text = decode(raw, path)
    document = parse(text, path)
    places = scan(text)
    for override in _apply_all(overrides, document, path):
        places = {at: place for at, place in places.items() if not override.covers(at)}
        places[override.path] = ON_COMMAND_LINE
    recipe, findings = read_recipe(document)
    if recipe is None:
        raise recipe_error(path, findings, places)
    sources = find_files(recipe, path, places, locate or beside(path.parent))
    resolved = resolve(recipe, sources)
    return LoadedRecipe(
        recipe=recipe,
        path=path,
        text=text,
        raw_sha256=hashlib.sha256(raw).hexdigest(),
        resolved=resolved,
        hash=recipe_hash(resolved),
        positions={dotted(at): place for at, place in places.items() if place != ON_COMMAND_LINE},
        sources=sources,
        overrides=tuple(overrides),
    )


def _apply_all(texts: Sequence[str], document: dict[str, Any], path: Path) -> list[Override]:
    """Set the overrides in the document."""
    nowhere: dict[Parts, Position] = {}
    applied: list[Override] = []
    findings: list[Finding] = []
    for text in texts:
        try:
            override = parse_override(text)
            apply_override(document, override)
            applied.append(override)
        except RefusedError as error:
            findings += error.findings
    if findings:
        raise recipe_error(path, findings, nowhere)
    return applied
