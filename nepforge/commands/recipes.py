"""`nepforge check`, `plan` and `explain`: look at a recipe and compute nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from nepforge.commands.errors import debug_option
from nepforge.commands.options import cache_option, json_option, remote_option, workspace_option
from nepforge.errors import RecipeError

if TYPE_CHECKING:
    from nepforge.events import Event
    from nepforge.plan.stage import Plan
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
        text = recipe.read_text(encoding="utf-8-sig", errors="replace") if recipe.is_file() else ""
        shown = format_problems(error, text, recipe)
        raise RecipeError(shown, error.problems, hint=error.hint) from error


@click.command()
@recipe_argument
@set_option
@click.option("--data", "with_data", is_flag=True, help="Read and examine the data too.")
@json_option
@debug_option
def check(recipe: Path, overrides: tuple[str, ...], with_data: bool, as_json: bool) -> None:
    """Check a recipe and the files that it names; all problems at once.

    With --data also what a run would find before it trains: the doctor of `nepforge data check`,
    and whether the data hold what the recipe asks of them.
    """
    from nepforge.plan.build import build
    from nepforge.recipe.positions import dotted
    from nepforge.ui.listings import data_text

    runs = load_all(recipe, overrides)
    plans = [build(loaded) for loaded in runs]
    messages, metrics = _look_at_data(plans, as_json=as_json) if with_data else ([], [])
    if as_json:
        rows = [
            {"name": plan.name, "recipe_hash": plan.recipe_hash, "stages": len(plan.stages)}
            for plan in plans
        ]
        content: dict[str, Any] = {"v": 1, "recipe": str(recipe), "ok": True, "runs": rows}
        content["files"] = [
            {
                "key": dotted(at),
                "file": str(source.path),
                "format": source.format,
                "size": source.size,
                "sha256": source.sha256,
            }
            for at, source in runs[0].sources.at.items()
        ]
        if with_data:
            content |= {"data": metrics, "messages": messages}
        click.echo(json.dumps(content))
        return
    counted = f"{len(runs)} runs, " if runs[0].place else ""
    click.echo(f"{recipe}: OK, {counted}{len(plans[0].stages)} stages")
    for loaded in runs:
        label = f"  {loaded.recipe.name}" if loaded.place else ""
        click.echo(f"recipe {loaded.hash}{label}")
    click.echo(data_text(runs[0].sources))
    for found in metrics:
        click.echo(
            f"data {found['n_train']:.0f} training, {found['n_valid']:.0f} validation frames"
        )


def _look_at_data(
    plans: Sequence[Plan], *, as_json: bool
) -> tuple[list[dict[str, str]], list[dict[str, float]]]:
    """Messages and metrics of the data stages, each that differs once."""
    from nepforge.engine.walk import check_data
    from nepforge.events import Message
    from nepforge.plan.stage import stage_key

    messages: list[dict[str, str]] = []

    def tell(event: Event) -> None:
        if isinstance(event, Message):
            messages.append({"level": event.level, "text": event.text})
            if not as_json:
                click.echo(f"{event.level}: {event.text}", err=event.level != "info")

    different = {stage_key(plan.stages[0], {}, {}): plan for plan in plans}
    return messages, [check_data(plan, tell) for plan in different.values()]


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

    from nepforge.engine.walk import find_workspace, plan_run
    from nepforge.plan.build import build
    from nepforge.ui.listings import plan_text

    for loaded in load_all(recipe, overrides):
        built = build(loaded)
        root = workspace or find_workspace(recipe)
        stages = plan_run(root, built, store=store, remote=remote)
        if as_json:  # one line a run
            content = {"v": 1, "name": built.name, "recipe_hash": built.recipe_hash}
            click.echo(json.dumps({**content, "stages": [attrs.asdict(stage) for stage in stages]}))
        else:
            click.echo(plan_text(built.name, built.recipe_hash, stages))


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
    from nepforge.engine.walk import explain_stage, find_workspace
    from nepforge.plan.build import build
    from nepforge.ui.cache import explanation_json, explanation_text

    root = workspace or find_workspace(recipe)
    for loaded in load_all(recipe, overrides):
        explained = explain_stage(root, build(loaded), stage, store=store, remote=remote)
        if as_json:  # one line a run
            click.echo(
                json.dumps({"v": 1, "name": loaded.recipe.name, **explanation_json(explained)})
            )
            continue
        if loaded.place is not None:
            click.echo(f"{loaded.recipe.name}:")
        click.echo(explanation_text(stage, explained))
