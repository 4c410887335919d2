"""The training and validation frames, after the checks of the doctor and the recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nepforge.data.doctor import Finding
from nepforge.data.frame import Frame
from nepforge.data.prepare import Split, split_by_fraction, split_given
from nepforge.errors import DataError, Problem, UnfitDataError
from nepforge.plan.tables import DataTable
from nepforge.stages.requirements import find

OF_RECIPE = {"unknown-element": "data.species"}  # code of a finding -> the key that it speaks of
ADVICE = "correct the files or take the frames out; `nepforge data check FILES` lists all"


def checked(
    table: DataTable,
    inputs: Mapping[str, Path],
    train: Sequence[Frame],
    valid: Sequence[Frame],
    findings: Sequence[Finding],
) -> tuple[Split, list[Finding]]:
    """Split the frames and check that they hold what the recipe needs.

    Args:
        table: Of the data stage.
        inputs: Its sources.
        train: Frames of data.train.
        valid: Frames of data.validation, where files are given.
        findings: Of the doctor.

    Returns:
        The split, and all findings that are no errors.

    Raises:
        DataError: The doctor found errors and nothing else is wrong.
        UnfitDataError: The data do not hold what the recipe asks of them; all that is wrong.
    """
    errors = [finding for finding in findings if finding.level == "error"]
    problems: list[Problem] = []
    split = Split(list(train), list(valid), [], [])
    try:
        split = _split(table, train, valid)
    except DataError as error:
        problems.append(Problem("data.validation", error.message, error.hint))
    found = find(table, inputs, split.train, split.valid, sound=not errors)
    problems += found.problems
    if problems or any(error.code in OF_RECIPE for error in errors):
        raise _unfit([*(_as_problem(error) for error in errors), *problems])
    if errors:
        text = "\n".join(f"{finding.code}: {finding.text}" for finding in errors)
        raise DataError(text, hint=ADVICE)
    return split, [*findings, *found.findings]


def _split(table: DataTable, train: Sequence[Frame], valid: Sequence[Frame]) -> Split:
    if table.data.validation is None:
        return split_given(train, valid)
    rng = np.random.default_rng(table.seed)
    return split_by_fraction(train, table.data.validation, rng)


def _as_problem(error: Finding) -> Problem:
    hint = (
        "add the element to data.species, or take the frames out"
        if error.code in OF_RECIPE
        else ADVICE
    )
    return Problem(OF_RECIPE.get(error.code, "data.train"), f"{error.code}: {error.text}", hint)


def _unfit(problems: Sequence[Problem]) -> UnfitDataError:
    return UnfitDataError("\n".join(_line(problem) for problem in problems), problems)


def _line(problem: Problem) -> str:
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"{problem.path}: {problem.message}{hint}"
