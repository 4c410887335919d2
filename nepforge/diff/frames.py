"""Which frames two runs share, from the lists that their data stages wrote."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

FRAMES_FILE = "frames.txt"


@frozen
class FrameChanges:
    """Sources of frames. `changed`: other structure or labels; `moved`: between the sets."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    moved: tuple[str, ...]
    n_frames: tuple[int, int]

    @property
    def any(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.moved)


@frozen
class _Listed:
    part: str  # "train" or "valid"
    structure: str
    labels: str
    source: str


def frame_changes(first: Path, second: Path) -> FrameChanges:
    """Compare two lists by the digests of structures and labels.

    A frame is changed when its structure has other labels, or when its place in the data file
    holds another structure; whatever is left on one side only was added or removed.
    """
    one, two = _read(first), _read(second)
    by_structure = {frame.structure: frame for frame in one}
    there = {frame.structure for frame in two}
    same = [(by_structure[f.structure], f) for f in two if f.structure in by_structure]
    new = {frame.source: frame for frame in two if frame.structure not in by_structure}
    gone = {frame.source: frame for frame in one if frame.structure not in there}
    replaced = [source for source in gone if source in new]
    return FrameChanges(
        added=tuple(source for source in new if source not in gone),
        removed=tuple(source for source in gone if source not in new),
        changed=(*replaced, *(now.source for old, now in same if old.labels != now.labels)),
        moved=tuple(f"{now.source} to {now.part}" for old, now in same if old.part != now.part),
        n_frames=(len(one), len(two)),
    )


def _read(path: Path) -> list[_Listed]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_Listed(*line.split(" ", 3)) for line in lines]
