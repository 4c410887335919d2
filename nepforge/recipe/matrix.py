"""[matrix]: one recipe file that stands for several runs.

    [matrix]
    seed = [1, 2, 3]
    "model.neurons" = [20, 40]
    optimizer = [{ kind = "lkf", ... }, { label = "Adam", kind = "adam", ... }]

Each key is a key of the recipe and each array holds its values; there is one run for every
combination, the last key changing fastest. A table stands for the whole table of the recipe; its
`label` names it in tables and plots. A run is an ordinary recipe: its hash is that of the file with
its values written out.
"""

from __future__ import annotations

import copy
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from nepforge.recipe.describe import show
from nepforge.recipe.limits import RefusedError, Violation
from nepforge.recipe.overrides import Override, apply_override, parse_path
from nepforge.recipe.positions import Parts, Position, dotted

MATRIX = "matrix"
MOST_RUNS = 1000
SEED = "seed"
_FIXED = ("schema", "name", "description")  # the same in every run


@frozen
class Choice:
    """One value of an axis; `source` is its place in the recipe file."""

    target: Parts
    value: Any
    label: str  # "seed 2", for people
    slug: str  # "seed-2", in names
    source: Parts


@frozen
class MatrixRun:
    """One combination."""

    document: dict[str, Any]  # the recipe without [matrix], with the values of this run
    choices: tuple[Choice, ...]

    @property
    def label(self) -> str:
        """ "lkf, seed 2"."""
        return ", ".join(choice.label for choice in self.choices)

    @property
    def variant(self) -> str:
        """The label without the seed: runs of one variant are repeats of each other."""
        return ", ".join(choice.label for choice in self.choices if choice.target != (SEED,))

    def move(self, places: Mapping[Parts, Position]) -> dict[Parts, Position]:
        """The places of the keys of this run, given those of the file."""
        moved = {at: place for at, place in places.items() if at[0] != MATRIX}
        for choice in self.choices:
            n_source, n_target = len(choice.source), len(choice.target)
            moved = {at: place for at, place in moved.items() if at[:n_target] != choice.target} | {
                (*choice.target, *at[n_source:]): place
                for at, place in places.items()
                if at[:n_source] == choice.source
            }
        return moved


def expand(document: Mapping[str, Any]) -> list[MatrixRun]:
    """The runs that a recipe stands for; one, without choices, when it has no [matrix].

    Raises:
        RefusedError: [matrix] is not a table of arrays; everything that is wrong with it.
    """
    base = {key: value for key, value in document.items() if key != MATRIX}
    if MATRIX not in document:
        return [MatrixRun(base, ())]
    matrix = document[MATRIX]
    if not isinstance(matrix, dict) or not matrix:
        found = "an empty table" if matrix == {} else show(matrix)
        raise RefusedError(Violation(f"got {found}, expected keys with arrays", "", (MATRIX,)))
    axes, violations = _axes(matrix)
    if violations:
        raise RefusedError(*violations)
    n_runs = math.prod(len(axis) for axis in axes)
    if n_runs > MOST_RUNS:
        raise RefusedError(
            Violation(f"got {n_runs} runs, expected at most {MOST_RUNS}", "", (MATRIX,))
        )
    return [_run(base, choices) for choices in itertools.product(*axes)]


def _run(base: Mapping[str, Any], choices: tuple[Choice, ...]) -> MatrixRun:
    document = copy.deepcopy(dict(base))
    for choice in choices:
        try:
            apply_override(document, Override(choice.target, copy.deepcopy(choice.value)))
        except RefusedError:
            message = f"the recipe has no {dotted(choice.target)} to set"
            raise RefusedError(Violation(message, "", choice.source[:-1])) from None
    name = document.get("name")
    if isinstance(name, str):
        document["name"] = "-".join([name, *(choice.slug for choice in choices)])
    return MatrixRun(document, choices)


def _axes(matrix: Mapping[str, Any]) -> tuple[list[list[Choice]], list[Violation]]:
    axes: list[list[Choice]] = []
    violations: list[Violation] = []
    for source, target, values in _flat(matrix, (MATRIX,), ()):
        try:
            axes.append(_axis(source, target, values))
        except RefusedError as error:
            violations += error.violations
    return axes, violations


def _flat(
    table: Mapping[str, Any], source: Parts, target: Parts
) -> Iterator[tuple[Parts, Parts, Any]]:
    """Place, key path in the recipe and value of every axis; `a.b = []` and `"a.b" = []`."""
    for key, value in table.items():
        path = (*target, *(parse_path(key) or (key,)))
        if isinstance(value, dict):
            yield from _flat(value, (*source, key), path)
        else:
            yield (*source, key), path, value


def _axis(source: Parts, target: Parts, values: Any) -> list[Choice]:
    """Raises RefusedError when the values are no array of different values."""
    if target[0] in _FIXED:
        raise RefusedError(Violation("is the same in every run", "remove it", source))
    if not isinstance(values, list) or not values:
        found = "an empty array" if values == [] else show(values)
        raise RefusedError(Violation(f"got {found}, expected an array of values", "", source))
    labels = _labels(source, target, values)
    slugs = [_slug(label) for label in labels]
    for idx, value in enumerate(values):
        if value in values[:idx]:
            raise RefusedError(
                Violation(f'got "{labels[idx]}" again, expected each once', "", (*source, idx))
            )
        if slugs[idx] in slugs[:idx]:  # "x 1" and "x -1"
            slugs[idx] += f"-{idx + 1}"
    return [
        Choice(target, _without_label(value), labels[idx], slugs[idx], (*source, idx))
        for idx, value in enumerate(values)
    ]


def _labels(source: Parts, target: Parts, values: Sequence[Any]) -> list[str]:
    labels = [_label((*source, idx), target, value) for idx, value in enumerate(values)]
    return [
        f"{label} {idx + 1}" if isinstance(values[idx], dict) and labels.count(label) > 1 else label
        for idx, label in enumerate(labels)
    ]


def _label(source: Parts, target: Parts, value: Any) -> str:
    """What tells the value apart: the label or kind of a table, "neurons 40" of a number."""
    if not isinstance(value, dict):
        return f"{target[-1]} {_text(value)}"
    label = value.get("label", value.get("kind", str(target[-1])))
    if not isinstance(label, str) or not _slug(label):
        message = f"got {show(label)}, expected a string with a letter or digit"
        raise RefusedError(Violation(message, "", (*source, "label")))
    return label


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_text(item) for item in value)
    return value if isinstance(value, str) else show(value)


def _without_label(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if key != "label"}
    return value


def _slug(label: str) -> str:
    """The label as part of a name: "seed 2" -> "seed-2"."""
    return re.sub(r"[^A-Za-z0-9.+]+", "-", label).strip("-.+")
