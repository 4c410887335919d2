"""The Merkle tree of RFC 9162 (section 2.1) over the raw lines of a ledger.

    MTH({})   = SHA-256()
    MTH({d})  = SHA-256(0x00 || d)
    MTH(D[n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n])),   k the largest power of two below n

One root of 32 bytes stands for all entries in their order, and about log2(n) hashes prove that an
entry is one of them to somebody who has the root alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from attrs import frozen

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(line: bytes) -> bytes:
    """Hash of one entry, its newline included."""
    return hashlib.sha256(b"\x00" + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@frozen
class Frontier:
    """The roots of the complete subtrees of a tree, largest first: all that an append needs.

    There is one for each bit that is set in `size`.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def appended(self, leaf: bytes) -> Frontier:
        """The tree with one leaf more; subtrees of equal size are joined."""
        peaks, node, size = list(self.peaks), leaf, self.size
        while size & 1:
            node = node_hash(peaks.pop(), node)
            size >>= 1
        return Frontier(self.size + 1, (*peaks, node))

    def root(self) -> bytes:
        """The root of the tree, 32 bytes."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def tree_of(leaves: Iterable[bytes]) -> Frontier:
    """The tree of these leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier = frontier.appended(leaf)
    return frontier


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of a leaf, RFC 9162 section 2.1.3.1, from its sibling up to the root."""
    level, path = list(leaves), []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):  # the last node of an odd level has none and moves up as it is
            path.append(level[sibling])
        level = [
            node_hash(level[idx], level[idx + 1]) if idx + 1 < len(level) else level[idx]
            for idx in range(0, len(level), 2)
        ]
        index //= 2
    return path


def root_of_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that a leaf and its audit path lead to, RFC 9162 section 2.1.3.2.

    Args:
        leaf: Hash of the entry.
        index: Its place, from 0.
        size: Number of entries of the tree.
        path: What `inclusion_path` gave.

    Raises:
        ValueError: The path is too long or too short for this place.
    """
    if not 0 <= index < size:
        raise ValueError(f"entry {index} is not in a tree of {size}")
    node, last = leaf, size - 1
    for sibling in path:
        if last == 0:
            raise ValueError("the path is too long")
        if index & 1 or index == last:
            node = node_hash(sibling, node)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        index, last = index >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return node
