"""DeePMD systems as text: coord.raw, box.raw, ..., one frame per line, no set.* folders.

Units and signs are those of the arrays (Å, eV, eV/Å, W = -dU/dstrain). Types count from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nepforge.data.formats.text.words import open_text, to_floats
from nepforge.data.frame import FloatArray, Frame, IntArray
from nepforge.errors import DataError


def read_raw_system(folder: Path, numbers: IntArray) -> list[Frame]:
    """Frames of `numbers`, one per line of coord.raw; a missing file is a missing label.

    Raises:
        DataError: coord.raw is missing, or box.raw of a periodic system, or files are inconsistent.
    """
    n = len(numbers)
    periodic = not (folder / "nopbc").exists()
    positions = _rows(folder, "coord", 3 * n)
    if positions is None:
        raise DataError(f"{folder}: has neither set.* folders nor coord.raw")
    n_frames = len(positions)
    cells = _rows(folder, "box", 9, n_frames)
    if cells is None and periodic:
        raise DataError(
            f"{folder}: box.raw is missing", hint="a file `nopbc` marks systems without a box"
        )
    energies = _rows(folder, "energy", 1, n_frames)
    forces = _rows(folder, "force", 3 * n, n_frames)
    virials = _rows(folder, "virial", 9, n_frames)
    atomic = _rows(folder, "atom_ener", n, n_frames)
    return [
        Frame(
            numbers=numbers,
            positions=positions[idx].reshape(n, 3),
            cell=np.zeros((3, 3)) if cells is None else cells[idx].reshape(3, 3),
            pbc=(periodic,) * 3,
            energy=None if energies is None else float(energies[idx, 0]),
            forces=None if forces is None else forces[idx].reshape(n, 3),
            virial=None if virials is None else virials[idx].reshape(3, 3),
            atomic_energy=None if atomic is None else atomic[idx],
        )
        for idx in range(n_frames)
    ]


def _rows(folder: Path, name: str, width: int, n_rows: int | None = None) -> FloatArray | None:
    """The numbers of a file, [n_rows, width]; None if it does not exist."""
    path = folder / f"{name}.raw"
    if not path.exists():
        return None
    with open_text(path) as stream:
        rows: Sequence[list[str]] = [words for line in stream if (words := line.split())]
    for idx, row in enumerate(rows):
        if len(row) != width:
            raise DataError(f"{path}:{idx + 1}: has {len(row)} numbers, expected {width}")
    if n_rows is not None and len(rows) != n_rows:
        raise DataError(f"{path}: has {len(rows)} lines, coord.raw has {n_rows}")
    words = [word for row in rows for word in row]
    return to_floats(words, str(path)).reshape(len(rows), width)
