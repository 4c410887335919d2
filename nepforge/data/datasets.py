"""Data files by name: read any known format, convert, split, summarize, examine.

The functions behind `nepforge data`; the formats are told as recipes tell them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from attrs import evolve, frozen

from nepforge.data.copies import group_copies
from nepforge.data.doctor import DataSet
from nepforge.data.doctor.examine import find_unconverged
from nepforge.data.doctor.finding import by_file
from nepforge.data.doctor.structure import composition_of
from nepforge.data.formats.options import no_notice
from nepforge.data.formats.read import read_frames
from nepforge.data.formats.table import BY_NAME, BY_PWMLFF_NAME, LAYOUTS, WRITTEN
from nepforge.data.formats.write import write_frames, write_parts
from nepforge.data.frame import Frame
from nepforge.data.kept_copies import kept_copies
from nepforge.data.labels.names import USUAL_NAMES, LabelNames
from nepforge.data.prepare import Split, split_by_fraction
from nepforge.data.select import Describe, Selected
from nepforge.data.select import select as select_frames
from nepforge.data.short_names import short_names
from nepforge.data.sources import PARTS, SourceError, data_source, has_parts
from nepforge.data.unconverged import leave_out_unconverged
from nepforge.errors import DataError, DataMissingError, UsageError
from nepforge.units import EV_PER_A3_IN_GPA

TRAIN, VALID = PARTS


@frozen
class Reading:
    """How files are read: `part` of folders that have train/ and valid/ below them, `file_format`
    in place of the one told by name and content, `species` of LAMMPS types 1, 2, ..., `group_by`
    the info key of extended XYZ that is kept, `labels` the names, units and signs of labels.
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
        DataError: A file has no known format, is damaged, or holds train/ and valid/ while no part
            is asked for.
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
    """Training and validation frames; a folder with train/ and valid/ gives to both.

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
        name = _known(BY_PWMLFF_NAME.get(reading.file_format, reading.file_format), BY_NAME)
        _require_its_shape(path, name)
        return name, reading.part if has_parts(path) else ""
    try:
        source = data_source(path, reading.part)
    except SourceError as error:
        is_open = path.is_dir() or "format" in error.message
        hint = f"{error.hint}; --from names it" if is_open else error.hint
        raise DataError(f"{path}: {error.message}", hint=hint) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}", hint="look at its rights") from error
    return source.format, source.part


def _require_its_shape(path: Path, file_format: str) -> None:
    """A format that is named is one of files or one of folders."""
    is_of_folders = file_format in LAYOUTS
    if path.is_file() if is_of_folders else path.is_dir():
        shapes = ("file", "folders") if is_of_folders else ("folder", "files")
        raise DataError(
            f"{path}: is a {shapes[0]}, {file_format} is a format of {shapes[1]}",
            hint="leave the format out: name and content tell it",
        )


def _known(name: str, table: Collection[str]) -> str:
    if name not in table:
        raise UsageError(f'"{name}" is no format, expected one of {", ".join(table)}')
    return name


def convert(
    paths: Sequence[Path],
    out: Path,
    to: str = "",
    *,
    reading: Reading = Reading(),
    shuffle_seed: int | None = None,
    drop_copies: bool = False,
) -> list[Frame]:
    """Read files and write all their frames into one.

    Args:
        paths: Files or folders in any format that is read.
        out: A new file (extxyz) or folder (pwdata, deepmd).
        to: Format of `out`; told by its name when empty.
        reading: How `paths` are read.
        shuffle_seed: Seed of the order; the order of the files when None.
        drop_copies: Keep only one of the frames that are one structure, see `kept_copies`.

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
    """The frames that are one structure, structures and frames in order."""
    return [[frames[idx] for idx in group] for group in group_copies(frames)]


def select(
    paths: Sequence[Path],
    out: Path,
    to: str,
    keys: Mapping[str, Any],
    *,
    seed: int = 0,
    describe: Describe,
    reading: Reading = Reading(),
) -> Selected:
    """Read files and write the frames that `keys` leave, those of `[data.select]`, into one.

    `describe` gives vectors of frames for farthest-point sampling.

    Raises:
        UsageError: A value that cannot be read, or no format for `out`.
        DataError: No frame is left, or as `load`.
    """
    file_format = output_format(out, to)
    rng = np.random.default_rng(seed)
    selected = select_frames(load(paths, reading), keys, rng, describe)
    write_frames(out, file_format, selected.frames)
    return selected


def split(
    paths: Sequence[Path],
    out: Path,
    ratio: float,
    seed: int,
    to: str,
    *,
    reading: Reading = Reading(),
) -> Split:
    """Read files and write about `ratio` of the frames as train, the others as valid, into `out`.

    Frames are drawn by the seed; copies of one structure stay on one side.
    """
    file_format = _known(to, WRITTEN)
    rng = np.random.default_rng(seed)
    parts = split_by_fraction(load(paths, reading), 1.0 - ratio, rng)
    write_parts(out, file_format, {TRAIN: parts.train, VALID: parts.valid}, reading.notice)
    return parts


def output_format(out: Path, to: str) -> str:
    """The format to write: the one asked for, or the one that the name of `out` tells.

    Raises:
        UsageError: Neither says.
    """
    if to:
        return _known(to, WRITTEN)
    if out.suffix.lower() in (".xyz", ".extxyz"):
        return "extxyz"
    raise UsageError(f"{out}: its name tells no format", hint=f"--to {' or --to '.join(WRITTEN)}")


@frozen
class Summary:
    """Facts about the frames of one file. A range is (smallest, largest), None without labels."""

    name: str
    n_frames: int
    n_atoms: tuple[int, int]
    compositions: dict[str, int]  # formula -> frames
    volume: tuple[float, float] | None  # Å³/atom, of cells that have one
    energy: tuple[float, float] | None  # eV/atom
    force_rms: float | None  # eV/Å
    force_max: float | None  # eV/Å, length of a force
    pressure_gpa: tuple[float, float] | None  # tr W / (3V), without the kinetic part
    n_without: dict[str, int]  # energy, forces, virial -> frames that lack it
    n_unconverged: int  # frames whose electronic steps did not converge


def summarize(frames: Sequence[Frame]) -> list[Summary]:
    """One summary a file, in order."""
    return [_summary(name, of_file) for name, of_file in by_file(frames).items()]


def _summary(name: str, frames: Sequence[Frame]) -> Summary:
    forces = [frame.forces for frame in frames if frame.forces is not None]
    lengths = np.linalg.norm(np.concatenate(forces), axis=1) if forces else None
    return Summary(
        name=name,
        n_frames=len(frames),
        n_atoms=(min(f.n_atoms for f in frames), max(f.n_atoms for f in frames)),
        compositions=dict(Counter(composition_of(frame) for frame in frames)),
        volume=_range([f.volume / f.n_atoms for f in frames if f.volume > 0.0]),
        energy=_range([f.energy / f.n_atoms for f in frames if f.energy is not None]),
        force_rms=None if lengths is None else float(np.sqrt(np.mean(lengths**2) / 3.0)),
        force_max=None if lengths is None else float(lengths.max()),
        pressure_gpa=_range([p for f in frames if (p := _pressure_gpa(f)) is not None]),
        n_without={
            label: sum(getattr(frame, label) is None for frame in frames)
            for label in ("energy", "forces", "virial")
        },
        n_unconverged=sum(not frame.converged for frame in frames),
    )


def _range(values: Sequence[float]) -> tuple[float, float] | None:
    return (float(min(values)), float(max(values))) if values else None


def _pressure_gpa(frame: Frame) -> float | None:
    if frame.virial is None or frame.volume == 0.0:
        return None
    return EV_PER_A3_IN_GPA * float(np.trace(frame.virial)) / (3.0 * frame.volume)
