"""Short digests of the parameters after every step: where two trainings diverge.

A 6-byte digest per parameter group costs less than a thousandth of a step. Two trainings that agree
in a row had the same bits; the first row that differs gives the step and the tensor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

DIGEST_BYTES = 6


class Trace:
    """One row of digests per step; row 0 holds the parameters before the first step."""

    def __init__(self, groups: Sequence[tuple[str, int]]) -> None:
        """`groups` are names and sizes of the parts of the flat parameter vector, in order."""
        self._names = [name for name, _ in groups]
        self._sizes = [size for _, size in groups]
        self._rows: list[list[int]] = []

    def record(self, parameters: Tensor) -> None:
        """Add the row of these parameters [n_parameters]."""
        parts = parameters.detach().split(self._sizes)
        self._rows.append([_digest(part) for part in parts])

    def state(self) -> Tensor:
        """For a checkpoint: the rows so far, [n_rows, n_groups]."""
        return torch.tensor(self._rows, dtype=torch.int64)

    def restore(self, state: Tensor) -> None:
        """Continue after what `state` gave."""
        self._rows = state.tolist()

    def write(self, path: Path) -> None:
        """One line per step: its number and a digest of 12 hex digits per group."""
        lines = [" ".join(["step", *self._names])]
        for step, row in enumerate(self._rows):
            digests = [f"{digest:0{2 * DIGEST_BYTES}x}" for digest in row]
            lines.append(" ".join([str(step), *digests]))
        path.write_text("\n".join(lines) + "\n", encoding="ascii")


def _digest(values: Tensor) -> int:
    content = values.contiguous().cpu().numpy().tobytes()
    return int.from_bytes(hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest())
