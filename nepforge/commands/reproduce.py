"""`nepforge reproduce`: repeat an entry of a ledger and judge the result."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from nepforge.commands.errors import answer_json, debug_option
from nepforge.commands.options import (
    cache_option,
    here,
    json_option,
    remote_option,
    workspace_option,
)
from nepforge.errors import (
    InterruptedRunError,
    LockTimeoutError,
    NepforgeError,
    NotReproducedError,
)

if TYPE_CHECKING:
    from nepforge.reproduce.original import Original
    from nepforge.reproduce.run import Reproduction
    from nepforge.store.workspace import Workspace
    from nepforge.ui.mode import Mode


@click.command()
@click.argument("source", metavar="ENTRY|BUNDLE")
@click.option(
    "--ledger",
    "ledger_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Someone else's ledger.jsonl that holds the entry.",
)
@click.option(
    "--from",
    "bundle",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A bundle that holds the entry; the same as giving the bundle itself.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder to search first for data files.",
)
@workspace_option
@cache_option
@remote_option
@json_option
@click.option("--plain", is_flag=True, help="Print lines instead of the live display.")
@debug_option
def reproduce(
    source: str,
    ledger_file: Path | None,
    bundle: Path | None,
    data: Path | None,
    workspace: Path | None,
    store: Path | None,
    remote: str,
    as_json: bool,
    plain: bool,
) -> None:
    """Repeat a recorded run, every stage afresh, and judge the result.

    ENTRY is the beginning of an entry's hash, or its number; BUNDLE a zip file of `nepforge
    bundle`. Exit status 0 when the files have the same bytes or the metrics are within the
    tolerances of the recipe, 3 when not, 5 when data files are missing. The verdict is written to
    the ledger. Nothing is taken from the cache but the record of the original training, to find
    where they diverge.
    """
    from nepforge.store.workspace import Workspace, open_workspace
    from nepforge.ui.mode import choose_mode

    mode = choose_mode(sys.stderr, os.environ, json_lines=False, quiet=as_json, plain=plain)
    space = Workspace(here(workspace).resolve())
    searched = open_workspace(space.root, store, remote)
    original = _original(searched, source, ledger_file, bundle, data)
    result = _reproduce(space, original, mode, shlex.join(["nepforge", *sys.argv[1:]]))
    _show(result, original, as_json)


def _original(
    space: Workspace, source: str, ledger_file: Path | None, bundle: Path | None, data: Path | None
) -> Original:
    from nepforge.bundle.read import original_from_bundle
    from nepforge.reproduce.original import original_from_ledger

    if bundle is None and source.endswith(".zip"):
        return original_from_bundle(space, Path(source), "", data)
    if bundle is not None:
        return original_from_bundle(space, bundle, source, data)
    return original_from_ledger(space, source, data, ledger_file)


def _reproduce(space: Workspace, original: Original, mode: Mode, command: str) -> Reproduction:
    from nepforge.interrupt import StopFlag
    from nepforge.reproduce.run import reproduce as repeat
    from nepforge.ui.views import view_of

    stop = StopFlag()
    with view_of(mode, stop) as view, stop.listening():
        try:
            return repeat(space, original, [view], command=command, stop=stop)
        except NepforgeError as error:
            if not isinstance(error, InterruptedRunError | LockTimeoutError):
                click.echo(f"UNVERIFIABLE  {original.body['name']}", err=True)
            raise


def _show(result: Reproduction, original: Original, as_json: bool) -> None:
    from nepforge.reproduce.verdict import HELD, WORDS
    from nepforge.ui.mode import console_for
    from nepforge.ui.reproduction import print_judgement

    judgement, entry = result.judgement, result.entry
    if as_json:
        fields = {"of": original.entry.hash, "hash": entry.hash, "seq": entry.seq}
        answer_json({"v": 1, **fields, **judgement.to_json()})
    else:
        print_judgement(console_for(sys.stdout, os.environ), judgement, original.entry, entry)
    if judgement.verdict not in HELD:
        raise NotReproducedError(
            f"{WORDS[judgement.verdict]}: run {original.entry.hash[:12]}",
            hint="the first difference is named above; nepforge diff shows the rest",
        )
