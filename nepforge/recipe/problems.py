"""Violations -> the error of a recipe, with the place of each, and its text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from nepforge.errors import Problem, RecipeError
from nepforge.recipe.limits import Violation
from nepforge.recipe.positions import Parts, Position, dotted

ON_COMMAND_LINE: Position = (0, 0)  # the place of a value that --set gave


def recipe_error(
    path: Path, violations: Iterable[Violation], places: Mapping[Parts, Position]
) -> RecipeError:
    """All violations as one error, in the order of the file; those from --set come last."""
    problems = []
    for violation in violations:
        place = _nearest(violation.at, places)
        origin = " (given by --set)" if place == ON_COMMAND_LINE else ""
        message = violation.message + origin
        problems.append(Problem(dotted(violation.at), message, violation.hint, *(place or (0, 0))))
    return problems_error(path, problems)


def problems_error(path: Path, problems: Sequence[Problem]) -> RecipeError:
    """Problems as one error, in the order of the file; those without a place come last."""
    problems = sorted(
        problems, key=lambda problem: (problem.line == 0, problem.line, problem.column)
    )
    count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
    return RecipeError(f"{path}: {count} in the recipe", problems)


def format_problems(error: RecipeError, text: str, path: Path) -> str:
    """The problems with file:line:column, the source line and a caret, as plain text.

    Args:
        error: What `load_recipe` raised.
        text: The recipe's text; empty when it could not be read.
        path: The recipe, as the user wrote it.
    """
    lines = text.split("\n")
    blocks = [_block(problem, lines, path) for problem in error.problems]
    return "\n\n".join([*blocks, error.message])


def _nearest(at: Parts, places: Mapping[Parts, Position]) -> Position | None:
    """The place of the key, or of the table that should hold it."""
    while at and at not in places:
        at = at[:-1]
    return places.get(at)


def _block(problem: Problem, lines: Sequence[str], path: Path) -> str:
    place = f"{path}:{problem.line}:{problem.column}" if problem.line else f"{path}"
    subject = f"{problem.path}: " if problem.path else ""
    block = [f"{place}: {subject}{problem.message}"]
    if 0 < problem.line <= len(lines):
        source = lines[problem.line - 1].rstrip("\r")
        before_caret = re.sub(r"[^\t]", " ", source[: problem.column - 1])
        block.append(f"{problem.line:>5} | {source}")
        block.append(f"      | {before_caret}^")
    if problem.hint:
        block.append(f"      = {problem.hint}")
    return "\n".join(block)
