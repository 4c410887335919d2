"""Frames of data files: of one set, or of training and validation.

Formats are recognised as in recipes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

from attrs import evolve, frozen

from nepforge.data.doctor import DataSet
from nepforge.data.doctor.examine import find_unconverged
from nepforge.data.formats.options import no_notice
from nepforge.data.formats.read import read_frames
from nepforge.data.formats.table import BY_NAME, BY_PWMLFF_NAME, LAYOUTS
from nepforge.data.frame import Frame
from nepforge.data.labels.names import USUAL_NAMES, LabelNames
from nepforge.data.short_names import short_names
from nepforge.data.sources import PARTS, SourceError, data_source, has_parts
from nepforge.data.unconverged import leave_out_unconverged
from nepforge.errors import DataError, DataMissingError, UsageError

TRAIN, VALID = PARTS


@frozen
class Reading:
    """How files are read: `part` of folders that have train/ and valid/ below them, `file_format`
    instead of the one recognised by name and content, `species` of LAMMPS types 1, 2, ...,
    `group_by` the info key of extended XYZ that is kept, `labels` the names, units and signs of
    labels.
    `notice` is told what the readers left out. `unconverged`: whether frames whose electronic steps
    did not converge are kept, or left out with a notice."""

    part: str = ""
    file_format: str = ""
    species: tuple[str, ...] = ()
    group_by: str = ""
    notice: Callable[[str], None] = no_notice
    labels: LabelNames = USUAL_NAMES
    unconverged: Literal["keep", "leave-out"] = "keep"


def load(paths: Sequence[Path], reading: Reading = Reading()) -> list[Frame]:
    """All frames of the files, in the order given.

    Raises:
        DataMissingError: A file does not exist.
        DataError: A file has no known format, is damaged, or holds train/ and valid/ and no part
            is requested.
    """
    names = _names(paths)
    frames = [frame for path in paths for frame in _read(path, reading, names)]
    if reading.unconverged == "keep":
        return frames
    kept, left_out = leave_out_unconverged(frames)
    if left_out:
        found = next(find_unconverged(DataSet(kept, left_out=left_out)))
        reading.notice(found.text)
    return kept


def load_sets(
    paths: Sequence[Path],
    validation: Sequence[Path] = (),
    reading: Reading = Reading(),
) -> DataSet:
    """Training and validation frames; a folder with train/ and valid/ contributes to both.

    Raises:
        DataMissingError, DataError: As `load`.
    """
    names = _names([*paths, *validation])
    notices: list[str] = []
    reading = evolve(reading, notice=notices.append)
    train: list[Frame] = []
    valid: list[Frame] = []
    for path in paths:
        train += _read(path, evolve(reading, part=TRAIN), names)
        if path.is_dir() and has_parts(path) and path not in validation:
            valid += _read(path, evolve(reading, part=VALID), names)
    for path in validation:
        valid += _read(path, evolve(reading, part=VALID), names)
    left_out: list[Frame] = []
    if reading.unconverged == "leave-out":
        train, of_train = leave_out_unconverged(train)
        valid, of_valid = leave_out_unconverged(valid)
        left_out = [*of_train, *of_valid]
    return DataSet(train, valid, reading.species, notices=tuple(notices), left_out=left_out)


def _names(paths: Sequence[Path]) -> dict[Path, str]:
    return short_names(path.absolute() for path in paths)


def _read(path: Path, reading: Reading, names: Mapping[Path, str]) -> list[Frame]:
    file_format, part = _layout(path, reading)
    return read_frames(
        path,
        file_format,
        part,
        group_by=reading.group_by,
        species=reading.species,
        label=names[path.absolute()],
        notice=reading.notice,
        labels=reading.labels,
    )


def _layout(path: Path, reading: Reading) -> tuple[str, str]:
    """Format of a file, and the part of a folder that is read."""
    if not path.exists():
        raise DataMissingError(f"{path}: does not exist")
    if path.is_dir() and has_parts(path) and not reading.part:
        raise DataError(
            f"{path}: has train/ and valid/ below it, which do not belong in one set",
            hint="--part train or --part valid",
        )
    if reading.file_format:
        name = require_format(BY_PWMLFF_NAME.get(reading.file_format, reading.file_format), BY_NAME)
        _require_its_shape(path, name)
        return name, reading.part if has_parts(path) else ""
    try:
        source = data_source(path, reading.part)
    except SourceError as error:
        is_open = path.is_dir() or "format" in error.message
        hint = f"{error.hint}; --from names it" if is_open else error.hint
        raise DataError(f"{path}: {error.message}", hint=hint) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}", hint="check its permissions") from error
    return source.format, source.part


def _require_its_shape(path: Path, file_format: str) -> None:
    """A named format is either one of files or one of folders."""
    is_of_folders = file_format in LAYOUTS
    if path.is_file() if is_of_folders else path.is_dir():
        shapes = ("file", "folders") if is_of_folders else ("folder", "files")
        raise DataError(
            f"{path}: is a {shapes[0]}, {file_format} is a format of {shapes[1]}",
            hint="omit the format: it is recognised by name and content",
        )


def require_format(name: str, table: Collection[str]) -> str:
    """The name of a format, if it is in the table.

    Raises:
        UsageError: It is not.
    """
    if name not in table:
        raise UsageError(f'"{name}" is not a format, expected one of {", ".join(table)}')
    return name
