"""The commands: parse, call one function, turn errors into a message and an exit status.

Exit status: 0 done, 1 a stage failed, 2 wrong usage or recipe, 3 two things differ, 4 a ledger or
cache byte changed, 5 a data file is missing, 6 a lock was held too long, 130 and 143 stopped by
Ctrl-C and SIGTERM. Imports inside the commands keep `nepforge --help` and `check` fast.
"""

from __future__ import annotations

import errno
import io
import json
import os
import shlex
import sys
import traceback
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from click.exceptions import Exit

import nepforge
from nepforge.errors import InterruptedRunError, NepforgeError, RecipeError, UsageError

if TYPE_CHECKING:
    from nepforge.events import Event, Listener, RunFinished
    from nepforge.ledger.mirror import MlflowMirror
    from nepforge.plan.stage import Plan
    from nepforge.recipe.load import LoadedRecipe
    from nepforge.ui.mode import Mode

STARTER = "starter.toml"
SHOWN_RUNS = 5  # in `status`
SHOWN_ENTRIES = 20  # in `ledger log`
_DEBUG = "nepforge.debug"  # key of the context


class _Commands(click.RichGroup):
    """A group of commands whose errors become a message and an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order of a first day's work, not of the alphabet."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, Exit, click.Abort):
            raise  # click writes these itself
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # the reader of our output left; click ends quietly
            if ctx.meta.get(_DEBUG):
                traceback.print_exception(error)
            shown = _explained(error)
        _show(shown)
        return ctx.exit(shown.exit_code)


def _explained(error: BaseException) -> NepforgeError:
    match error:
        case NepforgeError():
            return error
        case KeyboardInterrupt():
            return InterruptedRunError("before anything was computed")
        case OSError():
            return NepforgeError(f"{error.filename or 'the system'}: {error.strerror or error}")
        case _:
            return NepforgeError(
                f"internal: {type(error).__name__}: {error}",
                hint="this is a bug of nepforge: report it with the traceback that --debug shows",
            )


def _show(error: NepforgeError) -> None:
    if "\n" not in error.message:  # a list of problems names its places itself
        word = "stopped" if isinstance(error, InterruptedRunError) else "error"
        click.secho(f"{word}: ", err=True, nl=False, bold=True, fg="red")
    click.echo(error.message, err=True)
    if error.hint:
        click.echo(f"next: {error.hint}", err=True)


def _remember_debug(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    ctx.meta[_DEBUG] = value


_debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_remember_debug,
    help="Show the traceback of an error.",
)
_workspace_option = click.option(
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of ledger, runs and cache; found from the recipe when not given.",
)
_recipe_argument = click.argument("recipe", type=click.Path(path_type=Path))
_set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one value of the recipe, in TOML: optimizer.epochs=5. May be repeated.",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(nepforge.__version__, prog_name="nepforge")
def commands() -> None:
    """Train NEP potentials from recipes, run them in LAMMPS, keep a record others can repeat.

    Begin with `nepforge init`, or with `nepforge run recipes/hfo2.toml`.
    """


@commands.command()
@click.argument("name", default="recipe")
@_debug_option
def init(name: str) -> None:
    """Write NAME.toml, a recipe with every key explained."""
    path = Path(f"{name}.toml")
    text = resources.files(nepforge).joinpath(STARTER).read_text(encoding="utf-8")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text.replace("@NAME@", path.stem))
    except FileExistsError:
        raise UsageError(f"{path} exists", hint="nepforge init ANOTHER_NAME") from None
    click.echo(f"wrote {path}; name your data in it, then: nepforge check {path}")


@commands.command()
@_recipe_argument
@_set_option
@_debug_option
def check(recipe: Path, overrides: tuple[str, ...]) -> None:
    """Check a recipe and the files that it names; all problems at once."""
    from nepforge.ui.listings import data_text

    loaded = _load(recipe, overrides)
    plan = _plan(loaded)
    click.echo(f"{recipe}: OK, {len(plan.stages)} stages")
    click.echo(f"recipe {loaded.hash}")
    click.echo(data_text(loaded.sources))


@commands.command()
@_recipe_argument
@_set_option
@_workspace_option
@_json_option
@click.option("--quiet", is_flag=True, help="Print warnings and errors only.")
@click.option("--plain", is_flag=True, help="Print lines instead of the live display.")
@click.option("--no-mlflow", is_flag=True, help="Leave MLflow out; the ledger is always written.")
@_debug_option
def run(
    recipe: Path,
    overrides: tuple[str, ...],
    workspace: Path | None,
    as_json: bool,
    quiet: bool,
    plain: bool,
    no_mlflow: bool,
) -> None:
    """Run a recipe: compute what is not cached, record it in the ledger.

    Ctrl-C finishes the step in progress and stops; the same command goes on from there.
    """
    from nepforge.engine import find_workspace
    from nepforge.ledger.mirror import MlflowMirror
    from nepforge.ui.mode import choose_mode

    mode = choose_mode(sys.stderr, os.environ, json_lines=as_json, quiet=quiet, plain=plain)
    plan = _plan(_load(recipe, overrides))
    root = (workspace or find_workspace(recipe)).resolve()
    mirror = None if no_mlflow else MlflowMirror(root)
    try:
        finished = _run(root, plan, mode, mirror, _typed_again(recipe, overrides, workspace))
        if mode in ("live", "plain"):
            _print_report(finished, plan, recipe)
    finally:
        if mirror is not None and mirror.is_writing:
            _wait_for(mirror, mode)


def _run(
    root: Path, plan: Plan, mode: Mode, mirror: MlflowMirror | None, command: str
) -> RunFinished:
    from nepforge import engine
    from nepforge.ui.json_lines import JsonLines
    from nepforge.ui.views import view_of

    stop = engine.StopFlag()
    recorded = _LedgerEntry()
    with view_of(mode, stop) as view, stop.listening():
        listeners: list[Listener] = [view, recorded]
        if mirror is not None:
            listeners.append(mirror)
        try:
            return engine.run(root, plan, listeners, command=command, stop=stop)
        except NepforgeError as error:
            if isinstance(view, JsonLines):
                view.error(error)
            if recorded.text and mode == "live":
                click.echo(recorded.text, err=True)
            raise


class _LedgerEntry:
    """A listener that keeps where the run was recorded."""

    def __init__(self) -> None:
        self.text = ""

    def __call__(self, event: Event) -> None:
        from nepforge.events import RunFinished

        if isinstance(event, RunFinished) and event.run_hash:
            self.text = f"recorded: run {event.run_hash[:12]}, ledger entry {event.ledger_seq}"


def _print_report(finished: RunFinished, plan: Plan, recipe: Path) -> None:
    from nepforge.ui.mode import console_for
    from nepforge.ui.report import print_report

    print_report(console_for(sys.stdout, os.environ), finished, plan.name, recipe)


def _wait_for(mirror: MlflowMirror, mode: Mode) -> None:
    if mode == "live":
        click.echo("writing to MLflow ...", err=True)
    reason = mirror.close()
    if reason:
        click.echo(f"warning: MLflow has no record of this run: {reason}", err=True)
        click.echo(
            "next: the ledger has it all; run again with --no-mlflow to leave it out", err=True
        )


@commands.command()
@_recipe_argument
@_set_option
@_workspace_option
@_json_option
@_debug_option
def plan(recipe: Path, overrides: tuple[str, ...], workspace: Path | None, as_json: bool) -> None:
    """Show what a run would compute, what is cached, and why."""
    import attrs

    from nepforge.engine import find_workspace, plan_run
    from nepforge.ui.listings import plan_text

    built = _plan(_load(recipe, overrides))
    stages = plan_run(workspace or find_workspace(recipe), built)
    if as_json:
        content = {"v": 1, "name": built.name, "recipe_hash": built.recipe_hash}
        click.echo(json.dumps({**content, "stages": [attrs.asdict(stage) for stage in stages]}))
    else:
        click.echo(plan_text(built.name, built.recipe_hash, stages))


@commands.command()
@_workspace_option
@_debug_option
def status(workspace: Path | None) -> None:
    """Show which locks are held at this moment, and the last runs."""
    from nepforge.ledger.held import held_locks
    from nepforge.ledger.workspace import Workspace
    from nepforge.ui.listings import log_text, runs_of

    space = Workspace(_here(workspace))
    held = held_locks(space.lock("").parent)
    for lock in held:
        click.echo(f"{lock.holder}: holds {lock.name[:12]}")
    if not held:
        click.echo("no run in progress")
    last = runs_of(space.ledger.entries())[-SHOWN_RUNS:]
    if last:
        click.echo(f"\n{log_text(last)}")


@commands.command()
@click.option("--port", default=5000, show_default=True, help="TCP port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@_workspace_option
@_debug_option
def ui(port: int, host: str, workspace: Path | None) -> None:
    """Start the MLflow server on the runs of this workspace."""
    from nepforge.ui.server import refuse_taken_port, server_command

    command = server_command(_here(workspace), host, port)
    refuse_taken_port(host, port)
    click.echo(f"MLflow: http://{host}:{port} in about 10 s; Ctrl-C ends it")
    sys.stdout.flush()
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.execv(command[0], command)


@commands.group()
def ledger() -> None:
    """Read the ledger of this workspace."""


@ledger.command()
@_workspace_option
@click.option("--all", "everything", is_flag=True, help="Every entry, not only the last ones.")
@_json_option
@_debug_option
def log(workspace: Path | None, everything: bool, as_json: bool) -> None:
    """List the entries, the last one at the end."""
    from nepforge.ledger.workspace import Workspace
    from nepforge.ui.listings import log_text, run_row

    book = Workspace(_here(workspace)).ledger
    entries = list(book.entries())
    shown = entries if everything else entries[-SHOWN_ENTRIES:]
    if as_json:
        for entry in shown:
            click.echo(json.dumps({"v": 1, **run_row(entry)}))
    elif not entries:
        click.echo(f"{book.path}: no entry yet; `nepforge run RECIPE` writes one")
    else:
        click.echo(log_text(shown))


@ledger.command()
@_workspace_option
@_debug_option
def verify(workspace: Path | None) -> None:
    """Check that no entry was changed since it was written."""
    from nepforge.ledger.workspace import Workspace

    book = Workspace(_here(workspace)).ledger
    count, head = book.verify(), book.head()
    if head is None:
        click.echo(f"{book.path}: no entry yet")
        return
    click.echo(f"{book.path}: {count} entries, chain intact")
    click.echo(f"head {head.hash} (keep it elsewhere: it shows when entries are cut off)")
    torn = book.torn_bytes()
    if torn:
        click.echo(f"{torn} bytes of an unfinished entry at the end; the next run sets them aside")


@commands.command()
@_workspace_option
@_debug_option
def doctor(workspace: Path | None) -> None:
    """Check this installation: versions, LAMMPS plugin, workspace, MLflow."""
    from nepforge.installation import checks

    problems = 0
    for look in checks(_here(workspace)):
        problems += look.verdict == "problem"
        click.echo(f"{look.verdict:<8} {look.subject:<10} {look.text}")
    if problems:
        raise NepforgeError(f"{problems} of the checks failed")


def _load(recipe: Path, overrides: tuple[str, ...]) -> LoadedRecipe:
    """Load a recipe; its problems come with the lines of its source."""
    from nepforge.recipe.load import format_problems, load_recipe

    try:
        return load_recipe(recipe, overrides)
    except RecipeError as error:
        text = recipe.read_text(encoding="utf-8", errors="replace") if recipe.is_file() else ""
        raise UsageError(format_problems(error, text, recipe), hint=error.hint) from error


def _plan(loaded: LoadedRecipe) -> Plan:
    from nepforge.plan.build import build

    return build(loaded)


def _here(workspace: Path | None) -> Path:
    """The workspace that the current folder belongs to, unless one is given."""
    from nepforge.ledger.workspace import find_workspace

    return workspace.resolve() if workspace else find_workspace(Path.cwd() / "recipe.toml")


def _typed_again(recipe: Path, overrides: tuple[str, ...], workspace: Path | None) -> str:
    """The command that resumes this run."""
    words = ["nepforge", "run", str(recipe)]
    for override in overrides:
        words += ["--set", override]
    if workspace is not None:
        words += ["--workspace", str(workspace)]
    return shlex.join(words)


def main() -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # Å on a terminal that has no such letter
    commands(prog_name="nepforge")
