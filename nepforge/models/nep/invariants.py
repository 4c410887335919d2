"""Many-body invariants of NEP: polynomials of the angular sums s_{n,a}, one set per n.

3-body q_l is quadratic (angular.three_body_weights). 222, 112, 123, 233 and 134 are cubic:
contractions of three shells l, invariant under rotation and inversion. 1111 is quartic and equals
(7/15) q_{l=1}^2.
"""

from __future__ import annotations

import itertools
from functools import cache

import torch
from attrs import frozen
from torch import Tensor

from nepforge.models.nep.tables import tables

INVARIANTS = ("222", "1111", "112", "123", "233", "134")  # the order in the file and in q
QUARTIC_RATIO = 7.0 / 15.0  # q_1111 / q_{l=1}^2


def smallest_l_max(invariant: str) -> int:
    """The smallest l_max for which the sums of an invariant exist."""
    return max(int(shell) for shell in invariant)


@frozen(eq=False)
class CubicForm:
    """q = sum_abc T_abc s_a s_b s_c with T symmetric, over the shells first..last of the sums.

    `matrix` is T as [width * width, width] for the width = stop - start sums that take part.
    """

    start: int
    stop: int
    matrix: Tensor

    def contract(self, left: Tensor, right: Tensor) -> Tensor:
        """sum_bc T_abc left_b right_c, shape [..., width]; a third of dq/ds if left = right."""
        pairs = left[..., self.start : self.stop, None] * right[..., None, self.start : self.stop]
        return pairs.flatten(-2) @ self.matrix


@cache
def cubic_form(invariant: str) -> CubicForm:
    """The form of one of the cubic invariants, in float64."""
    terms = tables().invariants[invariant]
    members = [a for _, moments in terms for a in moments]
    start, stop = min(members), max(members) + 1
    width = stop - start
    tensor = torch.zeros(width, width, width, dtype=torch.float64)
    for coefficient, moments in terms:
        for order in itertools.permutations(a - start for a in moments):
            tensor[order] += coefficient / 6.0
    return CubicForm(start, stop, tensor.reshape(width * width, width))
