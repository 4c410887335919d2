"""Writing frames to a new file or folder of any format that has a writer."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from nepforge.data.error_bars import ErrorBars
from nepforge.data.formats.extxyz.write import write_extxyz
from nepforge.data.formats.losses import Losses, Notice
from nepforge.data.formats.options import no_notice
from nepforge.data.formats.table import BY_NAME
from nepforge.data.frame import Frame
from nepforge.errors import UsageError

_REASONS = {"extxyz": "extended XYZ keeps these names for labels that it writes itself"}


def write_frames(
    path: Path, file_format: str, frames: Sequence[Frame], notice: Notice = no_notice
) -> None:
    """Write frames to a new file (extxyz) or a new folder (pwdata, deepmd).

    `notice` is told once what the format cannot hold: weights, info keys, columns.

    Raises:
        UsageError: `path` exists.
        DataError: The format cannot hold one of the frames.
    """
    losses = _losses(file_format)
    with _new(path) as scratch:
        BY_NAME[file_format].writer()(scratch, frames, "", losses)
    losses.tell(notice)


def write_predictions(path: Path, frames: Sequence[Frame], bars: Sequence[ErrorBars]) -> None:
    """Write frames to a new file of extended XYZ, with their error bars when there are any.

    Raises:
        UsageError: `path` exists.
    """
    with _new(path) as scratch:
        write_extxyz(scratch, frames, bars, losses=_losses("extxyz"))


def write_parts(
    path: Path,
    file_format: str,
    parts: Mapping[str, Sequence[Frame]],
    notice: Notice = no_notice,
) -> None:
    """Write each part ("train", "valid") into a new folder.

    extxyz: `path/train.xyz`; pwdata and deepmd: `path/Hf32O64/train/`, and one recipe entry
    reads both parts.

    Raises:
        UsageError: `path` exists.
        DataError: The format cannot hold one of the frames.
    """
    losses = _losses(file_format)
    with _new(path) as scratch:
        scratch.mkdir()
        for part, frames in parts.items():
            BY_NAME[file_format].writer()(scratch, frames, part, losses)
    losses.tell(notice)


def _losses(file_format: str) -> Losses:
    return Losses(_REASONS.get(file_format, f"{file_format} has no place for it, extxyz has"))


@contextmanager
def _new(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it when everything is written."""
    if path.exists():
        raise UsageError(f"{path} exists", hint="name a new file or folder, or remove it")
    scratch = path.with_name(f".{path.name}.part")
    _remove(scratch)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield scratch
        scratch.rename(path)
    finally:
        _remove(scratch)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
