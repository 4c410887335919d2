"""Files and structures that ASE reads, as frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ase
import ase.io
import numpy as np
from ase.calculators.calculator import PropertyNotImplementedError
from ase.stress import voigt_6_to_full_3x3_stress

from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.words import open_text
from nepforge.data.frame import FloatArray, Frame
from nepforge.errors import DataError
from nepforge.units import virial_from_stress


def ase_reader(ase_format: str) -> Callable[[Path, ReadOptions], list[Frame]]:
    """A reader of all frames of a file in an ASE format."""

    def read(path: Path, options: ReadOptions) -> list[Frame]:
        frames: list[Frame] = []
        with open_text(path) as stream, reading_with_ase(str(path)):
            for atoms in ase.io.iread(stream, index=":", format=ase_format):
                frames.append(frame_from_atoms(atoms, options.source(path, len(frames))))
        return frames

    return read


@contextmanager
def reading_with_ase(where: str) -> Iterator[None]:
    """Any error of ASE's parsers becomes a DataError."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"{where}: cannot be read: {type(error).__name__}: {error}",
            hint="the file may be cut, or of another format; `ase info FILE` shows what ASE sees",
        ) from error


def frame_from_atoms(atoms: ase.Atoms, source: str) -> Frame:
    """A frame with the labels of ASE's single-point results.

    The energy is the free energy where the code prints one: it is what the forces derive from.

    Raises:
        DataError: There are no atoms.
    """
    if len(atoms) == 0:
        raise DataError(f"{source}: has no atoms")
    energy = _result(atoms, "free_energy")
    if energy is None:
        energy = _result(atoms, "energy")
    forces = _result(atoms, "forces")
    return Frame(
        numbers=atoms.numbers.astype(np.int64),
        positions=np.array(atoms.positions, dtype=np.float64),
        cell=np.array(atoms.cell.array, dtype=np.float64),
        pbc=(bool(atoms.pbc[0]), bool(atoms.pbc[1]), bool(atoms.pbc[2])),
        energy=None if energy is None else float(energy),
        forces=None if forces is None else np.array(forces, dtype=np.float64),
        virial=_virial(atoms),
        source=source,
    )


def _result(atoms: ase.Atoms, name: str) -> Any:
    if atoms.calc is None:
        return None
    try:
        return atoms.calc.get_property(name, atoms, allow_calculation=False)
    except PropertyNotImplementedError:
        return None


def _virial(atoms: ase.Atoms) -> FloatArray | None:
    stress = _result(atoms, "stress")
    if stress is None:
        return None
    full = np.asarray(stress, dtype=np.float64)
    full = voigt_6_to_full_3x3_stress(full) if full.size == 6 else full.reshape(3, 3)
    virial: FloatArray = virial_from_stress(full, atoms.get_volume())
    return virial
