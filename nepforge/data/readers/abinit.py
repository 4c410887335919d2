"""Output of ABINIT: ASE's reader, with the cell that ABINIT means.

ABINIT's `rprim` has no unit, `acell` (bohr) gives each of its vectors a length; ASE takes `rprim`
as Å, which is right for inputs that ASE wrote alone.
"""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
from ase.units import Bohr
from attrs import evolve

from nepforge.data.frame import FloatArray, Frame
from nepforge.data.readers.atoms import frame_from_atoms, reading_with_ase
from nepforge.data.readers.options import ReadOptions
from nepforge.data.readers.text import open_text, to_floats
from nepforge.errors import DataError


def read_abinit(path: Path, options: ReadOptions) -> list[Frame]:
    """The structure of the first data set with its energy, forces and stress."""
    source = options.source(path, 0)
    with open_text(path) as stream, reading_with_ase(source):
        atoms = ase.io.read(stream, format="abinit-out")
        frame = frame_from_atoms(atoms, source)
        lengths = _lengths(path, source)
    virial = None if frame.virial is None else frame.virial * np.prod(lengths)  # was with rprim's V
    return [evolve(frame, cell=lengths[:, None] * frame.cell, virial=virial)]


def _lengths(path: Path, source: str) -> FloatArray:
    """acell in Å, [3]."""
    with open_text(path) as stream:
        for line in stream:
            words = line.split()
            if words[:1] == ["acell"] and words[4:] == ["Bohr"]:
                return np.asarray(Bohr * to_floats(words[1:4], f"{source}: acell"))
    raise DataError(f"{source}: acell is missing, expected its three lengths in Bohr")
