"""Errors of a command become a short message and an exit status.

0 done, 1 a stage failed, 2 wrong usage or recipe, 3 two things differ, 4 a ledger or cache byte
changed, 5 a data file is missing, 6 a lock was held too long, 130 and 143 stopped by Ctrl-C and
SIGTERM.
"""

from __future__ import annotations

import errno
import traceback
from typing import Any

import rich_click as click
from click.exceptions import Exit

from nepforge.errors import InterruptedRunError, NepforgeError, UsageError

_DEBUG = "nepforge.debug"  # key of the context


class Commands(click.RichGroup):
    """A group of commands whose errors become a message and an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order of a first day's work, not of the alphabet."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Words of PWMLFF and MatPL are answered with ours."""
        from nepforge.recipe.pwmlff_names import nepforge_command  # noqa: PLC0415 - on demand

        answer = nepforge_command(args[0], args[1:]) if args else ""
        if answer and self.get_command(ctx, args[0]) is None:
            raise UsageError(f"{args[0]} is a command of PWMLFF", hint=answer)
        return super().resolve_command(ctx, args)

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


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_remember_debug,
    help="Show the traceback of an error.",
)
