"""The frames of a split as text: digests that tell which frames two runs share."""

from __future__ import annotations

from pathlib import Path

from nepforge.data.frame import frame_digest, label_digest
from nepforge.data.prepare import Split

FRAMES_FILE = "frames.txt"


def write_frame_list(path: Path, split: Split) -> None:
    """One line per frame: set, digest of the structure, digest of the labels, source."""
    lines = [
        f"{name} {frame_digest(frame)} {label_digest(frame)} {frame.source}\n"
        for name, frames in (("train", split.train), ("valid", split.valid))
        for frame in frames
    ]
    path.write_text("".join(lines), encoding="utf-8")
