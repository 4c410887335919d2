"""What a reader is given besides the path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from nepforge.data.labels.names import USUAL_NAMES, LabelNames


def no_notice(_text: str) -> None:
    """For callers that only want frames."""


@frozen
class ReadOptions:
    """Choices that a file leaves open.

    `label` names the file in messages, its own name when empty; `part` is "train" or "valid" of a
    folder that has both, "" for the folder as it is; `group_by` is the info key that becomes
    `Frame.group`; `species` are the elements of LAMMPS types 1, 2, ... A reader reports
    through `notice` what it left out or read otherwise than its name says, with the source of the
    frames concerned. `labels` are the names, units and signs of labels in extended XYZ.
    """

    label: str = ""
    part: str = ""
    group_by: str = ""
    species: tuple[str, ...] = ()
    notice: Callable[[str], None] = no_notice
    labels: LabelNames = USUAL_NAMES

    def source(self, path: Path, frame_idx: int) -> str:
        """Name of a frame of a file, counted from 0."""
        return f"{self.label or path.name}:{frame_idx}"
