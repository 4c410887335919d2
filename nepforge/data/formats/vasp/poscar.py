"""POSCAR and XDATCAR of VASP: one structure, or the positions of every step of a run."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from nepforge.data.formats.ase_atoms import ase_reader
from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.words import open_text
from nepforge.data.frame import Frame
from nepforge.errors import DataError

_STEP = "configuration="  # "Direct configuration=     1", in place of "Direct"
_HEADER = 9  # lines of a POSCAR before its first position


def read_poscar(path: Path, options: ReadOptions) -> list[Frame]:
    """The structure of a POSCAR, all of an XDATCAR.

    Raises:
        DataError: It is not a POSCAR, or the XDATCAR has fewer structures than titles of steps.
    """
    with open_text(path) as stream:
        if not any(_STEP in line for line in islice(stream, _HEADER)):
            return ase_reader("vasp")(path, options)
        stream.seek(0)
        n_steps = sum(_STEP in line for line in stream)
    frames = ase_reader("vasp-xdatcar")(path, options)
    if len(frames) != n_steps:
        raise DataError(
            f"{path.name}: has {n_steps} steps, {len(frames)} of them could be read",
            hint="the file may be truncated: remove the last step",
        )
    return frames
