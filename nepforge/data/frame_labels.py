"""Labels of frames by their rows in `quantities`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from nepforge.data.frame import FloatArray, Frame, rows_of
from nepforge.quantities import QUANTITIES, Quantity


def has_label(frame: Frame, quantity: Quantity) -> bool:
    """Whether a frame has labels of this kind."""
    return getattr(frame, quantity.field) is not None


def quantities_of(frames: Iterable[Frame]) -> list[Quantity]:
    """The kinds of labels that some frame has, in the order of the table."""
    frames = list(frames)
    return [one for one in QUANTITIES if any(has_label(frame, one) for frame in frames)]


def label_of(frame: Frame, quantity: Quantity) -> FloatArray:
    """A label as errors are reported, nan where the frame has none, [1 or n_atoms, *shape]."""
    reported: FloatArray = quantity.reported(rows_of(frame, quantity), frame.n_atoms)
    return reported


def labels_of(frames: Sequence[Frame], quantity: Quantity) -> FloatArray:
    """`label_of` of all frames, one after the other."""
    return np.concatenate([label_of(frame, quantity) for frame in frames])
