"""`nepforge run`: compute what is not cached and record it."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from nepforge.commands.errors import debug_option
from nepforge.commands.options import (
    cache_option,
    here,
    json_option,
    load_all,
    recipe_argument,
    remote_option,
    set_option,
    workspace_option,
)
from nepforge.errors import NepforgeError

if TYPE_CHECKING:
    from nepforge.events import Event, Listener, RunFinished
    from nepforge.mlflow_mirror.mirror import MlflowMirror
    from nepforge.plan.stage import Plan
    from nepforge.recipe.load import LoadedRecipe
    from nepforge.ui.mode import Mode


@click.command()
@recipe_argument
@set_option
@workspace_option
@cache_option
@remote_option
@json_option
@click.option("--quiet", is_flag=True, help="Print warnings and errors only.")
@click.option("--plain", is_flag=True, help="Print lines instead of the live display.")
@click.option("--no-mlflow", is_flag=True, help="Skip MLflow; the ledger is always written.")
@debug_option
def run(
    recipe: Path,
    overrides: tuple[str, ...],
    workspace: Path | None,
    store: Path | None,
    remote: str,
    as_json: bool,
    quiet: bool,
    plain: bool,
    no_mlflow: bool,
) -> None:
    """Run a recipe: compute what is not cached, record it in the ledger.

    A recipe with a [matrix] is several runs, compared at the end.

    Ctrl-C finishes the step in progress and stops; the same command goes on from there.
    """
    from nepforge.commands.matrix import run_matrix
    from nepforge.mlflow_mirror.mirror import MlflowMirror
    from nepforge.plan.build import build
    from nepforge.store.workspace import find_workspace
    from nepforge.ui.mode import choose_mode

    mode = choose_mode(sys.stderr, os.environ, json_lines=as_json, quiet=quiet, plain=plain)
    runs = load_all(recipe, overrides)
    root = (workspace or find_workspace(recipe)).resolve()
    mirror = None if no_mlflow else MlflowMirror(root)
    again = _typed_again(recipe, overrides, workspace, store, remote)

    def run_one(loaded: LoadedRecipe) -> RunFinished:
        finished = _run(root, build(loaded), mode, mirror, again, store, remote)
        if mode == "live":
            click.echo(err=True)
        return finished

    try:
        if runs[0].place is not None:
            run_matrix(runs, run_one, workspace=root, mirror=mirror, mode=mode)
        else:
            finished = run_one(runs[0])
            if mode in ("live", "plain"):
                _print_report(finished, runs[0].recipe.name, again, root)
    finally:
        if mirror is not None and mirror.is_writing:
            _wait_for(mirror, mode)


def _run(
    root: Path,
    plan: Plan,
    mode: Mode,
    mirror: MlflowMirror | None,
    command: str,
    store: Path | None,
    remote: str,
) -> RunFinished:
    from nepforge.engine import walk
    from nepforge.interrupt import StopFlag
    from nepforge.ui.views import view_of

    stop = StopFlag()
    recorded = _LedgerEntry()
    with view_of(mode, stop) as view, stop.listening():
        listeners: list[Listener] = [view, recorded]
        if mirror is not None:
            listeners.append(mirror)
        try:
            return walk.run(
                root, plan, listeners, command=command, stop=stop, store=store, remote=remote
            )
        except NepforgeError:
            if recorded.text and mode == "live":
                click.echo(f"\n{recorded.text}", err=True)
            raise


class _LedgerEntry:
    """A listener that keeps where the run was recorded."""

    def __init__(self) -> None:
        self.text = ""

    def __call__(self, event: Event) -> None:
        from nepforge.events import RunFinished

        if isinstance(event, RunFinished) and event.run_hash:
            self.text = f"recorded: run {event.run_hash[:12]}, ledger entry {event.ledger_seq}"


def _print_report(finished: RunFinished, name: str, again: str, root: Path) -> None:
    from nepforge.ui.mode import console_for
    from nepforge.ui.report import Typed, print_report

    typed = Typed(again, root, is_here=here(None) == root)
    print_report(console_for(sys.stdout, os.environ), finished, name, typed)


def _wait_for(mirror: MlflowMirror, mode: Mode) -> None:
    if mode == "live":
        click.echo("writing to MLflow ...", err=True)
    try:
        reason = mirror.close()
    except KeyboardInterrupt:
        click.echo("MLflow is written in the background", err=True)
        return
    if reason:
        click.echo(f"warning: MLflow has no record of this run: {reason}", err=True)
        click.echo(
            "next: the ledger has it all; run again with --no-mlflow to leave it out", err=True
        )


def _typed_again(
    recipe: Path,
    overrides: tuple[str, ...],
    workspace: Path | None,
    store: Path | None,
    remote: str,
) -> str:
    """The command that resumes this run."""
    words = ["nepforge", "run", str(recipe)]
    for override in overrides:
        words += ["--set", override]
    if workspace is not None:
        words += ["--workspace", str(workspace)]
    if store is not None:
        words += ["--cache", str(store)]
    if remote:
        words += ["--remote", remote]
    return shlex.join(words)
