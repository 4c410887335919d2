"""Reading files and folders of any format, and the checks that every frame must pass."""

from __future__ import annotations

import lzma
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve

from nepforge.data.formats.options import ReadOptions, no_notice
from nepforge.data.formats.table import BY_NAME
from nepforge.data.frame import Frame
from nepforge.data.labels.names import USUAL_NAMES, LabelNames
from nepforge.data.labels.scales import LabelScales
from nepforge.errors import DataError, DataMissingError
from nepforge.files.content import require_file

LAST_ELEMENT = 118
MOST_WEIGHT = 100.0  # GPUMD's range is (0, 100]
SAME_SHARE = 1.0e-6  # relative; atomic energies this close to a share of the energy are that share


def read_frames(
    path: Path,
    file_format: str,
    part: str = "",
    group_by: str = "",
    species: tuple[str, ...] = (),
    label: str = "",
    notice: Callable[[str], None] = no_notice,
    labels: LabelNames = USUAL_NAMES,
) -> list[Frame]:
    """All frames of a file or folder; missing labels are None.

    Atomic energies that only divide the total energy count as missing, see `_only_shares`.

    Args:
        path: File, which may be compressed, or folder.
        file_format: Name of a row of `table`.
        part: "train" or "valid" of a folder that has both; "" for the whole folder.
        group_by: Name of the info key of extended XYZ that becomes `Frame.group`; "" for none.
        species: Elements of LAMMPS types 1, 2, ...
        label: Name of the file in messages and in `Frame.source`; its own name when empty.
        notice: Told what was left out or read otherwise than its name says.
        labels: Names of labels in extended XYZ; units and signs there and in folders of arrays.

    Raises:
        DataMissingError: It does not exist.
        DataError: Damaged file, frames without atoms, values that are not finite, weights outside
            of GPUMD's range, names or units of labels for a format that has its own, a file that
            was rewritten during reading.
    """
    if not path.exists():
        raise DataMissingError(f"{path}: does not exist")
    _check_labels(label or path.name, file_format, labels)
    options = ReadOptions(label, part, group_by, species, notice, labels)
    before = path.stat()
    try:
        require_file(path)
        with np.errstate(all="ignore"):  # values that are not finite are rejected below
            frames = BY_NAME[file_format].reader()(path, options)
    except PermissionError as error:
        raise DataError(f"{path}: cannot be read: {error}", hint="chmod u+r FILE") from error
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise DataError(
            f"{path}: cannot be read: {error}", hint="the file may be truncated"
        ) from error
    if path.is_file():
        _refuse_changed(path, before, options)
    if not frames:
        raise DataError(f"{path}: contains no frame", hint="check that the file is complete")
    if BY_NAME[file_format].any_unit and labels.given:
        frames = [LabelScales(labels).applied(frame) for frame in frames]
    for frame in frames:
        _check(frame)
    return [evolve(f, atomic_energy=None) if _only_shares(f) else f for f in frames]


def _check_labels(name: str, file_format: str, labels: LabelNames) -> None:
    """Reject options for labels that would be ignored."""
    if file_format == "extxyz":
        return
    for key, value in labels.given.items():
        if not BY_NAME[file_format].any_unit or not key.endswith(("_unit", "_sign")):
            raise DataError(
                f'{name}: {key} = "{value}" is asked for, and {file_format} has labels with names '
                "and units of its own",
                hint="convert the extended XYZ first (nepforge data convert), then read both",
            )


def _refuse_changed(path: Path, before: os.stat_result, options: ReadOptions) -> None:
    """Reject a file that was rewritten during reading; report one that only grew."""
    now = path.stat()
    same = (now.st_ino, now.st_size, now.st_mtime_ns)
    if same == (before.st_ino, before.st_size, before.st_mtime_ns):
        return
    if now.st_ino == before.st_ino and now.st_size > before.st_size:
        name = options.label or path.name
        options.notice(f"{name}: grew while it was read; what came last may be missing")
        return
    raise DataError(
        f"{path}: changed while it was read", hint="wait until it is complete, or read a copy"
    )


def _only_shares(frame: Frame) -> bool:
    """Whether atomic energies are E/n_atoms, or E n_t / sum(n_t^2) for species with n_t atoms.

    Writers of pwdata fill ei.npy with these where the code gives no atomic energies; the second is
    the minimum-norm least-squares solution. Both contain no more than the energy.
    """
    values = frame.atomic_energy
    if values is None or frame.energy is None:
        return False
    _, kinds, counts = np.unique(frame.numbers, return_inverse=True, return_counts=True)
    shares = (np.full(frame.n_atoms, 1.0 / frame.n_atoms), counts[kinds] / np.sum(counts**2))
    limit = SAME_SHARE * np.abs(values).max()
    return any(bool(np.all(np.abs(values - values.sum() * s) <= limit)) for s in shares)


def _check(frame: Frame) -> None:
    if frame.n_atoms == 0:
        raise DataError(f"{frame.source}: has no atoms")
    if frame.numbers.min() < 1 or frame.numbers.max() > LAST_ELEMENT:
        wrong = frame.numbers[(frame.numbers < 1) | (frame.numbers > LAST_ELEMENT)][0]
        raise DataError(f"{frame.source}: {wrong} is not an atomic number")
    _check_finite(frame)
    if not 0.0 < frame.weight <= MOST_WEIGHT:
        raise DataError(
            f"{frame.source}: weight is {frame.weight:g}, expected above 0 and at most "
            f"{MOST_WEIGHT:g}, as in GPUMD",
            hint="correct the weight; to leave a frame out, remove it from the file",
        )


def _check_finite(frame: Frame) -> None:
    arrays: dict[str, Any] = {
        "position": frame.positions,
        "cell": frame.cell,
        "energy": frame.energy,
        "force": frame.forces,
        "virial": frame.virial,
        "weight": frame.weight,
        "atomic energy": frame.atomic_energy,
    }
    for name, array in arrays.items():
        if array is not None and not np.isfinite(array).all():
            where = np.argwhere(~np.isfinite(np.atleast_1d(array)))[0]
            raise DataError(
                f"{frame.source}: {name} {where.tolist()} is not a finite number",
                hint="remove the frame or the label from the file",
            )
