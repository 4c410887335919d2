"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

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
    help="Address of a cache folder of others, read only: /folder, sftp://..., s3://...",
)


def here(workspace: Path | None) -> Path:
    """The workspace that the current folder belongs to, unless one is given."""
    from nepforge.store.workspace import find_workspace

    return workspace.resolve() if workspace else find_workspace(Path.cwd() / "recipe.toml")


def say_notice(text: str) -> None:
    """What a reader or writer left out, beside the output of the command."""
    click.secho("notice: ", err=True, nl=False, bold=True, fg="yellow")
    click.echo(text, err=True)
