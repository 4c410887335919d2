"""`nepforge cache`: look at, check and clear the results that runs share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from nepforge.commands.errors import debug_option
from nepforge.commands.options import cache_option, here, json_option, workspace_option
from nepforge.errors import IntegrityError

if TYPE_CHECKING:
    from nepforge.store.workspace import Workspace


@click.group()
def cache() -> None:
    """Look at, check and clear the results that runs share."""


@cache.command("list")
@workspace_option
@cache_option
@json_option
@debug_option
def list_results(workspace: Path | None, store: Path | None, as_json: bool) -> None:
    """List the results, the largest first, with the newest run that uses them."""
    from nepforge.ui.cache import cache_text

    rows = _rows(_space(workspace, store))
    if as_json:
        for row in rows:
            click.echo(json.dumps({"v": 1, **row}))
    else:
        click.echo(cache_text(rows))


def _rows(space: Workspace) -> list[dict[str, Any]]:
    from nepforge.store.cache import Published
    from nepforge.store.garbage import reached_by

    runs = reached_by(space.ledger.entries())
    rows = []
    for key in space.cache.all_keys():
        found = space.cache.inspect(key)
        if isinstance(found, Published):
            size = sum(file.size for file in found.files.values())
            facts = {"files": len(found.files), "size": size, "seconds": found.seconds}
            stage = found.content["stage"]
            rows.append({"key": key, "stage": stage, **facts, "run": runs.get(key, "")})
    return sorted(rows, key=lambda row: -row["size"])


@cache.command()
@workspace_option
@cache_option
@debug_option
def verify(workspace: Path | None, store: Path | None) -> None:
    """Check every byte of every result; exit status 4 when one was changed."""
    from nepforge.store.garbage import damaged

    space = _space(workspace, store)
    found = list(damaged(space))
    for damage in found:
        click.echo(f"{damage.key[:12]}: {damage.reason}", err=True)
    n_results = len(space.cache.all_keys())
    if found:
        raise IntegrityError(
            f"{len(found)} of {n_results} results are damaged",
            hint="the next run that needs them sets them aside and computes them again",
        )
    click.echo(f"{n_results} results: every byte as published")


@cache.command()
@workspace_option
@cache_option
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option(
    "--runs",
    "kept_runs",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Newest finished runs of each recipe to keep.",
)
@click.option(
    "--ends",
    "all_ends",
    is_flag=True,
    help="Also remove final states of kept trainings, which longer ones extend.",
)
@debug_option
def gc(
    workspace: Path | None, store: Path | None, dry_run: bool, kept_runs: int, all_ends: bool
) -> None:
    """Remove results no recent or pinned run uses, and leftovers of killed runs.

    Ledger and run folders stay as they are. A removed result is computed again when it is needed.
    """
    from nepforge.store.garbage import find_garbage, remove
    from nepforge.ui.cache import garbage_text, megabytes

    garbage = find_garbage(_space(workspace, store), kept_runs, all_ends=all_ends)
    if not garbage:
        click.echo("nothing to remove")
        return
    click.echo(garbage_text(garbage))
    if dry_run:
        click.echo("nothing was removed (--dry-run)")
    else:
        click.echo(f"{megabytes(remove(garbage))} are free again")


@cache.command()
@click.argument("hash_prefix", metavar="ENTRY")
@click.option("--remove", "unpinned", is_flag=True, help="Remove the pin.")
@workspace_option
@debug_option
def pin(hash_prefix: str, unpinned: bool, workspace: Path | None) -> None:
    """Keep the results of a run, given its hash or number, for good."""
    from nepforge.store import garbage

    space = _space(workspace, None)
    entry = space.ledger.find(hash_prefix)
    (garbage.unpin if unpinned else garbage.pin)(space, entry)
    click.echo(f"{entry.hash[:12]} is {'no longer ' if unpinned else ''}pinned")


def _space(workspace: Path | None, store: Path | None) -> Workspace:
    from nepforge.store.workspace import open_workspace

    return open_workspace(here(workspace), store)
