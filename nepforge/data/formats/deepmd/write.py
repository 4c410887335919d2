"""DeePMD's plain layout: a folder for each composition and kind of labels."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from nepforge.data.formats.arrays import by_system, cannot_hold, rows, save
from nepforge.data.formats.losses import Losses
from nepforge.data.frame import Frame


def write_deepmd(path: Path, frames: Sequence[Frame], part: str, losses: Losses) -> None:
    """`path/Hf32O64/` for each composition and kind of labels: DeePMD's plain layout, one set.

    Structures and labels are written; weights, info keys and columns of frames are `losses`.

    Raises:
        DataError: A frame is periodic in some directions only: DeePMD has all or none.
    """
    for frame in frames:
        if any(frame.pbc) and not all(frame.pbc):
            raise cannot_hold(frame, "DeePMD", "is periodic in some directions only")
    for name, group in by_system(frames, _kind).items():
        _write_folder(path / name / part, group)
    losses.add_all_of(frames)


def _kind(frame: Frame) -> Hashable:
    labels = (frame.energy, frame.forces, frame.virial, frame.atomic_energy)
    return frame.pbc, tuple(label is None for label in labels)


def _write_folder(folder: Path, frames: Sequence[Frame]) -> None:
    first = frames[0]
    symbols = [chemical_symbols[z] for z in first.numbers]
    type_map = list(dict.fromkeys(symbols))
    arrays: dict[str, NDArray[Any]] = {
        "box": rows([frame.cell for frame in frames]),
        "coord": rows([frame.positions for frame in frames]),
    }
    if first.energy is not None:
        arrays["energy"] = np.array([frame.energy for frame in frames], dtype=np.float64)
    if first.forces is not None:
        arrays["force"] = rows([frame.forces for frame in frames])
    if first.virial is not None:
        arrays["virial"] = rows([frame.virial for frame in frames])
    if first.atomic_energy is not None:
        arrays["atom_ener"] = rows([frame.atomic_energy for frame in frames])
    save(folder / "set.000", arrays)
    _write_lines(folder / "type.raw", [str(type_map.index(symbol)) for symbol in symbols])
    _write_lines(folder / "type_map.raw", type_map)
    if not any(first.pbc):
        (folder / "nopbc").touch()


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
