"""The cell of a run in LAMMPS: read, and checked before anything is trained for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import ase
import ase.io
import numpy as np
from ase.data import chemical_symbols
from attrs import frozen

from nepforge.data.frame import Frame, load_frames
from nepforge.data.neighbors import SHORTEST_DISTANCE
from nepforge.data.pairs import find_pairs
from nepforge.errors import DataError, Problem, StageError
from nepforge.plan.tables import StructureOfSource
from nepforge.recipe.tables import Structure, StructureFromData
from nepforge.stages.machine import memory_bytes

MOST_ATOMS = 2**31 - 1  # LAMMPS numbers atoms by 32 bits unless it is built otherwise
BYTES_AN_ATOM = 1500  # of LAMMPS with our pair style; measured, see ARCHITECTURE.md
FEWEST_ATOMS = 2  # one alone has no velocity once the momentum is taken away


def read_structure(structure: Structure, inputs: Mapping[str, Path]) -> ase.Atoms:
    """The cell of a run, before it is replicated.

    Args:
        structure: Of the stage's table.
        inputs: "frames", or the source that the structure names.

    Raises:
        StageError: There is no training frame of that index.
        DataError: The file cannot be read.
    """
    if isinstance(structure, StructureOfSource):
        return read_file(inputs[structure.file], structure.format)
    frames = load_frames(inputs["frames"])
    index = index_of(structure)
    if index >= len(frames):
        problem = beyond_the_data(index, len(frames), "")
        raise StageError(f"structure.index: {problem.message}", hint=problem.hint)
    return as_atoms(frames[index])


def index_of(structure: Structure) -> int:
    """The training frame that a structure is."""
    if not isinstance(structure, StructureFromData):
        raise TypeError(f"{structure} is a local path, expected a source of the stage")
    return structure.index


def read_file(path: Path, file_format: str) -> ase.Atoms:
    """The structure in a file.

    Raises:
        DataError: It cannot be read.
    """
    try:
        return ase.io.read(path, format=file_format)
    except Exception as error:  # each of ASE's readers raises what it stumbles over
        raise DataError(
            f"{path}: not readable as {file_format}: {error}",
            hint="`ase info FILE` shows what ASE sees",
        ) from error


def as_atoms(frame: Frame) -> ase.Atoms:
    """A frame without its labels."""
    return ase.Atoms(
        numbers=frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc
    )


def beyond_the_data(index: int, n_frames: int, at: str) -> Problem:
    """The index of a training frame that is not there."""
    return Problem(
        f"{at}.index",
        f"got {index}, there are {n_frames} training frames",
        f"choose an index from 0 to {n_frames - 1}",
    )


@frozen(eq=False)
class Cell:
    """A cell and where the recipe names it: `source` ("md[0].structure.file") and `at`."""

    atoms: ase.Atoms
    at: str  # "md[0].structure"
    source: str

    def problems(self, species: Sequence[str]) -> Iterator[Problem]:
        """What LAMMPS or the model cannot take."""
        atoms = self.atoms
        found = [chemical_symbols[number] for number in sorted(set(atoms.numbers.tolist()))]
        unknown = [symbol for symbol in found if symbol not in species]
        if not len(atoms):
            yield Problem(self.source, "has no atom", "name a structure with atoms")
        elif unknown:
            yield Problem(
                self.source,
                f"holds {', '.join(unknown)}, data.species are {', '.join(species)}",
                "choose another structure, or add the element to data.species",
            )
        elif not np.isfinite(atoms.positions).all():
            yield Problem(self.source, "has positions that are not finite", "correct the file")
        elif not atoms.pbc.all() or not abs(atoms.cell.volume) > 0.0:
            yield Problem(
                self.source,
                "is not periodic in all three directions, MD runs in periodic cells",
                "choose a periodic frame, or name a file that has a cell: for a molecule or a slab "
                "one with empty space in it",
            )
        elif (find_pairs(_as_frame(atoms), SHORTEST_DISTANCE).distances < SHORTEST_DISTANCE).any():
            yield Problem(
                self.source, "has two atoms that share a position", "look for one written twice"
            )

    def size_problems(self, n_copies: int, at: str) -> Iterator[Problem]:
        """Too few or too many atoms in `n_copies` of the cell, asked for by the key `at`."""
        n_atoms = len(self.atoms) * n_copies
        memory = memory_bytes()
        if n_atoms < FEWEST_ATOMS:
            yield Problem(
                at,
                f"gives {n_atoms} atom in all, which has no temperature",
                "replicate the cell, or choose a structure of more atoms",
            )
        elif n_atoms > MOST_ATOMS:
            text = f"gives {n_atoms} atoms, LAMMPS numbers at most {MOST_ATOMS}"
            yield Problem(at, text, "ask for fewer copies of the cell")
        elif n_atoms * BYTES_AN_ATOM > memory:
            yield Problem(
                at,
                f"gives {n_atoms} atoms, which need about {n_atoms * BYTES_AN_ATOM / 1e9:.0f} GB "
                f"of memory; this machine has {memory / 1e9:.0f} GB",
                "ask for fewer copies of the cell",
            )

    def thickness(self, replicate: Sequence[int]) -> float:
        """Smallest distance between opposite faces of the replicated cell, Å."""
        heights = 1.0 / np.linalg.norm(np.linalg.inv(self.atoms.cell.array), axis=0)
        return float((heights * np.array(replicate)).min())


def n_copies(replicate: Sequence[int]) -> int:
    """Total number of cells."""
    return math.prod(replicate)


def _as_frame(atoms: ase.Atoms) -> Frame:
    return Frame(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell.array)
