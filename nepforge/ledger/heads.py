"""The file `heads` beside the ledger: one tree head for every entry, oldest first.

The chain of the ledger cannot vouch for its own end; the heads can. A kill between an entry and
its head leaves the file one head short, which the next append makes good. The tree so far is kept
as a small index beside the locks, so that an append does not read the ledger; it can be lost at
any time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import field, frozen

from nepforge.errors import IntegrityError
from nepforge.ledger.entry import Entry, entry_hash
from nepforge.ledger.merkle import Frontier, leaf_hash
from nepforge.ledger.tree_head import SIGNATURE_MARK, TreeHead, origin_of, parse_head
from nepforge.shared_disk.durable import append_bytes

HEADS_FILE = "heads"
_END_BYTES = 4096  # more than a head with its signatures takes
_SEPARATOR = b"\n\n"
_HINT = "restore ledger.jsonl and heads from git; compare with a head that was kept elsewhere"


@frozen
class Tree:
    """The tree of a ledger that ends with the entry `last` (its hash)."""

    origin: str = ""
    last: str = ""
    frontier: Frontier = field(factory=Frontier)

    def appended(self, line: bytes) -> Tree:
        """The tree with one raw line more."""
        last = entry_hash(line)
        frontier = self.frontier.appended(leaf_hash(line))
        return Tree(self.origin or origin_of(last), last, frontier)

    def head(self) -> TreeHead:
        return TreeHead(self.origin, self.frontier.size, self.frontier.root())


class TreeHeads:
    """The tree heads in the file `path`; `index` is the file of the tree, `key` signs."""

    def __init__(self, path: Path, index: Path, key: Path) -> None:
        self._path = path
        self._index = index
        self._key = key

    def read(self) -> Iterator[TreeHead]:
        """Every whole head, oldest first; a torn one at the end is left out.

        Raises:
            IntegrityError: Something in the file is no head; says which line.
        """
        if not self._path.exists():
            return
        line = 1
        for note in _notes(self._path.read_bytes()):
            yield self._parsed(note, line)
            line += note.count(b"\n")

    def last(self) -> TreeHead | None:
        """The newest whole head, from the end of the file alone."""
        notes = _notes(self._end()[0])
        return self._parsed(notes[-1], 0) if notes else None

    def tree_of(self, lines: Iterator[bytes]) -> Tree:
        """The tree of the raw lines of the ledger, its newest head checked on the way.

        Raises:
            IntegrityError: The last entry is another one, or entries are missing.
        """
        tree = Tree()
        for tree in self._growing(lines, self.last()):  # noqa: B007 - the last one counts
            pass
        return tree

    def settle(self, last: Entry | None, lines: Callable[[], Iterator[bytes]]) -> Tree:
        """The tree up to the entry `last`, after heads that a kill left out were written.

        Args:
            last: The newest entry; None in an empty ledger.
            lines: Gives the raw lines of the ledger, its chain checked.

        Raises:
            IntegrityError: The newest head belongs to another ledger than this.
        """
        self._drop_torn()
        newest = self.last()
        tree = Tree() if last is None else self._indexed(last)
        if tree is None or not _is_head_of(newest, tree):
            tree = self._rebuilt(lines(), newest)
        return tree

    def add(self, tree: Tree) -> None:
        """Write the head of a tree at the end, signed if there is a key, and keep the tree."""
        append_bytes(self._path, self._note(tree))
        self._remember(tree)

    def _rebuilt(self, lines: Iterator[bytes], newest: TreeHead | None) -> Tree:
        """The tree from the ledger itself; heads that are missing at the end are written."""
        known = 0 if newest is None else newest.size
        tree, missing = Tree(), []
        for tree in self._growing(lines, newest):
            if tree.frontier.size > known:
                missing.append(self._note(tree))
        if missing:
            append_bytes(self._path, b"".join(missing))
        self._remember(tree)
        return tree

    def _growing(self, lines: Iterator[bytes], newest: TreeHead | None) -> Iterator[Tree]:
        """The tree after every line; `newest` was read before, lines may have come since."""
        tree = Tree()
        for line in lines:
            tree = tree.appended(line)
            if newest is not None and newest.size == tree.frontier.size:
                self._refuse_other(newest, tree)
            yield tree
        if newest is not None and newest.size > tree.frontier.size:
            raise IntegrityError(
                f"{self._path.name}: names {newest.size} entries, but the ledger holds "
                f"{tree.frontier.size}: entries were cut off the end",
                hint=_HINT,
            )

    def _refuse_other(self, head: TreeHead, tree: Tree) -> None:
        if not _is_head_of(head, tree):
            raise IntegrityError(
                f"{self._path.name}: the head of entry {head.size - 1} does not fit the ledger: "
                "that entry or the head was changed",
                hint=_HINT,
            )

    def _note(self, tree: Tree) -> bytes:
        head = tree.head()
        if self._key.exists():
            from nepforge.ledger.signing import sign  # noqa: PLC0415 - 0.1 s, only with a key

            head = sign(head, self._key)
        return f"{head.text}\n".encode() if head.signatures else head.text.encode()

    def _drop_torn(self) -> None:
        """Cut off what a killed append left; a head can be made again from the ledger."""
        torn = len(self._end()[1])
        if torn:
            os.truncate(self._path, self._path.stat().st_size - torn)

    def _end(self) -> tuple[bytes, bytes]:
        """The last whole notes, and the torn bytes after them."""
        if not self._path.exists():
            return b"", b""
        with self._path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _END_BYTES))
            whole, separator, torn = file.read().rpartition(_SEPARATOR)
        return whole + separator, torn

    def _indexed(self, last: Entry) -> Tree | None:
        """The tree of the index, when it ends with this entry."""
        try:
            fields = json.loads(self._index.read_text(encoding="ascii"))
            peaks = tuple(bytes.fromhex(peak) for peak in fields["peaks"])
            tree = Tree(fields["origin"], fields["last"], Frontier(fields["size"], peaks))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return tree if (tree.last, tree.frontier.size) == (last.hash, last.seq + 1) else None

    def _remember(self, tree: Tree) -> None:
        fields = {
            "origin": tree.origin,
            "last": tree.last,
            "size": tree.frontier.size,
            "peaks": [peak.hex() for peak in tree.frontier.peaks],
        }
        draft = self._index.with_suffix(".new")
        draft.write_text(json.dumps(fields), encoding="ascii")
        draft.replace(self._index)

    def _parsed(self, note: bytes, line: int) -> TreeHead:
        try:
            return parse_head(note.decode())
        except ValueError as error:
            place = f"{self._path.name}:{line}" if line else f"{self._path.name}: at the end"
            raise IntegrityError(f"{place}: damaged: {error}", hint=_HINT) from error


def _is_head_of(head: TreeHead | None, tree: Tree) -> bool:
    if head is None:
        return tree.frontier.size == 0
    return (head.origin, head.size, head.root) == (
        tree.origin,
        tree.frontier.size,
        tree.frontier.root(),
    )


def _notes(content: bytes) -> list[bytes]:
    """The whole notes in a piece of the file; signatures belong to the body before them."""
    notes: list[bytes] = []
    for block in content.split(_SEPARATOR)[:-1]:
        note = block + _SEPARATOR
        if block.startswith(SIGNATURE_MARK.encode()) and notes:
            notes[-1] += note
        else:
            notes.append(note)
    return notes
