"""`nepforge explain`: why one stage would run, with every part of its key."""

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
@click.argument("stage")
@set_option
@workspace_option
@cache_option
@remote_option
@json_option
@debug_option
def explain(
    recipe: Path,
    stage: str,
    overrides: tuple[str, ...],
    workspace: Path | None,
    store: Path | None,
    remote: str,
    as_json: bool,
) -> None:
    """Say why a run would compute STAGE or not, with every part of its key."""
    from nepforge.engine.preview import explain_stage
    from nepforge.plan.build import build
    from nepforge.store.workspace import find_workspace
    from nepforge.ui.cache import explanation_json, explanation_text

    root = workspace or find_workspace(recipe)
    for loaded in load_all(recipe, overrides):
        explained = explain_stage(root, build(loaded), stage, store=store, remote=remote)
        if as_json:  # one line per run
            click.echo(
                json.dumps({"v": 1, "name": loaded.recipe.name, **explanation_json(explained)})
            )
            continue
        if loaded.place is not None:
            click.echo(f"{loaded.recipe.name}:")
        click.echo(explanation_text(stage, explained))
