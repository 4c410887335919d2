"""Extended XYZ that GPUMD and ASE read, with every digit of every number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols

from nepforge.data.error_bars import ErrorBars
from nepforge.data.frame import Frame
from nepforge.units import stress_from_virial


def write_extxyz(path: Path, frames: Sequence[Frame], bars: Sequence[ErrorBars] = ()) -> None:
    """One file: `virial` for GPUMD, and `stress` for ASE where the cell has a volume.

    Args:
        path: A new file.
        frames: Structures and labels.
        bars: Error bars of every frame, written as `energy_std` and `forces_std`; or none.
    """
    with path.open("w", encoding="utf-8") as file:
        for frame, bar in zip_longest(frames, bars):
            file.writelines(f"{line}\n" for line in _lines(frame, bar))


def _lines(frame: Frame, bars: ErrorBars | None) -> Iterator[str]:
    yield str(frame.n_atoms)
    properties = "species:S:1:pos:R:3"
    columns = frame.positions
    if frame.forces is not None:
        properties += ":forces:R:3"
        columns = np.hstack([columns, frame.forces])
    if frame.atomic_energy is not None:
        properties += ":energies:R:1"
        columns = np.column_stack([columns, frame.atomic_energy])
    items = [*_items(frame)]
    if bars is not None:
        items.append(f"energy_std={bars.energy!r}")
        properties += ":forces_std:R:3"
        columns = np.hstack([columns, bars.forces])
    yield " ".join([*items, f"Properties={properties}"])
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
    if not frame.converged:
        yield "converged=F"
    if frame.group:
        yield f'group="{frame.group}"'


def _numbers(values: Iterable[float]) -> str:
    return " ".join(map(repr, values))
