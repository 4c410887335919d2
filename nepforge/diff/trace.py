"""Where trainings diverge: the first step and tensor whose digests differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from attrs import frozen

TRACE_FILE = "trace.txt"


@frozen
class Divergence:
    """Two trainings had the same bits before `step`; step 0 is before the first update."""

    step: int
    tensors: tuple[str, ...]  # parameter groups that differ there
    n_steps: tuple[int, int]  # of the two trainings

    def to_json(self) -> dict[str, Any]:
        return attrs.asdict(self)

    @property
    def text(self) -> str:
        if not self.tensors:
            first, second = self.n_steps
            return f"one training ends at step {self.step - 1}: {first} and {second} steps"
        place = "before the first step" if self.step == 0 else f"at step {self.step}"
        return f"{place} of {self.n_steps[0]}, in {', '.join(self.tensors)}"


def first_divergence(first: Path, second: Path) -> Divergence | None:
    """Compare two files that train.trace wrote; None when every row agrees."""
    one, two = (path.read_text(encoding="ascii").splitlines() for path in (first, second))
    n_steps = (len(one) - 2, len(two) - 2)  # header and row 0 are no steps
    names = one[0].split()[1:]
    if one[0] != two[0]:
        return Divergence(0, tuple(sorted({*names} ^ {*two[0].split()[1:]})), n_steps)
    for row, (left, right) in enumerate(zip(one[1:], two[1:], strict=False)):
        if left != right:
            pairs = zip(names, left.split()[1:], right.split()[1:], strict=True)
            return Divergence(row, tuple(name for name, a, b in pairs if a != b), n_steps)
    if len(one) != len(two):
        return Divergence(min(n_steps) + 1, (), n_steps)
    return None
