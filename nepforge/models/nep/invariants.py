"""Many-body invariants of NEP: polynomials of the angular sums s_{n,a}, one set for every n.

3-body q_l is quadratic (angular.three_body_weights). 222, 112, 123, 233 and 134 are cubic:
contractions of three shells l that no rotation or inversion changes. 1111 is quartic and equals
(7/15) q_{l=1}^2.
"""

from __future__ import annotations

from functools import cache

import torch
from attrs import frozen
from torch import Tensor

INVARIANTS = ("222", "1111", "112", "123", "233", "134")  # the order in the file and in q
QUARTIC_RATIO = 7.0 / 15.0  # q_1111 / q_{l=1}^2

# (constant, ((sign, a, b, c), ...)): sum of constant * sign * s_a s_b s_c, with the constants of
# the NEP file format (GPUMD, nep_utilities), 15 digits.
# fmt: off
CUBIC_TERMS: dict[str, tuple[tuple[float, tuple[tuple[int, int, int, int], ...]], ...]] = {
    "222": (
        (-0.007499480826664, ((1, 3, 3, 3),)),
        (-0.134990654879954, ((1, 3, 4, 4), (1, 3, 5, 5))),
        (0.067495327439977, ((1, 3, 6, 6), (1, 3, 7, 7))),
        (0.404971964639861, ((1, 6, 5, 5), (-1, 6, 4, 4))),
        (-0.809943929279723, ((1, 4, 5, 7),)),
    ),
    "112": (
        (0.027493550848847, ((1, 0, 0, 3),)),
        (0.16496130509308, ((1, 0, 1, 4), (1, 0, 2, 5))),
        (-0.013746775424423, ((1, 3, 1, 1), (1, 3, 2, 2))),
        (0.04124032627327, ((1, 6, 1, 1), (-1, 6, 2, 2))),
        (0.08248065254654, ((1, 1, 2, 7),)),
    ),
    "123": (
        (-0.008418146349617, ((1, 2, 6, 10), (-1, 1, 7, 10), (-1, 2, 7, 9), (-1, 1, 6, 9))),
        (-0.016836292699234, ((1, 2, 3, 10), (1, 0, 3, 8), (1, 1, 3, 9))),
        (-0.033672585398469, ((-1, 2, 5, 8), (-1, 1, 4, 8))),
        (-0.042090731748086, ((1, 2, 6, 14), (-1, 2, 7, 13), (1, 1, 6, 13), (1, 1, 7, 14))),
        (-0.067345170796937, ((1, 0, 5, 10), (1, 0, 4, 9))),
        (-0.084181463496172, ((1, 0, 6, 11), (1, 0, 7, 12))),
        (-0.168362926992344, ((1, 2, 4, 12), (-1, 2, 5, 11), (1, 1, 4, 11), (1, 1, 5, 12))),
    ),
    "233": (
        (0.008572620635186, ((1, 3, 8, 8),)),
        (0.009644198214584, ((1, 3, 10, 10), (1, 3, 9, 9))),
        (0.019288396429168, ((-1, 6, 10, 10), (1, 6, 9, 9))),
        (0.025717861905558, ((1, 4, 8, 9), (1, 5, 8, 10))),
        (0.026789439484956, ((-1, 3, 13, 13), (-1, 3, 14, 14))),
        (0.032147327381947, ((-1, 7, 9, 14), (-1, 6, 9, 13), (-1, 6, 10, 14), (1, 7, 10, 13))),
        (0.038576792858337, ((1, 7, 9, 10),)),
        (0.12858930952779, ((-1, 6, 8, 11), (-1, 7, 8, 12))),
        (0.192883964291685, ((1, 4, 9, 11), (1, 5, 9, 12), (1, 4, 10, 12), (-1, 5, 10, 11))),
        (0.321473273819474, ((1, 4, 12, 14), (1, 5, 11, 14), (1, 4, 11, 13), (-1, 5, 12, 13))),
    ),
    "134": (
        (0.003645164295772, ((-1, 2, 10, 15), (-1, 1, 9, 15))),
        (0.004860219061029, ((1, 0, 8, 15),)),
        (0.006075273826286, ((-1, 1, 13, 18), (-1, 1, 14, 19), (-1, 2, 14, 18), (1, 2, 13, 19))),
        (0.018225821478859, ((-1, 2, 10, 18), (1, 1, 10, 19), (1, 1, 9, 18), (1, 2, 9, 19))),
        (0.024301095305146, ((1, 1, 8, 16), (1, 2, 8, 17))),
        (0.036451642957719, ((1, 0, 10, 17), (1, 0, 9, 16), (-1, 1, 11, 16), (-1, 1, 12, 17),
            (-1, 2, 12, 16), (1, 2, 11, 17))),
        (0.042526916784005, ((1, 1, 13, 22), (1, 1, 14, 23), (-1, 2, 14, 22), (1, 2, 13, 23))),
        (0.072903285915437, ((1, 0, 11, 18), (1, 0, 12, 19))),
        (0.08505383356801, ((1, 0, 13, 20), (1, 0, 14, 21))),
        (0.25516150070403, ((1, 1, 11, 20), (1, 1, 12, 21), (-1, 2, 12, 20), (1, 2, 11, 21))),
    ),
}
# fmt: on


def smallest_l_max(invariant: str) -> int:
    """The l_max below which an invariant would use sums that do not exist."""
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
        """sum_bc T_abc left_b right_c, shape [..., width]; with left = right a third of dq/ds."""
        pairs = left[..., self.start : self.stop, None] * right[..., None, self.start : self.stop]
        return pairs.flatten(-2) @ self.matrix


@cache
def cubic_form(invariant: str) -> CubicForm:
    """The form of one of the cubic invariants, in float64."""
    members = [a for _, terms in CUBIC_TERMS[invariant] for term in terms for a in term[1:]]
    start, stop = min(members), max(members) + 1
    width = stop - start
    tensor = torch.zeros(width, width, width, dtype=torch.float64)
    for constant, terms in CUBIC_TERMS[invariant]:
        for sign, *indices in terms:
            a, b, c = (idx - start for idx in indices)
            for order in ((a, b, c), (a, c, b), (b, a, c), (b, c, a), (c, a, b), (c, b, a)):
                tensor[order] += sign * constant / 6.0
    return CubicForm(start, stop, tensor.reshape(width * width, width))
