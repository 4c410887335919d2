"""Sums over the atoms, or pairs, of each frame: runs of rows given by their offsets."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor


def segment_sum(values: Tensor, offsets: tuple[int, ...]) -> Tensor:
    """Sums of values [..., n, p] over the segments offsets[f]:offsets[f + 1], [..., F, p]."""
    length = _uniform_length(offsets)
    if length is not None:
        return values.unflatten(-2, (-1, length)).sum(dim=-2)
    pieces = [values[..., start:stop, :].sum(dim=-2) for start, stop in itertools.pairwise(offsets)]
    return torch.stack(pieces, dim=-2)


def segment_outer(left: Tensor, right: Tensor, offsets: tuple[int, ...]) -> Tensor:
    """Sums of outer products left [..., n, p] x right [..., n, r] over segments, [..., F, p, r]."""
    length = _uniform_length(offsets)
    if length is not None:
        return left.unflatten(-2, (-1, length)).mT @ right.unflatten(-2, (-1, length))
    pieces = [
        left[..., start:stop, :].mT @ right[..., start:stop, :]
        for start, stop in itertools.pairwise(offsets)
    ]
    return torch.stack(pieces, dim=-3)


def _uniform_length(offsets: tuple[int, ...]) -> int | None:
    """The common length of all segments, None when they differ or are empty."""
    lengths = {stop - start for start, stop in itertools.pairwise(offsets)}
    return lengths.pop() if len(lengths) == 1 and 0 not in lengths else None
