"""Folders of numpy arrays: pwdata (PWMLFF) and DeePMD, one folder a composition.

Within a folder all frames have the same atoms in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from nepforge.data.frame import FloatArray, Frame
from nepforge.data.writers.losses import Losses
from nepforge.errors import DataError

PWDATA_MISSING_VIRIAL = -1.0e5  # eV, beside frames that have one


def write_pwdata(path: Path, frames: Sequence[Frame], part: str, losses: Losses) -> None:
    """`path/Hf32O64/` for each composition, or `path/Hf32O64/<part>/`.

    It has structures and labels; weights, info keys and columns of frames are `losses`.

    Raises:
        DataError: A frame has no energy or no forces, or is not periodic: pwdata cannot say so.
    """
    for frame in frames:
        if frame.energy is None or frame.forces is None:
            missing = "energy" if frame.energy is None else "forces"
            raise _cannot_hold(frame, "pwdata", f"has no {missing}")
        if not all(frame.pbc) or frame.volume == 0.0:
            raise _cannot_hold(frame, "pwdata", "is not periodic in three directions")
    for name, group in _by_system(frames, lambda _frame: ()).items():
        _write_pwdata_folder(path / name / part, group)
    losses.add_all_of(frames)


def _write_pwdata_folder(folder: Path, frames: Sequence[Frame]) -> None:
    n = frames[0].n_atoms
    numbers = frames[0].numbers.astype(np.int64)
    energies = np.array([[frame.energy] for frame in frames], dtype=np.float64)
    distinct = list(dict.fromkeys(numbers.tolist()))
    fractional = [np.linalg.solve(frame.cell.T, frame.positions.T).T for frame in frames]
    arrays: dict[str, NDArray[Any]] = {
        "atom_type": np.array([distinct], dtype=np.int64),
        "image_type": numbers.reshape(1, n),
        "lattice": _rows([frame.cell for frame in frames]),
        "position": _rows(fractional),
        "energies": energies,
        "ei": _rows([_atomic_energy(frame) for frame in frames]),
        "forces": _rows([frame.forces for frame in frames]),
    }
    if any(frame.virial is not None for frame in frames):
        missing = np.full((3, 3), PWDATA_MISSING_VIRIAL)
        arrays["virials"] = _rows([missing if f.virial is None else f.virial for f in frames])
    _save(folder, arrays)


def _atomic_energy(frame: Frame) -> FloatArray:
    """In pwdata a frame without atomic energies has E/n_atoms."""
    if frame.atomic_energy is not None:
        return frame.atomic_energy
    return np.full(frame.n_atoms, np.array(frame.energy, dtype=np.float64) / frame.n_atoms)


def write_deepmd(path: Path, frames: Sequence[Frame], part: str, losses: Losses) -> None:
    """`path/Hf32O64/` for each composition and kind of labels: DeePMD's plain layout, one set.

    It has structures and labels; weights, info keys and columns of frames are `losses`.

    Raises:
        DataError: A frame is periodic in some directions only: DeePMD knows all or none.
    """
    for frame in frames:
        if any(frame.pbc) and not all(frame.pbc):
            raise _cannot_hold(frame, "DeePMD", "is periodic in some directions only")
    for name, group in _by_system(frames, _deepmd_kind).items():
        _write_deepmd_folder(path / name / part, group)
    losses.add_all_of(frames)


def _deepmd_kind(frame: Frame) -> Hashable:
    labels = (frame.energy, frame.forces, frame.virial, frame.atomic_energy)
    return frame.pbc, tuple(label is None for label in labels)


def _write_deepmd_folder(folder: Path, frames: Sequence[Frame]) -> None:
    first = frames[0]
    symbols = [chemical_symbols[z] for z in first.numbers]
    type_map = list(dict.fromkeys(symbols))
    arrays: dict[str, NDArray[Any]] = {
        "box": _rows([frame.cell for frame in frames]),
        "coord": _rows([frame.positions for frame in frames]),
    }
    if first.energy is not None:
        arrays["energy"] = np.array([frame.energy for frame in frames], dtype=np.float64)
    if first.forces is not None:
        arrays["force"] = _rows([frame.forces for frame in frames])
    if first.virial is not None:
        arrays["virial"] = _rows([frame.virial for frame in frames])
    if first.atomic_energy is not None:
        arrays["atom_ener"] = _rows([frame.atomic_energy for frame in frames])
    _save(folder / "set.000", arrays)
    _write_lines(folder / "type.raw", [str(type_map.index(symbol)) for symbol in symbols])
    _write_lines(folder / "type_map.raw", type_map)
    if not any(first.pbc):
        (folder / "nopbc").touch()


def _by_system(
    frames: Sequence[Frame], kind: Callable[[Frame], Hashable]
) -> dict[str, list[Frame]]:
    """Frames by folder name: the formula, with a number where its atoms or labels differ."""
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


def _rows(arrays: Sequence[Any]) -> NDArray[np.float64]:
    return np.array(arrays, dtype=np.float64).reshape(len(arrays), -1)


def _save(folder: Path, arrays: dict[str, NDArray[Any]]) -> None:
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _cannot_hold(frame: Frame, layout: str, reason: str) -> DataError:
    return DataError(
        f"{frame.source}: {reason}; {layout} cannot hold it", hint="write extended XYZ: --to extxyz"
    )
