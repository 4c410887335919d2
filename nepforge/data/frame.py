"""One labelled structure, and a file of many.

Positions are in Å, energies in eV, forces in eV/Å, virials W = -dU/dstrain in eV.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from nepforge.quantities import QUANTITIES, Quantity

OPTIONAL = [quantity for quantity in QUANTITIES if quantity.is_optional]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@frozen(eq=False)
class Frame:
    """One structure and its labels; a missing label is None, never a sentinel.

    `source` says where it came from ("hfo2.xyz:12"), for messages; `group` is the value of the
    recipe's `group_by` key. `converged` is false where the code that made the labels says that its
    electronic steps did not converge. `info` and `columns` are what else a file says: they go
    with the frame from file to file, and training does not see them.
    """

    numbers: IntArray  # [n_atoms] atomic numbers
    positions: FloatArray  # [n_atoms, 3] Å
    cell: FloatArray  # [3, 3] Å, rows are vectors
    pbc: tuple[bool, bool, bool] = (True, True, True)
    energy: float | None = None  # eV, total
    forces: FloatArray | None = None  # [n_atoms, 3] eV/Å
    virial: FloatArray | None = None  # [3, 3] eV
    group: str = ""
    source: str = ""
    weight: float = field(default=1.0)
    atomic_energy: FloatArray | None = None  # [n_atoms] eV
    converged: bool = True
    info: Mapping[str, str] = field(factory=dict)  # key -> text as in extended XYZ
    columns: Mapping[str, NDArray[Any]] = field(factory=dict)  # name -> [n_atoms, ...]

    @property
    def n_atoms(self) -> int:
        return len(self.numbers)

    @property
    def volume(self) -> float:
        """Cell volume in Å³."""
        return float(abs(np.linalg.det(self.cell)))


def save_frames(path: Path, frames: Sequence[Frame]) -> None:
    """Write frames as one .npz; the same frames give the same bytes."""
    counts = np.array([frame.n_atoms for frame in frames], dtype=np.int64)
    arrays: dict[str, Any] = {
        "n_atoms": counts,
        "numbers": np.concatenate([f.numbers for f in frames]),
        "positions": np.concatenate([f.positions for f in frames]),
        "cell": np.stack([f.cell for f in frames]),
        "pbc": np.array([f.pbc for f in frames], dtype=bool),
        "energy": np.array([np.nan if f.energy is None else f.energy for f in frames]),
        "has_forces": np.array([f.forces is not None for f in frames], dtype=bool),
        "has_virial": np.array([f.virial is not None for f in frames], dtype=bool),
        "forces": np.concatenate(
            [np.zeros((f.n_atoms, 3)) if f.forces is None else f.forces for f in frames]
        ),
        "virial": np.stack([np.zeros((3, 3)) if f.virial is None else f.virial for f in frames]),
        "weight": np.array([f.weight for f in frames]),
        "text": np.frombuffer(
            json.dumps([[f.group, f.source] for f in frames]).encode(), dtype=np.uint8
        ),
    }
    for quantity in OPTIONAL:  # rare: left out where no frame has them
        if any(getattr(frame, quantity.field) is not None for frame in frames):
            arrays[quantity.field] = np.concatenate([rows_of(frame, quantity) for frame in frames])
    if not all(f.converged for f in frames):
        arrays["converged"] = np.array([f.converged for f in frames], dtype=bool)
    np.savez(path, **arrays)


def load_frames(path: Path) -> list[Frame]:
    """Read what `save_frames` wrote."""
    with np.load(path, allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    text = json.loads(arrays["text"].tobytes().decode())
    ends = np.cumsum(arrays["n_atoms"])
    frames = []
    for idx, end in enumerate(ends):
        atoms = slice(int(end - arrays["n_atoms"][idx]), int(end))
        energy = float(arrays["energy"][idx])
        optional: dict[str, Any] = {one.field: _stored(arrays, one, atoms, idx) for one in OPTIONAL}
        frames.append(
            Frame(
                numbers=arrays["numbers"][atoms],
                positions=arrays["positions"][atoms],
                cell=arrays["cell"][idx],
                pbc=_flags(arrays["pbc"][idx]),
                energy=None if np.isnan(energy) else energy,
                forces=arrays["forces"][atoms] if arrays["has_forces"][idx] else None,
                virial=arrays["virial"][idx] if arrays["has_virial"][idx] else None,
                group=text[idx][0],
                source=text[idx][1],
                weight=float(arrays["weight"][idx]),
                **optional,
                converged=bool(arrays["converged"][idx]) if "converged" in arrays else True,
            )
        )
    return frames


def rows_of(frame: Frame, quantity: Quantity) -> FloatArray:
    """The label of a frame, nan where it has none, [1 or n_atoms, *shape]."""
    n_rows = 1 if quantity.belongs_to == "frame" else frame.n_atoms
    shape = (n_rows, *quantity.shape)
    value = getattr(frame, quantity.field)
    if value is None:
        return np.full(shape, np.nan)
    return np.asarray(value, dtype=np.float64).reshape(shape)


def _stored(
    arrays: Mapping[str, Any], quantity: Quantity, atoms: slice, frame_idx: int
) -> FloatArray | None:
    if quantity.field not in arrays:
        return None
    at = frame_idx if quantity.belongs_to == "frame" else atoms
    values: FloatArray = arrays[quantity.field][at]
    return None if np.isnan(values).any() else values


def _flags(values: NDArray[np.bool_]) -> tuple[bool, bool, bool]:
    return bool(values[0]), bool(values[1]), bool(values[2])


DIGEST_DECIMALS = 6


def frame_digest(frame: Frame) -> str:
    """Digest of the structure, independent of the order of the atoms.

    Over the cell and the sorted list of (number, wrapped fractional position), rounded to
    `DIGEST_DECIMALS`; labels are not part of it. It identifies what was read, for records that
    are compared later: the same numbers give the same digest. Numbers rounded in a file may give
    another one however close they are, so copies are found by distance, in `copies`.
    """
    cell = np.round(frame.cell, DIGEST_DECIMALS) + 0.0
    periodic = np.array(frame.pbc)
    positions = frame.positions
    if abs(np.linalg.det(frame.cell)) > 0 and periodic.any():
        fractional = np.linalg.solve(frame.cell.T, positions.T).T
        wrapped = np.round(
            fractional - np.where(periodic, np.floor(fractional), 0.0), DIGEST_DECIMALS
        )
        positions = np.where(periodic, wrapped % 1.0, wrapped)
    rows = np.column_stack([frame.numbers, np.round(positions, DIGEST_DECIMALS) + 0.0])
    rows = rows[np.lexsort(rows.T[::-1])]
    content = cell.tobytes() + np.array(frame.pbc, dtype=np.uint8).tobytes() + rows.tobytes()
    return hashlib.sha256(content).hexdigest()


def label_digest(frame: Frame) -> str:
    """Digest of the labels, bit for bit; None and 0 differ.

    Over energy, forces, virial, weight and, where there are some, optional labels, in the order of
    the atoms.
    """
    content = b"".join(
        b"-" if value is None else np.asarray(value, dtype=np.float64).tobytes()
        for value in (frame.energy, frame.forces, frame.virial, frame.weight)
    )
    for quantity in OPTIONAL:
        value = getattr(frame, quantity.field)
        if value is not None:
            content += np.asarray(value, dtype=np.float64).tobytes()
    return hashlib.sha256(content).hexdigest()
