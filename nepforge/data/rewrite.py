"""From data files to data files: convert, merge, select, split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nepforge.data.copies import group_copies
from nepforge.data.datasets import Reading, load, require_format
from nepforge.data.formats.table import BY_NAME, WRITTEN
from nepforge.data.formats.write import write_frames, write_parts
from nepforge.data.frame import Frame
from nepforge.data.kept_copies import kept_copies
from nepforge.data.prepare import Split, split_by_fraction
from nepforge.data.select import Describe, Selected, select
from nepforge.data.sources import PARTS
from nepforge.errors import UsageError

TRAIN, VALID = PARTS


def rewrite_files(
    paths: Sequence[Path],
    out: Path,
    to: str = "",
    *,
    reading: Reading,
    shuffle_seed: int | None = None,
    drop_copies: bool = False,
) -> list[Frame]:
    """Read files and write all their frames into one.

    Args:
        paths: Files or folders in any format that is read.
        out: A new file (extxyz) or folder (pwdata, deepmd).
        to: Format of `out`; recognised by its name when empty.
        reading: How `paths` are read.
        shuffle_seed: Seed of a random order; the order of the files when None.
        drop_copies: Keep one frame of each structure, see `kept_copies`.

    Returns:
        The frames as written.
    """
    file_format = output_format(out, to)
    frames = load(paths, reading)
    if drop_copies:
        frames = kept_copies(_copies(frames), reading.notice)
    if shuffle_seed is not None:
        order = np.random.default_rng(shuffle_seed).permutation(len(frames))
        frames = [frames[idx] for idx in order]
    write_frames(out, file_format, frames, reading.notice)
    return frames


def _copies(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Frames grouped by structure, in order."""
    return [[frames[idx] for idx in group] for group in group_copies(frames)]


def select_from_files(
    paths: Sequence[Path],
    out: Path,
    to: str,
    keys: Mapping[str, Any],
    *,
    seed: int = 0,
    describe: Describe,
    reading: Reading,
) -> Selected:
    """Read files and write the frames selected by `keys`, those of `[data.select]`, into one.

    `describe` gives vectors of frames for farthest-point sampling.

    Raises:
        UsageError: A value cannot be read, or the format of `out` is not known.
        DataError: No frame is selected, or as `load`.
    """
    file_format = output_format(out, to)
    rng = np.random.default_rng(seed)
    selected = select(load(paths, reading), keys, rng, describe)
    write_frames(out, file_format, selected.frames)
    return selected


def split_files(
    paths: Sequence[Path],
    out: Path,
    ratio: float,
    seed: int,
    to: str,
    *,
    reading: Reading,
) -> Split:
    """Read files and write about `ratio` of the frames as train, the others as valid, into `out`.

    Frames are drawn at random; copies of one structure stay on one side.
    """
    file_format = require_format(to, WRITTEN)
    rng = np.random.default_rng(seed)
    parts = split_by_fraction(load(paths, reading), 1.0 - ratio, rng)
    write_parts(out, file_format, {TRAIN: parts.train, VALID: parts.valid}, reading.notice)
    return parts


def output_format(out: Path, to: str) -> str:
    """The format to write: the one requested, or the one that the name of `out` implies.

    Raises:
        UsageError: Neither is known.
    """
    if to:
        return require_format(to, WRITTEN)
    for name in WRITTEN:
        if out.suffix.lower() in BY_NAME[name].suffixes:
            return name
    raise UsageError(
        f"{out}: its name does not imply a format", hint=f"--to {' or --to '.join(WRITTEN)}"
    )
