"""A recipe file -> a checked recipe with its hash, its data files and the place of every key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w
from attrs import evolve, frozen

from nepforge.errors import Problem, RecipeError
from nepforge.recipe.canonical import recipe_hash, resolve
from nepforge.recipe.document import decode, parse, read_bytes
from nepforge.recipe.limits import RefusedError, Violation
from nepforge.recipe.matrix import MATRIX, MatrixRun, expand
from nepforge.recipe.named_files import Locate, NamedFiles, beside, find_files, missing_files
from nepforge.recipe.overrides import Override, apply_override, parse_override
from nepforge.recipe.positions import Parts, Position, dotted, scan
from nepforge.recipe.problems import ON_COMMAND_LINE, format_problems, problems_error, recipe_error
from nepforge.recipe.strict import read_recipe
from nepforge.recipe.tables import Recipe
from nepforge.recipe.value_units import with_unit_hints

__all__ = ["LoadedRecipe", "format_problems", "load_recipe", "load_recipes"]


@frozen
class LoadedRecipe:
    """A checked recipe.

    `text` is verbatim, or that of one run of a [matrix] written out; `overrides` are the --set
    texts that have to be applied to it.
    """

    recipe: Recipe
    path: Path
    text: str
    raw_sha256: str  # of the file's bytes
    resolved: Mapping[str, Any]  # what is hashed, see recipe.canonical
    hash: str  # 64 hex digits
    positions: Mapping[str, Position]  # dotted key -> line, column (1-based) in the file
    sources: NamedFiles
    overrides: tuple[str, ...]
    place: MatrixPlace | None = None  # of a run of a [matrix]


@frozen
class MatrixPlace:
    """Which run of a [matrix] it is."""

    name: str  # of the recipe with the [matrix]
    label: str  # "lkf, seed 2"
    variant: str  # "lkf": the same for all seeds


def load_recipe(
    path: Path | str, overrides: Sequence[str] = (), locate: Locate | None = None
) -> LoadedRecipe:
    """`load_recipes` of a recipe that stands for one run.

    Raises:
        RecipeError: also when the recipe has a [matrix].
    """
    path = Path(path)
    loaded = load_recipes(path, overrides, locate)
    if loaded[0].place is not None:
        at: Parts = (MATRIX,)
        violation = Violation(
            f"describes {len(loaded)} runs, expected a recipe for one run", "", at
        )
        raise recipe_error(path, [violation], scan(loaded[0].path.read_text(encoding="utf-8-sig")))
    return loaded[0]


def load_recipes(
    path: Path, overrides: Sequence[str] = (), locate: Locate | None = None
) -> tuple[LoadedRecipe, ...]:
    """Read and check a recipe and the files that it names: one run, or all runs of its [matrix].

    Args:
        path: The recipe. Data files are named relative to its folder.
        overrides: Texts like "optimizer.epochs=5", values in TOML; they hold for every run.
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
    parsed = _parse_all(overrides, path)
    of_matrix = [override for override in parsed if override.path[0] == MATRIX]
    _apply_all(of_matrix, document, path)
    places = _overridden(places, of_matrix)
    try:
        runs = expand(document)
    except RefusedError as error:
        raise recipe_error(path, error.violations, places) from error
    of_runs = [override for override in parsed if override.path[0] != MATRIX]
    _refuse_overridden_axes(of_runs, runs[0], path)
    loaded: list[LoadedRecipe] = []
    problems: dict[Problem, None] = {}  # each once, in order
    for run in runs:
        _apply_all(of_runs, run.document, path)
        try:
            run_places = _overridden(run.move(places), of_runs)
            loaded.append(_checked(run, path, raw, run_places, locate or beside(path.parent)))
        except RecipeError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise problems_error(path, list(problems))
    if runs[0].choices:
        written_out = zip(loaded, runs, strict=True)
        return tuple(_written_out(one, run, path) for one, run in written_out)
    return (evolve(loaded[0], overrides=tuple(overrides)),)


def _checked(
    run: MatrixRun, path: Path, raw: bytes, places: Mapping[Parts, Position], locate: Locate
) -> LoadedRecipe:
    """One run, with the text of the file and without overrides."""
    recipe, violations = read_recipe(run.document)
    if recipe is None:
        violations = [
            *with_unit_hints(violations, run.document),
            *missing_files(run.document, locate),
        ]
        raise recipe_error(path, violations, places)
    sources = find_files(run.document, path, places, locate)
    resolved = resolve(recipe, sources)
    return LoadedRecipe(
        recipe=recipe,
        path=path,
        text=raw.decode(),
        raw_sha256=hashlib.sha256(raw).hexdigest(),
        resolved=resolved,
        hash=recipe_hash(resolved),
        positions={dotted(at): place for at, place in places.items() if place != ON_COMMAND_LINE},
        sources=sources,
        overrides=(),
    )


def _written_out(loaded: LoadedRecipe, run: MatrixRun, path: Path) -> LoadedRecipe:
    """A run of a matrix with a text of its own, which has the same hash."""
    text = f"# {run.label}: one run of the matrix in {path.name}\n{tomli_w.dumps(run.document)}"
    suffix = "".join(f"-{choice.slug}" for choice in run.choices)
    name = loaded.recipe.name.removesuffix(suffix)
    return evolve(loaded, text=text, place=MatrixPlace(name, run.label, run.variant))


def _overridden(
    places: Mapping[Parts, Position], overrides: Sequence[Override]
) -> dict[Parts, Position]:
    """The places, with those of overridden values on the command line."""
    kept = {
        at: place
        for at, place in places.items()
        if not any(override.covers(at) for override in overrides)
    }
    return kept | {override.path: ON_COMMAND_LINE for override in overrides}


def _parse_all(texts: Sequence[str], path: Path) -> list[Override]:
    parsed: list[Override] = []
    violations: list[Violation] = []
    for text in texts:
        try:
            parsed.append(parse_override(text))
        except RefusedError as error:
            violations += error.violations
    if violations:
        raise recipe_error(path, violations, {})
    return parsed


def _apply_all(overrides: Sequence[Override], document: dict[str, Any], path: Path) -> None:
    """Set the overrides in the document."""
    violations: list[Violation] = []
    for override in overrides:
        try:
            apply_override(document, override)
        except RefusedError as error:
            violations += error.violations
    if violations:
        raise recipe_error(path, violations, {})


def _refuse_overridden_axes(overrides: Sequence[Override], run: MatrixRun, path: Path) -> None:
    """A value that the matrix varies cannot be the same in all runs."""
    violations = [
        Violation(
            f"--set {dotted(override.path)}: the matrix varies {dotted(choice.target)}",
            f"--set '{dotted(choice.source[:-1])}=[...]' sets the values of the matrix",
        )
        for override in overrides
        for choice in run.choices
        if override.covers(choice.target)
    ]
    if violations:
        raise recipe_error(path, violations, {})
