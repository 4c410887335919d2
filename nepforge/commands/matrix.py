"""`nepforge run` of a recipe with a [matrix]: all its runs, then their comparison."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from nepforge.errors import StageError

if TYPE_CHECKING:
    from nepforge.comparison.table import ComparedRun, Comparison
    from nepforge.events import RunFinished
    from nepforge.mlflow_mirror.mirror import MlflowMirror
    from nepforge.recipe.load import LoadedRecipe
    from nepforge.ui.mode import Mode


def run_matrix(
    runs: Sequence[LoadedRecipe],
    run_one: Callable[[LoadedRecipe], RunFinished],
    *,
    workspace: Path,
    mirror: MlflowMirror | None,
    mode: Mode,
) -> Comparison:
    """Run all runs of a matrix, compare them, print the comparison.

    A run that fails does not stop the others. Finished runs come from the cache next time.

    Args:
        runs: From `load_recipes`.
        run_one: Runs one of them.
        workspace: The comparison goes to its runs/<name>/comparison.
        mirror: Gets the comparison too.
        mode: How the runs are shown.

    Raises:
        InterruptedRunError: The user stopped; what is done stays done.
        StageError: A run failed; the others were run and compared all the same.
    """
    from nepforge.comparison.write import write_comparison
    from nepforge.store.workspace import Workspace
    from nepforge.ui.json_lines import JsonLines

    compared: list[ComparedRun] = []
    failures: list[tuple[str, StageError]] = []
    for number, loaded in enumerate(runs, start=1):
        if mode in ("live", "plain"):
            click.echo(f"run {number} of {len(runs)}: {loaded.recipe.name}", err=True)
        try:
            compared += _compared(loaded, run_one(loaded))
        except StageError as error:
            click.echo(f"error: {loaded.recipe.name}: {error.message}", err=True)
            if mode == "json":
                JsonLines(sys.stdout).error(error)
            failures.append((loaded.recipe.name, error))
    if not compared:
        raise failures[0][1]
    name = _matrix_name(runs[0])
    comparison = write_comparison(Workspace(workspace).runs(name), compared)
    if mirror is not None:
        mirror.add_comparison(name, comparison.metrics, comparison.folder)
    _show(comparison, name, mode)
    if failures:
        first, cause = failures[0]
        text = f"{len(failures)} of {len(runs)} runs failed, the first is {first}: {cause.message}"
        raise StageError(text, hint=cause.hint)
    return comparison


def _show(comparison: Comparison, name: str, mode: Mode) -> None:
    from nepforge.ui.comparison import print_comparison
    from nepforge.ui.mode import console_for

    if mode == "json":
        line = {"v": 1, "event": "Comparison", "folder": str(comparison.folder)}
        click.echo(json.dumps({**line, **comparison.to_json()}, ensure_ascii=False))
    elif mode != "quiet":
        print_comparison(console_for(sys.stdout, os.environ), comparison, name)


def _compared(loaded: LoadedRecipe, finished: RunFinished) -> list[ComparedRun]:
    """The run, when its folder could be written."""
    from nepforge.comparison.table import compared_run

    if finished.folder is None or loaded.place is None:
        return []
    kind = loaded.recipe.optimizer.kind
    place = loaded.place
    return [compared_run(place.label, place.variant, kind, finished, finished.folder)]


def _matrix_name(loaded: LoadedRecipe) -> str:
    return loaded.recipe.name if loaded.place is None else loaded.place.name
