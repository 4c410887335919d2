"""Folders of numpy arrays, one composition each: shared by pwdata and DeePMD."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from nepforge.data.frame import FloatArray, Frame
from nepforge.errors import DataError


def load(folder: Path, name: str) -> FloatArray:
    path = folder / f"{name}.npy"
    if not path.exists():
        raise DataError(f"{folder}: {name}.npy is missing")
    try:
        return np.asarray(np.load(path, allow_pickle=False), dtype=np.float64)
    except Exception as error:  # numpy evaluates the header: damage raises many kinds of exceptions
        raise DataError(f"{path}: cannot be read: {error}") from error


def load_optional(folder: Path, name: str, shape: tuple[int, ...]) -> FloatArray | None:
    return load_shaped(folder, name, shape) if (folder / f"{name}.npy").exists() else None


def load_shaped(folder: Path, name: str, shape: tuple[int, ...]) -> FloatArray:
    array = load(folder, name)
    if array.size != np.prod(shape) or (array.ndim > 1 and len(array) != shape[0]):
        raise DataError(
            f"{folder / (name + '.npy')}: has shape {array.shape}, expected "
            f"{' x '.join(map(str, shape))} numbers as the arrays beside it say"
        )
    return array.reshape(shape)


def by_system(frames: Sequence[Frame], kind: Callable[[Frame], Hashable]) -> dict[str, list[Frame]]:
    """Frames by folder name: the formula, with a number where order or labels differ."""
    groups: dict[Hashable, list[Frame]] = {}
    for frame in frames:
        groups.setdefault((frame.numbers.tobytes(), kind(frame)), []).append(frame)
    named: dict[str, list[Frame]] = {}
    for group in groups.values():
        formula = _formula(group[0])
        same = sum(name.split("_")[0] == formula for name in named)
        named[f"{formula}_{same + 1}" if same else formula] = group
    return named


def _formula(frame: Frame) -> str:
    """ "Hf32O64", elements in the order of the atoms."""
    distinct = dict.fromkeys(frame.numbers.tolist())
    return "".join(f"{chemical_symbols[z]}{np.sum(frame.numbers == z)}" for z in distinct)


def rows(arrays: Sequence[Any]) -> NDArray[np.float64]:
    return np.array(arrays, dtype=np.float64).reshape(len(arrays), -1)


def save(folder: Path, arrays: dict[str, NDArray[Any]]) -> None:
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def cannot_hold(frame: Frame, layout: str, reason: str) -> DataError:
    return DataError(
        f"{frame.source}: {reason}; {layout} cannot hold it", hint="write extended XYZ: --to extxyz"
    )
