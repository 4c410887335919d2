"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from nepforge.errors import RecipeError

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
workspace_option = click.option(
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of ledger, runs and cache; found from the recipe when not given.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
cache_option = click.option(
    "--cache",
    "store",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="NEPFORGE_CACHE",
    show_envvar=True,
    help="A folder of results that several workspaces or users share.",
)
remote_option = click.option(
    "--remote",
    default="",
    envvar="NEPFORGE_REMOTE",
    show_envvar=True,
    help="Address of someone else's cache, read-only: /folder, sftp://..., s3://...",
)


def load_all(recipe: Path, overrides: tuple[str, ...]) -> tuple[LoadedRecipe, ...]:
    """Load the runs of a recipe; its problems come with the lines of its source."""
    from nepforge.recipe.load import format_problems, load_recipes

    try:
        return load_recipes(recipe, overrides)
    except RecipeError as error:
        text = recipe.read_text(encoding="utf-8-sig", errors="replace") if recipe.is_file() else ""
        shown = format_problems(error, text, recipe)
        raise RecipeError(shown, error.problems, hint=error.hint) from error


def here(workspace: Path | None) -> Path:
    """The workspace that the current folder belongs to, unless one is given."""
    from nepforge.store.workspace import find_workspace

    return workspace.resolve() if workspace else find_workspace(Path.cwd() / "recipe.toml")


def say_notice(text: str) -> None:
    """What a reader or writer left out, beside the output of the command."""
    click.secho("notice: ", err=True, nl=False, bold=True, fg="yellow")
    click.echo(text, err=True)
