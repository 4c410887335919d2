"""Frames whose electronic steps did not converge: their labels are wrong by an unknown amount."""

from __future__ import annotations

from collections.abc import Sequence

from nepforge.data.frame import Frame
from nepforge.errors import DataError


def leave_out_unconverged(frames: Sequence[Frame]) -> tuple[list[Frame], list[Frame]]:
    """The frames that converged, and the others.

    Raises:
        DataError: None converged.
    """
    kept = [frame for frame in frames if frame.converged]
    left_out = [frame for frame in frames if not frame.converged]
    if left_out and not kept:
        raise DataError(
            f"the electronic steps of all {len(frames)} frames did not converge "
            f"({frames[0].source} to {frames[-1].source}), nothing is left",
            hint="calculate them again with more electronic steps; `unconverged = "
            '"keep"` in [data], or --unconverged keep, takes them as they are',
        )
    return kept, left_out
