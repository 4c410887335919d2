"""`nepforge ledger`: read, prove and check the record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from nepforge.commands.errors import debug_option
from nepforge.commands.options import here, json_option, workspace_option
from nepforge.errors import UsageError

if TYPE_CHECKING:
    from nepforge.ledger.log import Ledger

SHOWN_ENTRIES = 20  # in `ledger log`
STANDARD_OUTPUT = Path("-")


@click.group()
def ledger() -> None:
    """Read, prove and check the ledger of this workspace."""


@ledger.command()
@workspace_option
@click.option("--all", "everything", is_flag=True, help="Show all entries.")
@json_option
@debug_option
def log(workspace: Path | None, everything: bool, as_json: bool) -> None:
    """List the entries, the last one at the end."""
    from nepforge.ui.listings import log_text, run_row

    book = _book(workspace)
    entries = list(book.entries())
    shown = entries if everything else entries[-SHOWN_ENTRIES:]
    if as_json:
        for entry in shown:
            click.echo(json.dumps({"v": 1, **run_row(entry)}))
    elif not entries:
        click.echo(f"{book.path}: no entry yet; `nepforge run RECIPE` writes one")
    else:
        click.echo(log_text(shown))


@ledger.command()
@click.argument("hash_prefix", metavar="ENTRY")
@workspace_option
@json_option
@debug_option
def show(hash_prefix: str, workspace: Path | None, as_json: bool) -> None:
    """Show an entry: what ran, with what, and what came out.

    ENTRY is the beginning of the entry's hash or its number, as `ledger log` shows them.
    """
    from nepforge.ui.entry import entry_json, entry_text

    entry = _book(workspace).find(hash_prefix)
    click.echo(json.dumps(entry_json(entry)) if as_json else entry_text(entry))


@ledger.command()
@workspace_option
@json_option
@debug_option
def head(workspace: Path | None, as_json: bool) -> None:
    """Print the newest tree head: 3 lines that stand for every entry.

    Keep it in a paper, a git tag or a message; `ledger audit --against` checks the ledger with it.
    """
    newest = _book(workspace).heads.last()
    if newest is None:
        raise UsageError("the ledger has no tree head yet", hint="nepforge run RECIPE")
    if as_json:
        fields = {"origin": newest.origin, "size": newest.size, "root": newest.root.hex()}
        click.echo(json.dumps({"v": 1, **fields, "note": newest.text}))
    else:
        click.echo(newest.text, nl=False)


@ledger.command()
@click.argument("hash_prefix", metavar="ENTRY")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    default=STANDARD_OUTPUT,
    help="File to write, e.g. entry.tlog-proof; default: standard output.",
)
@workspace_option
@debug_option
def prove(hash_prefix: str, out: Path, workspace: Path | None) -> None:
    """Write a proof that an entry is in the ledger; `ledger verify FILE` checks it."""
    from nepforge.ledger.proof import prove as proof_of

    book = _book(workspace)
    text = proof_of(book, book.find(hash_prefix)).text
    if out == STANDARD_OUTPUT:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"wrote {out}; check it with: nepforge ledger verify {out}")


@ledger.command()
@click.argument(
    "proof", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@workspace_option
@debug_option
def verify(proof: Path | None, workspace: Path | None) -> None:
    """Check that no entry was changed since it was written; or check a PROOF of one entry."""
    if proof is not None:
        _verify_proof(proof)
        return
    book = _book(workspace)
    count, last = book.verify(), book.last_entry()
    if last is None:
        click.echo(f"{book.path}: no entry yet")
        return
    click.echo(f"{book.path}: entries 0 to {count - 1}, chain intact")
    click.echo(f"head {last.hash} (keep it elsewhere: it shows when entries are cut off)")
    _tell_torn(book.torn_bytes())


def _verify_proof(path: Path) -> None:
    from nepforge.ledger.proof import check_proof, parse_proof

    proof = parse_proof(path.read_text(encoding="utf-8"))
    entry = check_proof(proof)
    click.echo(f"entry {entry.seq} ({entry.type}, {entry.hash[:12]}) is in {proof.head.origin}")
    click.echo("the proof is worth as much as this head; compare it with one you trust:")
    click.echo(proof.head.text, nl=False)


@ledger.command()
@click.option(
    "--against",
    metavar="HEAD",
    help="Tree head kept elsewhere: a file, or its text with \\n for line ends.",
)
@workspace_option
@json_option
@debug_option
def audit(against: str | None, workspace: Path | None, as_json: bool) -> None:
    """Check every entry, every tree head and every signature, and a head from elsewhere."""
    from nepforge.ledger.audit import audit as audit_of
    from nepforge.ledger.audit import read_head

    report = audit_of(_book(workspace), read_head(against) if against else None)
    if as_json:
        fields = {"entries": report.n_entries, "heads": report.n_heads, "signed": report.n_signed}
        root = report.head.root.hex() if report.head else ""
        click.echo(json.dumps({"v": 1, **fields, "root": root, "torn": report.torn_bytes}))
        return
    click.echo(f"{report.n_entries} entries, {report.n_heads} tree heads: all as written")
    if report.signer:
        click.echo(f"{report.n_signed} of the heads are signed by {report.signer}")
    if report.against is not None:
        click.echo(f"the head from elsewhere is entry {report.against.size - 1} of this ledger")
    elif report.head is not None:
        click.echo("a ledger rewritten as a whole passes this check: keep its head elsewhere")
    _tell_torn(report.torn_bytes)


@ledger.command()
@workspace_option
@debug_option
def keygen(workspace: Path | None) -> None:
    """Make a key that signs every tree head from now on."""
    from nepforge.ledger.signing import make_key
    from nepforge.ledger.tree_head import origin_of

    book = _book(workspace)
    first = next(book.entries(), None)
    if first is None:
        raise UsageError("an empty ledger has no name to sign for", hint="nepforge run RECIPE")
    key = make_key(origin_of(first.hash), book.signing_key, book.public_key)
    click.echo(f"private key: {book.signing_key}; keep it secret and out of git")
    click.echo(f"public key:  {book.public_key}; commit it, and publish this line:")
    click.echo(key.text)


def _book(workspace: Path | None) -> Ledger:
    from nepforge.store.workspace import Workspace

    return Workspace(here(workspace)).ledger


def _tell_torn(n_bytes: int) -> None:
    if n_bytes:
        click.echo(
            f"{n_bytes} bytes of an unfinished entry at the end; the next run sets them aside"
        )
