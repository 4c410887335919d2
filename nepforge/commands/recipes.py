"""A recipe on the command line: loaded, with its problems shown on the lines of its source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from nepforge.cli_errors import debug_option
from nepforge.commands.options import cache_option, remote_option, workspace_option
from nepforge.errors import RecipeError, UsageError

if TYPE_CHECKING:
    from nepforge.recipe.load import LoadedRecipe

recipe_argument = click.argument("recipe", type=click.Path(path_type=Path))
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one value of the recipe, in TOML: optimizer.epochs=5. May be repeated.",
)


def load_all(recipe: Path, overrides: tuple[str, ...]) -> tuple[LoadedRecipe, ...]:
    """Load the runs of a recipe; its problems come with the lines of its source."""
    from nepforge.recipe.load import format_problems, load_recipes

    try:
        return load_recipes(recipe, overrides)
    except RecipeError as error:
        text = recipe.read_text(encoding="utf-8", errors="replace") if recipe.is_file() else ""
        raise UsageError(format_problems(error, text, recipe), hint=error.hint) from error


@click.command()
@recipe_argument
@click.argument("stage")
@set_option
@workspace_option
@cache_option
@remote_option
@debug_option
def explain(
    recipe: Path,
    stage: str,
    overrides: tuple[str, ...],
    workspace: Path | None,
    store: Path | None,
    remote: str,
) -> None:
    """Say why a run would compute STAGE or not, with every part of its key."""
    from nepforge.engine import explain_stage, find_workspace
    from nepforge.plan.build import build
    from nepforge.ui.cache import explanation_text

    root = workspace or find_workspace(recipe)
    for loaded in load_all(recipe, overrides):
        if loaded.place is not None:
            click.echo(f"{loaded.recipe.name}:")
        explained = explain_stage(root, build(loaded), stage, store=store, remote=remote)
        click.echo(explanation_text(stage, explained))
