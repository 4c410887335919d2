"""`nepforge schema`: the keys of a recipe for editors."""

from __future__ import annotations

import json

import rich_click as click

from nepforge.commands.errors import debug_option


@click.command()
@debug_option
def schema() -> None:
    """Print the JSON Schema of recipes, for editors to complete and check TOML."""
    from nepforge.recipe.json_schema import recipe_schema

    click.echo(json.dumps(recipe_schema(), indent=2, ensure_ascii=False))
