"""`nepforge bundle`: one run as one file for others."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from nepforge.commands.errors import debug_option
from nepforge.commands.options import cache_option, here, remote_option, workspace_option


@click.command()
@click.argument("hash_prefix", metavar="ENTRY")
@click.argument("target", metavar="OUT.zip", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--no-data", is_flag=True, help="Leave the data files out; their digests stay.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder to search first for data files.",
)
@click.option("--author", default="", help="Author of the run.")
@click.option("--organization", default="", help="Author's institution, publisher of the bundle.")
@click.option(
    "--license",
    "license_name",
    default="",
    help="Licence of data and results: an SPDX name (CC-BY-4.0) or a URL.",
)
@workspace_option
@cache_option
@remote_option
@debug_option
def bundle(
    hash_prefix: str,
    target: Path,
    no_data: bool,
    data: Path | None,
    author: str,
    organization: str,
    license_name: str,
    workspace: Path | None,
    store: Path | None,
    remote: str,
) -> None:
    """Pack a run: recipe, data, models, plots, environment, ledger entry and its proof.

    ENTRY is the beginning of an entry's hash, or its number. OUT.zip is a Workflow Run RO-Crate.
    `nepforge reproduce OUT.zip` repeats the run from it alone.
    """
    from nepforge.bundle.crate import Credit
    from nepforge.bundle.write import write_bundle
    from nepforge.reproduce.original import original_from_ledger
    from nepforge.store.workspace import open_workspace

    space = open_workspace(here(workspace), store, remote)
    original = original_from_ledger(space, hash_prefix, data)
    credit = Credit(author, organization, license_name)
    written = write_bundle(space, original, target, with_data=not no_data, credit=credit)
    click.echo(f"wrote {target}: {written.n_files} files, {written.size / 1.0e6:.1f} MB")
    for name in written.missing:
        click.echo(f"warning: no copy of {name} is left; its digest is in the entry", err=True)
    click.echo(f"next: nepforge reproduce {target}")
