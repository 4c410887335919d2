"""The descriptor D = A^T A[:, :axis] of Deep Potential, its tangent and its pull-back."""

from __future__ import annotations

from torch import Tensor


def descriptor(a: Tensor, axis: int) -> Tensor:
    """D [..., width, axis] of A [..., 4, width]."""
    return a.mT @ a[..., :axis]


def descriptor_tangent(a: Tensor, change: Tensor, axis: int) -> Tensor:
    """D' for the change A'."""
    return change.mT @ a[..., :axis] + a.mT @ change[..., :axis]


def descriptor_pull_back(a: Tensor, gradient: Tensor, axis: int) -> Tensor:
    """dU/dA [..., 4, width] from dU/dD [..., width, axis], bilinear in A and dU/dD."""
    result = a[..., :axis] @ gradient.mT
    result[..., :axis] += a @ gradient
    return result
