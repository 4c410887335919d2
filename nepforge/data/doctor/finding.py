"""A finding of the doctor, and the data that it examines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from attrs import field, frozen

from nepforge.data.frame import Frame

Level = Literal["error", "warning", "info"]
SHOWN_FRAMES = 4  # in the text; `frames` has them all


@frozen
class Finding:
    """One finding about the data. Errors make training worthless, warnings need a decision.

    `code` is a stable name for programs; `frames` are the sources of the frames concerned.
    """

    level: Level
    code: str
    text: str
    frames: tuple[str, ...] = ()


@frozen(eq=False)
class DataSet:
    """Frames for training and validation as read, and what the recipe says about them.

    `species` is empty and `cutoff` (Å) None when nothing is known of the model. `notices` are what
    the readers reported, `left_out` the frames excluded because they did not converge.
    """

    train: Sequence[Frame]
    valid: Sequence[Frame] = ()
    species: tuple[str, ...] = ()
    cutoff: float | None = None
    notices: tuple[str, ...] = ()
    left_out: Sequence[Frame] = ()
    frames: tuple[Frame, ...] = field(init=False)

    @frames.default
    def _all_frames(self) -> tuple[Frame, ...]:
        return (*self.train, *self.valid)


def finding(level: Level, code: str, text: str, frames: Iterable[Frame] = ()) -> Finding:
    """A finding that names its first frames in the text."""
    sources = tuple(frame.source for frame in frames)
    if sources:
        more = f" and {len(sources) - SHOWN_FRAMES} more" if len(sources) > SHOWN_FRAMES else ""
        text = f"{text}: {', '.join(sources[:SHOWN_FRAMES])}{more}"
    return Finding(level, code, text, sources)


def file_of(frame: Frame) -> str:
    """The file that a frame was read from: its source without the number."""
    return frame.source.rpartition(":")[0]


def by_file(frames: Iterable[Frame]) -> dict[str, list[Frame]]:
    """Frames by the file that they come from, in order."""
    files: dict[str, list[Frame]] = {}
    for frame in frames:
        files.setdefault(file_of(frame), []).append(frame)
    return files


def has_cell(frame: Frame) -> bool:
    """Whether distances can be measured: no periodicity, or a cell with a volume."""
    return not any(frame.pbc) or frame.volume > SMALLEST_VOLUME


SMALLEST_VOLUME = 1.0e-3  # Å³
