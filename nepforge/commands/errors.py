"""Errors of a command become a short message and an exit status.

0 done, 1 a stage failed, 2 wrong usage or recipe, 3 two things differ, 4 a ledger or cache byte
changed, 5 a data file is missing, 6 a lock was held too long, 130 and 143 stopped by Ctrl-C and
SIGTERM, 129 by a closed terminal.

With --json an error is a line on the standard output too, `{"v": 1, "event": "Error", ...}`, unless
the command has already given its answer and the status alone says what it means.
"""

from __future__ import annotations

import errno
import json
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

import rich_click as click
from click.exceptions import Exit

from nepforge.errors import InterruptedRunError, NepforgeError, UsageError

_DEBUG = "nepforge.debug"  # keys of the context
_JSON = "nepforge.json"  # whether --json was given
_ANSWERED = "nepforge.answered"
_STARTED = "nepforge.started"  # s of the steady clock


class Commands(click.RichGroup):
    """A group of commands whose errors become a message and an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In order of first use, not alphabetical."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """For commands of PWMLFF and MatPL, name ours."""
        from nepforge.recipe.pwmlff_names import nepforge_command

        answer = nepforge_command(args[0], args[1:]) if args else ""
        if answer and self.get_command(ctx, args[0]) is None:
            raise UsageError(f"{args[0]} is a command of PWMLFF", hint=answer)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_JSON] = "--json" in args
        ctx.meta[_STARTED] = monotonic()
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            _tell_programs(ctx, _of_click(error))
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            _tell_programs(ctx, _of_click(error))
            raise  # click writes it itself
        except (Exit, click.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # the reader of our output left; click ends quietly
            if ctx.meta.get(_DEBUG):
                traceback.print_exception(error)
            shown = _explained(error)
        with suppress(OSError):  # the terminal may be gone
            _tell_programs(ctx, shown)
            _show(shown)
        return ctx.exit(shown.exit_code)


def answer_json(content: Mapping[str, Any]) -> None:
    """Print the answer of a command with --json; an error after it shows in the status alone."""
    click.echo(json.dumps(content))
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta[_ANSWERED] = True


def _tell_programs(ctx: click.Context, error: NepforgeError) -> None:
    if ctx.meta.get(_JSON) and not ctx.meta.get(_ANSWERED):
        from nepforge.ui.json_lines import JsonLines

        JsonLines(sys.stdout, started=ctx.meta[_STARTED]).error(error)


def _of_click(error: click.ClickException) -> NepforgeError:
    """Wrong usage, in our words."""
    hint = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f"{error.ctx.command_path} --help"
    shown = UsageError(error.format_message(), hint=hint)
    shown.exit_code = error.exit_code
    return shown


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


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_remember_debug,
    help="Show the traceback of an error.",
)
