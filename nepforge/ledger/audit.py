"""Check everything that a ledger says about itself, and what was kept of it elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from nepforge.errors import IntegrityError, UsageError
from nepforge.ledger.heads import Tree
from nepforge.ledger.log import Ledger
from nepforge.ledger.tree_head import TreeHead, parse_head

_HINT = "restore ledger.jsonl and heads from git"


@frozen
class AuditReport:
    """What was checked."""

    n_entries: int
    n_heads: int
    n_signed: int
    signer: str  # "" without a public key
    head: TreeHead | None
    against: TreeHead | None  # the head from elsewhere
    torn_bytes: int


def read_head(text: str) -> TreeHead:
    """A tree head kept elsewhere: a file, or its text.

    Raises:
        UsageError: It is neither.
    """
    path = Path(text)
    try:
        if "\n" not in text and path.is_file():
            text = path.read_text(encoding="utf-8")
        return parse_head(text.replace("\\n", "\n"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{text[:60]!r} is not a tree head: {error}",
            hint="give a file that `nepforge ledger head` wrote",
        ) from error


def audit(ledger: Ledger, against: TreeHead | None = None) -> AuditReport:
    """Check every line, every head, every signature, and a head from elsewhere.

    Raises:
        IntegrityError: Something is not what was written, or the ledger is not the one that
            `against` was the head of.
    """
    torn_bytes, n_before = ledger.torn_bytes(), _n_entries(ledger)
    heads = list(ledger.heads.read())
    wanted = [*heads, *([] if against is None else [against])]
    n_entries = _checked_tree(ledger, wanted).frontier.size
    ledger.last_entry()  # a line that hashes right is still refused when it is no entry
    _refuse_gaps(heads, n_before, n_entries)
    if against is not None and against.size > n_entries:
        raise IntegrityError(
            f"the head from elsewhere names {against.size} entries, the ledger holds {n_entries}: "
            "entries were cut off the end",
            hint=_HINT,
        )
    n_signed, signer = _signatures(ledger, heads)
    newest = heads[-1] if heads else None
    return AuditReport(n_entries, len(heads), n_signed, signer, newest, against, torn_bytes)


def _checked_tree(ledger: Ledger, heads: Sequence[TreeHead]) -> Tree:
    """The tree of the ledger; every head must be one of its states."""
    by_size: dict[int, list[TreeHead]] = {}
    for head in heads:
        by_size.setdefault(head.size, []).append(head)
    tree = Tree()
    for line in ledger.lines():
        tree = tree.appended(line.raw)
        for head in by_size.get(tree.frontier.size, ()):
            if (head.origin, head.root) != (tree.origin, tree.frontier.root()):
                raise IntegrityError(
                    f"the tree head of {head.size} entries does not fit the ledger: the ledger "
                    f"has {tree.head().body.split()[2]}, the head {head.body.split()[2]}",
                    hint=_HINT,
                )
    return tree


def _n_entries(ledger: Ledger) -> int:
    head = ledger.last_entry()
    return 0 if head is None else head.seq + 1


def _refuse_gaps(heads: Sequence[TreeHead], n_before: int, n_entries: int) -> None:
    """There is a head for every entry; that of the last one may be under way.

    Other processes may append meanwhile: there were `n_before` entries before the heads were read
    and are `n_entries` now.
    """
    sizes = [head.size for head in heads]
    complete = n_before - 1 <= len(sizes) <= n_entries
    if sizes != list(range(1, len(sizes) + 1)) or not complete:
        raise IntegrityError(
            f"the ledger holds {n_entries} entries, but `heads` has {len(sizes)} of their heads",
            hint=_HINT,
        )


def _signatures(ledger: Ledger, heads: Sequence[TreeHead]) -> tuple[int, str]:
    """How many heads are signed by the key beside the ledger, and its name."""
    if not ledger.public_key.exists():
        return 0, ""
    from nepforge.ledger.signing import read_public_key  # noqa: PLC0415 - 0.1 s, only with a key

    key = read_public_key(ledger.public_key)
    return sum(key.has_signed(head) for head in heads), key.name
