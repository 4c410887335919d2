"""`nepforge diff`: everything in which two recorded runs differ."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import rich_click as click

from nepforge.commands.errors import answer_json, debug_option
from nepforge.commands.options import (
    cache_option,
    here,
    json_option,
    remote_option,
    workspace_option,
)
from nepforge.errors import NotReproducedError


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@json_option
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the comparison as an HTML page too.",
)
@click.option("--exit-code", is_flag=True, help="Exit with 3 when the runs differ.")
@workspace_option
@cache_option
@remote_option
@debug_option
def diff(
    first: str,
    second: str,
    as_json: bool,
    html: Path | None,
    exit_code: bool,
    workspace: Path | None,
    store: Path | None,
    remote: str,
) -> None:
    """Compare two runs: recipe, data, environment, training, weights, metrics, MD, speed.

    A and B are beginnings of entry hashes, numbers of entries, or run folders. Speed and
    environment alone are no difference for --exit-code.
    """
    from nepforge.diff.compare import compare
    from nepforge.store.artifacts import run_named
    from nepforge.store.workspace import open_workspace
    from nepforge.ui.difference import difference_html, print_difference
    from nepforge.ui.mode import console_for

    space = open_workspace(here(workspace), store, remote)
    found = compare(run_named(space, first), run_named(space, second), space.ledger.entries())
    if as_json:
        answer_json(found.to_json())
    else:
        print_difference(console_for(sys.stdout, os.environ), found)
    if html is not None:
        html.write_text(difference_html(found), encoding="utf-8")
        click.echo(f"wrote {html}", err=True)
    if exit_code and found.differs:
        raise NotReproducedError(
            f"runs {found.first.hash[:12]} and {found.second.hash[:12]} differ"
        )
