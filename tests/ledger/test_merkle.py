"""The tree of RFC 9162: roots, paths, and what a wrong path gives."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepforge.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    inclusion_path,
    leaf_hash,
    node_hash,
    root_of_path,
    tree_of,
)

# Leaves and roots that Certificate Transparency implementations test with.
CT_LEAVES = (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)  # fmt: skip
CT_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH as RFC 9162 section 2.1.1 defines it, by recursion."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(by_definition(leaves[:k]), by_definition(leaves[k:]))


def test_roots_are_those_of_certificate_transparency() -> None:
    """The published vectors, one for each size."""
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in CT_LEAVES]
    roots = [tree_of(leaves[:size]).root().hex() for size in range(1, 9)]
    assert roots == list(CT_ROOTS)
    assert Frontier().root() == EMPTY_ROOT


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 31, 64, 65])
def test_root_and_every_path_follow_the_definition(size: int) -> None:
    """The recursive definition is the oracle; each path leads to the root."""
    leaves = [leaf_hash(bytes([idx])) for idx in range(size)]
    root = by_definition(leaves)
    assert tree_of(leaves).root() == root
    for idx, leaf in enumerate(leaves):
        assert root_of_path(leaf, idx, size, inclusion_path(leaves, idx)) == root


@given(st.integers(1, 200), st.data())
def test_another_leaf_place_or_path_gives_another_root(size: int, data: st.DataObject) -> None:
    """Or is refused; never the same root."""
    leaves = [leaf_hash(idx.to_bytes(2)) for idx in range(size)]
    idx = data.draw(st.integers(0, size - 1))
    path, root = inclusion_path(leaves, idx), tree_of(leaves).root()
    assert root_of_path(leaf_hash(b"other"), idx, size, path) != root
    with pytest.raises(ValueError, match="too long"):
        root_of_path(leaves[idx], idx, size, [*path, root])
    if path:
        with pytest.raises(ValueError, match="too short"):
            root_of_path(leaves[idx], idx, size, path[:-1])
        other = data.draw(st.integers(0, size - 1).filter(lambda other: other != idx))
        try:
            assert root_of_path(leaves[idx], other, size, path) != root
        except ValueError:
            return  # a place with a longer or shorter path
