"""Which view fits where the output goes: a terminal, a log file, a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TextIO

from rich.console import Console

Mode = Literal["live", "plain", "json", "quiet"]


def choose_mode(
    stream: TextIO, environ: Mapping[str, str], *, json_lines: bool, quiet: bool, plain: bool
) -> Mode:
    """The view for a run whose progress goes to `stream`; what the user asks for comes first."""
    if json_lines:
        return "json"
    if quiet:
        return "quiet"
    return "live" if not plain and is_interactive(stream, environ) else "plain"


def is_interactive(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a live display can be drawn: a terminal that moves its cursor, watched by a person.

    Colour on demand (FORCE_COLOR) does not make a log file a terminal.
    """
    return stream.isatty() and environ.get("TERM") != "dumb" and not _is_on(environ, "CI")


def is_colored(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """NO_COLOR, then FORCE_COLOR, then whether it is a terminal with colours."""
    if environ.get("NO_COLOR"):
        return False
    return _is_on(environ, "FORCE_COLOR") or is_interactive(stream, environ)


def console_for(stream: TextIO, environ: Mapping[str, str]) -> Console:
    """A Rich console that follows the rules above instead of its own."""
    colored = is_colored(stream, environ)
    return Console(
        file=stream,
        force_terminal=colored or is_interactive(stream, environ),
        no_color=not colored,
        highlight=False,
        markup=False,
        emoji=False,
    )


def _is_on(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").lower() not in ("", "0", "false")
