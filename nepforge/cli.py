"""The commands: parse, call one function; `commands.errors` turns errors into an exit status.

Imports inside the commands keep `nepforge --help` and `nepforge check` fast.
"""

from __future__ import annotations

import io
import os
import shlex
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

import nepforge
from nepforge.commands.bundle import bundle
from nepforge.commands.cache import cache
from nepforge.commands.data import data
from nepforge.commands.diff import diff
from nepforge.commands.doctor import doctor
from nepforge.commands.errors import Commands, debug_option
from nepforge.commands.ledger import ledger
from nepforge.commands.matrix import run_matrix
from nepforge.commands.md import deviation
from nepforge.commands.model import convert, infer, inspect, test
from nepforge.commands.options import (
    cache_option,
    here,
    json_option,
    remote_option,
    workspace_option,
)
from nepforge.commands.recipes import check, explain, load_all, plan, recipe_argument, set_option
from nepforge.commands.reproduce import reproduce
from nepforge.commands.status import status
from nepforge.errors import NepforgeError, UsageError

if TYPE_CHECKING:
    from nepforge.events import Event, Listener, RunFinished
    from nepforge.mlflow_mirror.mirror import MlflowMirror
    from nepforge.plan.stage import Plan
    from nepforge.recipe.load import LoadedRecipe
    from nepforge.ui.mode import Mode

STARTER = "starter.toml"


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(nepforge.__version__, prog_name="nepforge")
def commands() -> None:
    """Train NEP potentials from recipes, run them in LAMMPS, keep a record others can repeat.

    Begin with `nepforge init`, or with `nepforge run recipes/hfo2.toml`.
    """


@commands.command()
@click.argument("name", default="recipe")
@click.option(
    "--from",
    "settings",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take the settings of GPUMD's nep.in, or of nep.json or train.json of PWMLFF and MatPL; "
    "NAME may then be the file of training data.",
)
@debug_option
def init(name: str, settings: Path | None) -> None:
    """Write NAME.toml, a recipe with every key explained."""
    from nepforge.recipe.from_nep_in import data_beside, recipe_from_nep_in
    from nepforge.recipe.from_nep_json import recipe_from_json
    from nepforge.recipe.json_input import is_json

    warnings: tuple[str, ...] = ()
    train = Path(name) if settings is not None and Path(name).exists() else None
    path = Path(f"{'recipe' if train else name}.toml")
    text = resources.files(nepforge).joinpath(STARTER).read_text(encoding="utf-8")
    if settings is None:
        text = text.replace("@NAME@", path.stem)
    elif is_json(settings):
        translated = recipe_from_json(settings, text, path.stem, train)
        text, warnings = translated.text, translated.warnings
    else:
        files = data_beside(settings, train)
        text = recipe_from_nep_in(settings, text, path.stem, *files)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists", hint="nepforge init ANOTHER_NAME") from None
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    named = settings is not None and is_json(settings)
    do_first = "read it" if named else "name your data in it"
    click.echo(f"wrote {path}; {do_first}, then: nepforge check {path}")


commands.add_command(check)


@commands.command()
@recipe_argument
@set_option
@workspace_option
@cache_option
@remote_option
@json_option
@click.option("--quiet", is_flag=True, help="Print warnings and errors only.")
@click.option("--plain", is_flag=True, help="Print lines instead of the live display.")
@click.option("--no-mlflow", is_flag=True, help="Leave MLflow out; the ledger is always written.")
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
    from nepforge.engine.walk import find_workspace
    from nepforge.mlflow_mirror.mirror import MlflowMirror
    from nepforge.ui.mode import choose_mode

    mode = choose_mode(sys.stderr, os.environ, json_lines=as_json, quiet=quiet, plain=plain)
    runs = load_all(recipe, overrides)
    root = (workspace or find_workspace(recipe)).resolve()
    mirror = None if no_mlflow else MlflowMirror(root)
    again = _typed_again(recipe, overrides, workspace, store, remote)

    def run_one(loaded: LoadedRecipe) -> RunFinished:
        finished = _run(root, _plan(loaded), mode, mirror, again, store, remote)
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
    from nepforge.ui.views import view_of

    stop = walk.StopFlag()
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


commands.add_command(plan)
commands.add_command(status)


@commands.command()
@click.option("--port", default=5000, show_default=True, help="TCP port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@workspace_option
@debug_option
def ui(port: int, host: str, workspace: Path | None) -> None:
    """Start the MLflow server on the runs of this workspace."""
    from nepforge.ui.server import refuse_taken_port, server_command

    command = server_command(here(workspace), host, port)
    refuse_taken_port(host, port)
    click.echo(f"MLflow: http://{host}:{port} in about 10 s; Ctrl-C ends it")
    sys.stdout.flush()
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.execv(command[0], command)


commands.add_command(data)
for command in (infer, test, convert, inspect, deviation):
    commands.add_command(command)
commands.add_command(ledger)
commands.add_command(explain)
commands.add_command(cache)
commands.add_command(diff)
commands.add_command(reproduce)
commands.add_command(bundle)
commands.add_command(doctor)


def _plan(loaded: LoadedRecipe) -> Plan:
    from nepforge.plan.build import build

    return build(loaded)


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


def main() -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # Å on a terminal that has no such letter
    commands(prog_name="nepforge")
