"""`nepforge check`: every problem of a recipe at once, before anything runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from nepforge.commands.errors import debug_option
from nepforge.commands.options import json_option, load_all, recipe_argument, set_option

if TYPE_CHECKING:
    from nepforge.events import Event
    from nepforge.plan.stage import Plan


@click.command()
@recipe_argument
@set_option
@click.option("--data", "with_data", is_flag=True, help="Read and examine the data too.")
@json_option
@debug_option
def check(recipe: Path, overrides: tuple[str, ...], with_data: bool, as_json: bool) -> None:
    """Check a recipe and the files that it names; all problems at once.

    --data adds what a run would find before it trains: the doctor of `nepforge data check`,
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
    from nepforge.engine.preview import check_data
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
