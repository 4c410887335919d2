"""Problems that a stage finds in keys of the recipe, shown on the lines of the recipe."""

from __future__ import annotations

from pathlib import Path

import attrs

from nepforge.errors import Problem, RecipeError, UnfitDataError
from nepforge.plan.stage import Plan
from nepforge.recipe.problems import format_problems


def located(error: UnfitDataError, plan: Plan) -> UnfitDataError:
    """The error with file, line and column of each key."""
    problems = [_placed(problem, plan) for problem in error.problems]
    problems.sort(key=lambda problem: (problem.line == 0, problem.line, problem.column))
    n_problems = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    path = plan.recipe_path or Path(plan.recipe_file)
    title = f"{path}: {n_problems} fitting recipe to data"
    text = "" if plan.experiment else plan.recipe_text  # of a matrix: not that of the file
    shown = format_problems(RecipeError(title, problems), text, path)
    return UnfitDataError(shown, problems)


def _placed(problem: Problem, plan: Plan) -> Problem:
    given = [override.partition("=")[0].strip() for override in plan.overrides]
    if any(_covers(key, problem.path) for key in given):
        return attrs.evolve(problem, message=f"{problem.message} (given by --set)")
    key = problem.path
    while key and key not in plan.positions:
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    line, column = plan.positions.get(key, (0, 0))
    return attrs.evolve(problem, line=line, column=column)


def _covers(key: str, path: str) -> bool:
    return path == key or path.startswith((f"{key}.", f"{key}["))
