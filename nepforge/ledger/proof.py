"""Proof that an entry is in a ledger, as one text file that needs nothing else.

    c2sp.org/tlog-proof@v1
    extra <base64 of the raw line of the entry>
    index 4
    <base64 of each hash of the audit path>

    <tree head, see tree_head.py>

The form is the one of C2SP; `extra` makes the file self-contained. A proof is worth as much as its
head: compare that with a head from another place, or check its signature.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence

from attrs import frozen

from nepforge.errors import IntegrityError
from nepforge.ledger.entry import Entry, decode
from nepforge.ledger.log import Ledger
from nepforge.ledger.merkle import inclusion_path, leaf_hash, root_of_path
from nepforge.ledger.tree_head import TreeHead, parse_head

FIRST_LINE = "c2sp.org/tlog-proof@v1"


@frozen
class Proof:
    """An entry, its place, and the hashes that lead from it to the root of `head`."""

    line: bytes  # raw, newline included
    index: int
    path: Sequence[bytes]
    head: TreeHead

    @property
    def text(self) -> str:
        hashes = "".join(f"{_base64(node)}\n" for node in self.path)
        extra = f"extra {_base64(self.line)}\n"
        return f"{FIRST_LINE}\n{extra}index {self.index}\n{hashes}\n{self.head.text}"


def prove(ledger: Ledger, entry: Entry) -> Proof:
    """The proof for an entry of a ledger, against its newest head.

    Raises:
        IntegrityError: The ledger is damaged, or has no head yet.
    """
    head = ledger.heads.last()
    if head is None:
        raise IntegrityError(
            f"{ledger.path.name}: has no tree head", hint="the next run writes the missing heads"
        )
    lines = [line.raw for line in ledger.lines()][: head.size]
    leaves = [leaf_hash(line) for line in lines]
    if entry.seq >= len(lines):
        raise IntegrityError(
            f"entry {entry.seq} has no tree head yet", hint="the next run writes it"
        )
    proof = Proof(lines[entry.seq], entry.seq, inclusion_path(leaves, entry.seq), head)
    check_proof(proof)
    return proof


def parse_proof(text: str) -> Proof:
    """What `Proof.text` wrote.

    Raises:
        IntegrityError: The text is no proof, or has no entry in it.
    """
    try:
        start, _, note = text.partition("\n\n")
        first, extra, index, *path = start.split("\n")
        if first != FIRST_LINE or not extra.startswith("extra ") or not index.startswith("index "):
            raise ValueError(f'expected "{FIRST_LINE}", "extra ...", "index ..."')
        nodes = [b64decode(node, validate=True) for node in path]
        line = b64decode(extra.removeprefix("extra "), validate=True)
        return Proof(line, int(index.removeprefix("index ")), nodes, parse_head(note))
    except ValueError as error:
        raise IntegrityError(f"not a proof of a ledger entry: {error}") from error


def check_proof(proof: Proof) -> Entry:
    """The entry, if its hashes lead to the root of the head.

    Raises:
        IntegrityError: They do not.
    """
    try:
        entry = decode(proof.line)
        root = root_of_path(leaf_hash(proof.line), proof.index, proof.head.size, proof.path)
        if root != proof.head.root or entry.seq != proof.index:
            raise ValueError("its hashes lead to another root")
    except ValueError as error:
        raise IntegrityError(
            f"entry {proof.index} is not proven to be in the ledger {proof.head.origin}: {error}",
            hint="ask for the proof again: nepforge ledger prove",
        ) from error
    return entry


def _base64(content: bytes) -> str:
    return b64encode(content).decode()
