"""A tree head as text: a signed note in the checkpoint format of C2SP (c2sp.org).

    nepforge/5d1c9a0be1f2a3c4
    17
    aHIZl06E8VGSLNCQlTGLuuPCxEHLFNrjBMFxvEM3QqE=

    — nepforge/5d1c9a0be1f2a3c4 mJirIklj...

Origin, number of entries, root; an empty line; signatures, if there are any. The origin names the
ledger by the beginning of its first entry's hash, so that heads of two ledgers cannot be mixed up.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

from attrs import frozen

ORIGIN_DIGITS = 16
SIGNATURE_MARK = "— "
_BODY = re.compile(r"([^\s+]+)\n(0|[1-9]\d*)\n([A-Za-z0-9+/]{43}=)\n")


@frozen
class TreeHead:
    """The state of a ledger after `size` entries. `signatures` are whole lines without newline."""

    origin: str
    size: int
    root: bytes
    signatures: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @property
    def text(self) -> str:
        """The note: the body, an empty line, the signatures."""
        return f"{self.body}\n" + "".join(f"{line}\n" for line in self.signatures)


def origin_of(first_entry_hash: str) -> str:
    """The name of the ledger that begins with this entry."""
    return f"nepforge/{first_entry_hash[:ORIGIN_DIGITS]}"


def parse_head(text: str) -> TreeHead:
    """The head of a note.

    Raises:
        ValueError: The text is not a tree head; the message says why.
    """
    body, _, rest = text.partition("\n\n")
    match = _BODY.fullmatch(f"{body.rstrip()}\n")
    if match is None:
        raise ValueError("not a tree head: expected origin, size and root on one line each")
    signatures = tuple(line for line in rest.splitlines() if line)
    odd = [line for line in signatures if not line.startswith(SIGNATURE_MARK)]
    if odd:
        raise ValueError(f"not a signature: {odd[0][:40]!r}")
    root = b64decode(match[3])
    if b64encode(root).decode() != match[3]:
        raise ValueError("not a tree head: the root is not in canonical base64")
    return TreeHead(match[1], int(match[2]), root, signatures)
