"""The C++ core that also runs inside LAMMPS, called from Python.

Evaluates NEP text files of every kind that the pair style runs: NEP3, NEP4, NEP5, with or without
ZBL, and NEP4 files with one output bias per species.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from nepforge.errors import DataError, ModelFileError, NepforgeError
from nepforge.models.arguments import (
    FloatArray,
    StructureArrays,
    checked_skin,
    checked_structure,
    checked_threads,
)

_BAD_MODEL = 1
_BAD_STRUCTURE = 2

_DOUBLES = ctypes.POINTER(ctypes.c_double)
_INTEGERS = ctypes.POINTER(ctypes.c_int)


@frozen(eq=False)
class NativeResult:
    """Per-atom results of one structure.

    The virial W_ab = -sum r_a dU/dr_b is assigned to the neighbour; its sum over the atoms is
    -dU/dstrain.
    """

    energies: FloatArray  # [n_atoms] eV
    forces: FloatArray  # [n_atoms, 3] eV/Å
    virials: FloatArray  # [n_atoms, 3, 3] eV


@frozen(eq=False)
class StructureResult:
    """Results of one structure with its total virial, W = -dU/dstrain."""

    energies: FloatArray  # [n_atoms] eV
    forces: FloatArray  # [n_atoms, 3] eV/Å
    virial: FloatArray  # [3, 3] eV


@frozen
class NEPHeader:
    """Header of a NEP text file."""

    version: int  # 3, 4 or 5
    species: tuple[str, ...]
    bias_per_species: bool  # one output bias per species, not one for all
    cutoff: tuple[tuple[float, float], ...]  # radial, angular, Å: shared, or per species
    n_max: tuple[int, int]
    basis_size: tuple[int, int]
    l_max: int
    invariants: tuple[bool, ...]  # which of 222, 1111, 112, 123, 233, 134 are used
    neurons: int
    zbl: tuple[float, ...]  # inner, outer (Å)[, factor]; 0, 0 for a flexible one; empty if none
    neighbors: tuple[int, int] | None  # largest numbers in training; None if not recorded


class _Options(ctypes.Structure):
    """struct nepforge_options."""

    _fields_ = (("n_threads", ctypes.c_int), ("skin", ctypes.c_double))


class _Header(ctypes.Structure):
    """struct nepforge_header."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("bias_per_species", ctypes.c_int),
        ("cutoff_per_species", ctypes.c_int),
        ("n_max", ctypes.c_int * 2),
        ("basis_size", ctypes.c_int * 2),
        ("l_max", ctypes.c_int),
        ("invariants", ctypes.c_int * 6),
        ("n_neurons", ctypes.c_int),
        ("n_zbl", ctypes.c_int),
        ("zbl", ctypes.c_double * 3),
        ("neighbors", ctypes.c_int * 2),
    )


def library_path(name: str) -> Path:
    """The compiled file `name` of this installation.

    It lies in nepforge/_lib, or, in an editable installation, where pip put it.

    Raises:
        NepforgeError: It was not built.
    """
    beside = Path(__file__).parents[2] / "_lib" / name
    if beside.exists():
        return beside
    try:
        installed = Path(str(metadata.distribution("nepforge").locate_file("nepforge/_lib"))) / name
    except metadata.PackageNotFoundError:
        installed = beside
    if installed.exists():
        return installed
    raise NepforgeError(
        f"{name} is missing: the C++ part of nepforge was not built",
        hint="install nepforge with pip, which needs a C++17 compiler",
    )


@cache
def _core() -> ctypes.CDLL:
    core = ctypes.CDLL(str(library_path("libnepforge_core.so")))
    handle = ctypes.c_void_p
    core.nepforge_last_error.restype = ctypes.c_char_p
    core.nepforge_built_for_lammps.restype = ctypes.c_char_p
    core.nepforge_instruction_sets.restype = ctypes.c_char_p
    core.nepforge_tables.restype = ctypes.c_char_p
    core.nepforge_model_open.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(handle)]
    core.nepforge_model_close.argtypes = [handle]
    core.nepforge_model_close.restype = None
    core.nepforge_model_n_species.argtypes = [handle]
    core.nepforge_model_species.argtypes = [handle, ctypes.c_int]
    core.nepforge_model_species.restype = ctypes.c_char_p
    core.nepforge_model_cutoff.argtypes = [handle, _DOUBLES]
    core.nepforge_model_cutoff.restype = None
    core.nepforge_model_parse.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(handle),
    ]  # fmt: skip
    core.nepforge_model_header.argtypes = [handle, ctypes.POINTER(_Header)]
    core.nepforge_model_header.restype = None
    core.nepforge_model_cutoffs.argtypes = [handle, _DOUBLES]
    core.nepforge_model_cutoffs.restype = None
    core.nepforge_model_numbers.argtypes = [handle, _DOUBLES]
    core.nepforge_model_numbers.restype = ctypes.c_size_t
    core.nepforge_evaluate_structure.argtypes = [
        handle, ctypes.c_int, _INTEGERS, _DOUBLES, _DOUBLES, _INTEGERS, ctypes.POINTER(_Options),
        *[_DOUBLES] * 4,
    ]  # fmt: skip
    return core


def instruction_sets() -> tuple[str, ...]:
    """Names of the instruction sets that this machine can run, the fastest first."""
    return tuple(_core().nepforge_instruction_sets().decode().split())


def built_for_lammps() -> str:
    """Version of the distribution `lammps` that the pair style was built against."""
    return str(_core().nepforge_built_for_lammps().decode())


def tables_json() -> str:
    """The constants of NEP (lammps_pair/core/tables.h)."""
    return str(_core().nepforge_tables().decode())


def _last_error() -> str:
    return str(_core().nepforge_last_error().decode(errors="replace"))


def _doubles(array: FloatArray | None) -> Any:
    return None if array is None else array.ctypes.data_as(_DOUBLES)


def _integers(array: NDArray[np.intc]) -> Any:
    return array.ctypes.data_as(_INTEGERS)


def _options(n_threads: int, skin: float) -> _Options:
    return _Options(checked_threads(n_threads), checked_skin(skin))


class NativeModel:
    """A NEP text file, evaluated in double precision. One call at a time per object.

    Args:
        path: The model file.
        instruction_set: One of `instruction_sets()`; empty for the fastest.
        content: Content of the file, if already read; `path` then only names it.

    Raises:
        ModelFileError: The file is missing, damaged, or of a kind that is not evaluated.
    """

    def __init__(
        self, path: Path | str, instruction_set: str = "", content: bytes | None = None
    ) -> None:
        self._handle = ctypes.c_void_p()
        words = (str(path).encode(), instruction_set.encode(), ctypes.byref(self._handle))
        if content is None:
            status = _core().nepforge_model_open(*words)
        else:
            status = _core().nepforge_model_parse(content, len(content), *words)
        if status == _BAD_MODEL:
            raise ModelFileError(
                _last_error(), hint="export the model again, or name the file that you meant"
            )
        if status:
            raise NepforgeError(f"{path}: {_last_error()}")

    def __del__(self) -> None:
        if self._handle:
            _core().nepforge_model_close(self._handle)

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols in model order."""
        count = _core().nepforge_model_n_species(self._handle)
        return tuple(
            _core().nepforge_model_species(self._handle, idx).decode() for idx in range(count)
        )

    @property
    def header(self) -> NEPHeader:
        """The records before the numbers."""
        header, species = _Header(), self.species
        _core().nepforge_model_header(self._handle, ctypes.byref(header))
        cutoffs = np.empty((len(species), 2))
        _core().nepforge_model_cutoffs(self._handle, _doubles(cutoffs))
        n_pairs = len(species) if header.cutoff_per_species else 1
        radial, angular = header.neighbors
        return NEPHeader(
            version=header.version,
            species=species,
            bias_per_species=bool(header.bias_per_species),
            cutoff=tuple((r, a) for r, a in cutoffs[:n_pairs].tolist()),
            n_max=(header.n_max[0], header.n_max[1]),
            basis_size=(header.basis_size[0], header.basis_size[1]),
            l_max=header.l_max,
            invariants=tuple(map(bool, header.invariants)),
            neurons=header.n_neurons,
            zbl=tuple(header.zbl[: header.n_zbl]),
            neighbors=None if radial < 0 else (radial, angular),
        )

    def numbers(self) -> FloatArray:
        """Every number of the model, in the order of nepforge_model_numbers in capi.h."""
        numbers = np.empty(_core().nepforge_model_numbers(self._handle, None))
        _core().nepforge_model_numbers(self._handle, _doubles(numbers))
        return numbers

    @property
    def cutoff(self) -> tuple[float, float]:
        """Largest radial and angular cutoff of any species in Å."""
        cutoff = np.empty(2)
        _core().nepforge_model_cutoff(self._handle, _doubles(cutoff))
        return float(cutoff[0]), float(cutoff[1])

    def evaluate(
        self,
        numbers: ArrayLike,
        positions: ArrayLike,
        cell: ArrayLike,
        pbc: Sequence[bool] = (True, True, True),
        *,
        n_threads: int = 1,
        skin: float = 0.0,
    ) -> NativeResult:
        """Energies, forces and virials of every atom of one structure.

        Arguments and errors are those of `evaluate_structure`.
        """
        structure = checked_structure(numbers, positions, cell, pbc)
        virials = np.empty((len(structure.numbers), 3, 3))
        result = self._evaluate(structure, _options(n_threads, skin), virials)
        return NativeResult(result.energies, result.forces, virials)

    def evaluate_structure(
        self,
        numbers: ArrayLike,
        positions: ArrayLike,
        cell: ArrayLike,
        pbc: Sequence[bool] = (True, True, True),
        *,
        n_threads: int = 1,
        skin: float = 0.0,
    ) -> StructureResult:
        """Energies, forces and the virial of one structure.

        Args:
            numbers: Atomic numbers, [n_atoms].
            positions: Å, [n_atoms, 3]; may lie outside the cell.
            cell: Å, [3, 3], rows are vectors; rows of non-periodic directions may be zero.
            pbc: Which directions are periodic.
            n_threads: OpenMP threads; 0 uses OMP_NUM_THREADS.
            skin: Å; neighbours are searched this far beyond the cutoff, and the list is kept for
                the next structures until cell or species change or an atom has moved by half of it.

        Raises:
            UsageError: `n_threads` or `skin` is negative, far too large, or not a number.
            DataError: An element that the model does not know, a position that is not finite, two
                atoms that share a position, or a periodic cell without volume.
        """
        structure = checked_structure(numbers, positions, cell, pbc)
        return self._evaluate(structure, _options(n_threads, skin), None)

    def _evaluate(
        self, structure: StructureArrays, options: _Options, atomic_virials: FloatArray | None
    ) -> StructureResult:
        n_atoms = len(structure.numbers)
        result = StructureResult(np.empty(n_atoms), np.empty((n_atoms, 3)), np.empty((3, 3)))
        status = _core().nepforge_evaluate_structure(
            self._handle, n_atoms, _integers(structure.numbers), _doubles(structure.positions),
            _doubles(structure.cell), _integers(structure.periodic), ctypes.byref(options),
            _doubles(result.energies), _doubles(result.forces), _doubles(result.virial),
            _doubles(atomic_virials),
        )  # fmt: skip
        if status == _BAD_STRUCTURE:
            raise DataError(_last_error())
        if status:
            raise NepforgeError(f"the evaluation failed: {_last_error()}")
        return result
