"""`nepforge status`: what is running, and the last runs."""

from __future__ import annotations

import json
from pathlib import Path

import rich_click as click

from nepforge.commands.errors import debug_option
from nepforge.commands.options import here, json_option, workspace_option

SHOWN_RUNS = 5


@click.command()
@workspace_option
@json_option
@debug_option
def status(workspace: Path | None, as_json: bool) -> None:
    """Show what is running, what was killed, and the last runs."""
    import attrs

    from nepforge.shared_disk.held import held_locks
    from nepforge.store.workspace import Workspace
    from nepforge.ui.listings import held_text, log_text, run_row, runs_of

    space = Workspace(here(workspace))
    held = held_locks(space.lock("").parent)
    last = runs_of(space.ledger.entries())[-SHOWN_RUNS:]
    if as_json:
        locks = [attrs.asdict(lock) for lock in held]
        runs = [run_row(entry) for entry in last]
        click.echo(json.dumps({"v": 1, "workspace": str(space.root), "locks": locks, "runs": runs}))
        return
    click.echo(held_text(held))
    if last:
        click.echo(f"\n{log_text(last)}")
