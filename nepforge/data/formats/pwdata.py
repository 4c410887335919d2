"""pwdata, the arrays of PWMLFF and MatPL: a folder for each composition.

Within a folder all frames have the same atoms in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepforge.data.formats.arrays import (
    by_system,
    cannot_hold,
    load,
    load_optional,
    load_shaped,
    rows,
    save,
)
from nepforge.data.formats.folders import folders_of
from nepforge.data.formats.losses import Losses
from nepforge.data.formats.options import ReadOptions
from nepforge.data.frame import FloatArray, Frame, IntArray
from nepforge.errors import DataError

MISSING_VIRIAL = -1.0e5  # eV: what PWmat's tools write for a missing virial


def read_pwdata(path: Path, options: ReadOptions) -> list[Frame]:
    """Folders of one composition each, or a tree of them.

    With a part, every folder of that name below `path` is read; without, `path` itself.
    """
    frames = []
    for folder, label in folders_of(path, "pwdata", options):
        frames += _read_folder(folder, label)
    return frames


def _read_folder(folder: Path, label: str) -> list[Frame]:
    numbers = _to_numbers(load(folder, "image_type").ravel(), label)
    n = len(numbers)
    energies = load(folder, "energies").reshape(-1)
    n_frames = len(energies)
    cells = load_shaped(folder, "lattice", (n_frames, 3, 3))
    fractional = load_shaped(folder, "position", (n_frames, n, 3))
    forces = load_shaped(folder, "forces", (n_frames, n, 3))
    has_virial = (folder / "virials.npy").exists()
    virials = load_shaped(folder, "virials", (n_frames, 3, 3)) if has_virial else None
    atomic = load_optional(folder, "ei", (n_frames, n))
    frames = []
    for idx in range(n_frames):
        virial = None if virials is None else virials[idx]
        if virial is not None and (virial <= MISSING_VIRIAL).any():
            virial = None
        frames.append(
            Frame(
                numbers=numbers,
                positions=fractional[idx] @ cells[idx],
                cell=cells[idx],
                energy=float(energies[idx]),
                forces=forces[idx],
                virial=virial,
                source=f"{label}:{idx}",
                atomic_energy=None if atomic is None else atomic[idx],
            )
        )
    return frames


def _to_numbers(values: FloatArray, label: str) -> IntArray:
    if not np.isfinite(values).all() or (values != np.floor(values)).any():
        raise DataError(f"{label}: image_type.npy holds no atomic numbers")
    return values.astype(np.int64)


def write_pwdata(path: Path, frames: Sequence[Frame], part: str, losses: Losses) -> None:
    """`path/Hf32O64/` for each composition, or `path/Hf32O64/<part>/`.

    Structures and labels are written; weights, info keys and columns of frames are `losses`.

    Raises:
        DataError: A frame has no energy or no forces, or is not periodic: pwdata cannot hold it.
    """
    for frame in frames:
        if frame.energy is None or frame.forces is None:
            missing = "energy" if frame.energy is None else "forces"
            raise cannot_hold(frame, "pwdata", f"has no {missing}")
        if not all(frame.pbc) or frame.volume == 0.0:
            raise cannot_hold(frame, "pwdata", "is not periodic in three directions")
    for name, group in by_system(frames, lambda _frame: ()).items():
        _write_folder(path / name / part, group)
    losses.add_all_of(frames)


def _write_folder(folder: Path, frames: Sequence[Frame]) -> None:
    n = frames[0].n_atoms
    numbers = frames[0].numbers.astype(np.int64)
    energies = np.array([[frame.energy] for frame in frames], dtype=np.float64)
    distinct = list(dict.fromkeys(numbers.tolist()))
    fractional = [np.linalg.solve(frame.cell.T, frame.positions.T).T for frame in frames]
    arrays: dict[str, NDArray[Any]] = {
        "atom_type": np.array([distinct], dtype=np.int64),
        "image_type": numbers.reshape(1, n),
        "lattice": rows([frame.cell for frame in frames]),
        "position": rows(fractional),
        "energies": energies,
        "ei": rows([_atomic_energy(frame) for frame in frames]),
        "forces": rows([frame.forces for frame in frames]),
    }
    if any(frame.virial is not None for frame in frames):
        missing = np.full((3, 3), MISSING_VIRIAL)
        arrays["virials"] = rows([missing if f.virial is None else f.virial for f in frames])
    save(folder, arrays)


def _atomic_energy(frame: Frame) -> FloatArray:
    """Atomic energies; pwdata has E/n_atoms for a frame without them."""
    if frame.atomic_energy is not None:
        return frame.atomic_energy
    return np.full(frame.n_atoms, np.array(frame.energy, dtype=np.float64) / frame.n_atoms)
