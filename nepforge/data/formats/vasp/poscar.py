"""POSCAR and XDATCAR of VASP: one structure, or the positions of every step of a run."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from nepforge.data.formats.ase_atoms import ase_reader
from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.words import open_text
from nepforge.data.frame import Frame
from nepforge.errors import DataError

_STEP = "configuration="  # "Direct configuration=     1", in place of "Direct"
_HEADER = 9  # lines of a POSCAR before its first position
_COUNTS = 5  # lines of a POSCAR before the numbers of atoms, or of the elements


def read_poscar(path: Path, options: ReadOptions) -> list[Frame]:
    """The structure of a POSCAR, all of an XDATCAR.

    Raises:
        DataError: It is not a POSCAR, an atom has not three coordinates, or the XDATCAR has fewer
            structures than titles of steps.
    """
    with open_text(path) as stream:
        is_run = any(_STEP in line for line in islice(stream, _HEADER))
        stream.seek(0)
        lines = stream.read().split("\n")
    if not is_run:
        (frame,) = ase_reader("vasp")(path, options)
        _check_positions(path, lines, _title_of_positions(lines), frame.n_atoms)
        return [frame]
    titles = [idx for idx, line in enumerate(lines) if _STEP in line]
    n_steps = len(titles)
    frames = ase_reader("vasp-xdatcar")(path, options)
    for title, frame in zip(titles, frames, strict=False):
        _check_positions(path, lines, title, frame.n_atoms)
    if len(frames) != n_steps:
        raise DataError(
            f"{path.name}: has {n_steps} steps, {len(frames)} of them could be read",
            hint="the file may be truncated: remove the last step",
        )
    return frames


def _title_of_positions(lines: Sequence[str]) -> int:
    """Index of the line Direct or Cartesian; VASP looks at its first letter."""
    below = enumerate(lines[_COUNTS + 1 :], start=_COUNTS + 1)
    return next((idx for idx, line in below if line.strip()[:1].lower() in {"d", "c", "k"}), 0)


def _check_positions(path: Path, lines: Sequence[str], title: int, n_atoms: int) -> None:
    """ASE takes one number of a line that was cut for all three coordinates."""
    for idx in range(title + 1, title + 1 + n_atoms):
        if len(lines[idx].split()) < 3:
            raise DataError(
                f'{path.name}: line {idx + 1}: found "{lines[idx].strip()}", expected the three '
                "coordinates of an atom",
                hint="the file may be cut: copy it again, or complete the line",
            )
