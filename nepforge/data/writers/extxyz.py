"""Extended XYZ that GPUMD and ASE read, with every digit of every number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols

from nepforge.data.frame import Frame
from nepforge.units import stress_from_virial


def write_extxyz(path: Path, frames: Sequence[Frame]) -> None:
    """One file: `virial` for GPUMD, and `stress` for ASE where the cell has a volume."""
    with path.open("w", encoding="utf-8") as file:
        for frame in frames:
            file.writelines(f"{line}\n" for line in _lines(frame))


def _lines(frame: Frame) -> Iterator[str]:
    yield str(frame.n_atoms)
    properties = "species:S:1:pos:R:3"
    columns = frame.positions
    if frame.forces is not None:
        properties += ":forces:R:3"
        columns = np.hstack([columns, frame.forces])
    if frame.atomic_energy is not None:
        properties += ":energies:R:1"
        columns = np.column_stack([columns, frame.atomic_energy])
    yield " ".join([*_items(frame), f"Properties={properties}"])
    for z, row in zip(frame.numbers.tolist(), columns.tolist(), strict=True):
        yield f"{chemical_symbols[z]} {_numbers(row)}"


def _items(frame: Frame) -> Iterator[str]:
    has_volume = frame.volume > 0.0
    if has_volume or any(frame.pbc):
        yield f'Lattice="{_numbers(frame.cell.ravel().tolist())}"'
    yield f'pbc="{" ".join("T" if flag else "F" for flag in frame.pbc)}"'
    if frame.energy is not None:
        yield f"energy={frame.energy!r}"
    if frame.virial is not None:
        yield f'virial="{_numbers(frame.virial.ravel().tolist())}"'
        if has_volume:
            stress = stress_from_virial(frame.virial, frame.volume)
            yield f'stress="{_numbers(stress.ravel().tolist())}"'
    if frame.weight != 1.0:
        yield f"weight={frame.weight!r}"
    if frame.group:
        yield f'group="{frame.group}"'


def _numbers(values: Iterable[float]) -> str:
    return " ".join(map(repr, values))
