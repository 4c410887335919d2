"""`nepforge init`: write a first recipe."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from nepforge.commands.errors import debug_option
from nepforge.errors import UsageError


@click.command()
@click.argument("name", default="recipe")
@click.option(
    "--from",
    "settings",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take the settings of GPUMD's nep.in, or of nep.json or train.json of PWMLFF and MatPL; "
    "NAME may then be the file of training data.",
)
@debug_option
def init(name: str, settings: Path | None) -> None:
    """Write NAME.toml, a recipe with every key explained."""
    from nepforge.recipe.from_nep_in import data_beside, recipe_from_nep_in
    from nepforge.recipe.from_nep_json import recipe_from_json
    from nepforge.recipe.json_input import is_json
    from nepforge.recipe.starter import starter_recipe

    warnings: tuple[str, ...] = ()
    train = Path(name) if settings is not None and Path(name).exists() else None
    path = Path(f"{'recipe' if train else name.removesuffix('.toml')}.toml")
    if settings is None:
        text = starter_recipe(path.stem)
    elif is_json(settings):
        translated = recipe_from_json(settings, path.stem, train)
        text, warnings = translated.text, translated.warnings
    else:
        files = data_beside(settings, train)
        text = recipe_from_nep_in(settings, path.stem, *files)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists", hint="nepforge init ANOTHER_NAME") from None
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    named = settings is not None and is_json(settings)
    do_first = "read it" if named else "name your data in it"
    click.echo(f"wrote {path}; {do_first}, then: nepforge check {path}")
