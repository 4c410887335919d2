"""`nepforge plan`: what a run would compute, and why."""

from __future__ import annotations

import json
from pathlib import Path

import rich_click as click

from nepforge.commands.errors import debug_option
from nepforge.commands.options import (
    cache_option,
    json_option,
    load_all,
    recipe_argument,
    remote_option,
    set_option,
    workspace_option,
)


@click.command()
@recipe_argument
@set_option
@workspace_option
@cache_option
@remote_option
@json_option
@debug_option
def plan(
    recipe: Path,
    overrides: tuple[str, ...],
    workspace: Path | None,
    store: Path | None,
    remote: str,
    as_json: bool,
) -> None:
    """Show what a run would compute, what is cached or would be fetched, and why."""
    import attrs

    from nepforge.engine.preview import plan_run
    from nepforge.plan.build import build
    from nepforge.store.workspace import find_workspace
    from nepforge.ui.listings import plan_text

    for loaded in load_all(recipe, overrides):
        built = build(loaded)
        root = workspace or find_workspace(recipe)
        stages = plan_run(root, built, store=store, remote=remote)
        if as_json:  # one line per run
            content = {"v": 1, "name": built.name, "recipe_hash": built.recipe_hash}
            click.echo(json.dumps({**content, "stages": [attrs.asdict(stage) for stage in stages]}))
        else:
            click.echo(plan_text(built.name, built.recipe_hash, stages))
