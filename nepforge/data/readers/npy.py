"""Folders of numpy arrays: pwdata (PWMLFF) and DeePMD, plain and mixed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import evolve

from nepforge.data.frame import FloatArray, Frame, IntArray
from nepforge.data.readers.options import ReadOptions
from nepforge.data.readers.text import atomic_number
from nepforge.errors import DataError

PWDATA_MISSING_VIRIAL = -1.0e5  # what PWmat's tools write where there is no virial, eV


def read_pwdata(path: Path, options: ReadOptions) -> list[Frame]:
    """PWMLFF's npy folders, one composition each, or a folder tree of them.

    With a part, every folder named so below `path` is read; without, `path` itself.
    """
    frames = []
    for folder, label in _folders(path, "energies.npy", options):
        frames += _read_pwdata_folder(folder, label)
    return frames


def read_deepmd(path: Path, options: ReadOptions) -> list[Frame]:
    """DeePMD's systems: type.raw, type_map.raw, set.*/ with box, coord, energy, force, virial,
    atom_ener.

    Virials have our sign. A mixed system has real_atom_types in each set; atoms of type -1 fill up
    its frames and are dropped.
    """
    frames = []
    for folder, label in _folders(path, "type.raw", options):
        frames += _read_deepmd_folder(folder, label)
    return frames


def _folders(path: Path, mark: str, options: ReadOptions) -> list[tuple[Path, str]]:
    """The folders to read and their names: `path` itself, or those below it of the asked part."""
    root = options.label or path.name
    if (path / mark).exists() and not options.part:
        return [(path, root)]
    found = sorted(file.parent for file in path.rglob(mark))
    if options.part:
        found = [folder for folder in found if folder.name == options.part]
    elif not found:
        return [(path, root)]  # reading it says what is missing
    return [(folder, f"{root}/{folder.relative_to(path).as_posix()}") for folder in found]


def _read_pwdata_folder(folder: Path, label: str) -> list[Frame]:
    numbers = _to_numbers(_load(folder, "image_type").ravel(), label)
    n = len(numbers)
    energies = _load(folder, "energies").reshape(-1)
    n_frames = len(energies)
    cells = _reshaped(folder, "lattice", (n_frames, 3, 3))
    fractional = _reshaped(folder, "position", (n_frames, n, 3))
    forces = _reshaped(folder, "forces", (n_frames, n, 3))
    has_virial = (folder / "virials.npy").exists()
    virials = _reshaped(folder, "virials", (n_frames, 3, 3)) if has_virial else None
    atomic = _optional(folder, "ei", (n_frames, n))
    frames = []
    for idx in range(n_frames):
        virial = None if virials is None else virials[idx]
        if virial is not None and (virial <= PWDATA_MISSING_VIRIAL).any():
            virial = None
        frames.append(
            Frame(
                numbers=numbers,
                positions=fractional[idx] @ cells[idx],
                cell=cells[idx],
                energy=float(energies[idx]),
                forces=forces[idx],
                virial=virial,
                source=f"{label}:{idx}",
                atomic_energy=None if atomic is None else atomic[idx],
            )
        )
    return frames


def _read_deepmd_folder(folder: Path, label: str) -> list[Frame]:
    types = _read_words(folder / "type.raw")
    if not (folder / "type_map.raw").exists():
        raise DataError(
            f"{folder}: type_map.raw is missing, the types have no elements",
            hint="write the chemical symbols of types 0, 1, ... into it, one a line",
        )
    symbols = _read_words(folder / "type_map.raw")
    elements = np.array([atomic_number(symbol, label) for symbol in symbols], dtype=np.int64)
    frames: list[Frame] = []
    for subset in sorted(set_folder for set_folder in folder.glob("set.*") if set_folder.is_dir()):
        frames += _read_deepmd_set(subset, types, elements)
    pbc = ((folder / "nopbc").exists() is False,) * 3
    return [evolve(frame, pbc=pbc, source=f"{label}:{idx}") for idx, frame in enumerate(frames)]


def _read_deepmd_set(folder: Path, types: Sequence[str], elements: IntArray) -> list[Frame]:
    n = len(types)
    coordinates = _load(folder, "coord")
    n_frames = coordinates.shape[0] if coordinates.ndim else 0
    positions = _reshaped(folder, "coord", (n_frames, n, 3))
    cells = _reshaped(folder, "box", (n_frames, 3, 3))
    energies = _optional(folder, "energy", (n_frames,))
    forces = _optional(folder, "force", (n_frames, n, 3))
    virials = _optional(folder, "virial", (n_frames, 3, 3))
    atomic = _optional(folder, "atom_ener", (n_frames, n))
    if (folder / "real_atom_types.npy").exists():
        real_types = _reshaped(folder, "real_atom_types", (n_frames, n))
    else:
        if not all(word.isascii() and word.isdigit() for word in types):
            raise DataError(f"{folder.parent / 'type.raw'}: expected types as integers from 0")
        real_types = np.tile(np.array(types, dtype=np.float64), (n_frames, 1))
    frames = []
    for idx in range(n_frames):
        real = real_types[idx] >= 0
        frames.append(
            Frame(
                numbers=_elements_of(real_types[idx][real], elements, folder),
                positions=positions[idx][real],
                cell=cells[idx],
                energy=None if energies is None else float(energies[idx]),
                forces=None if forces is None else forces[idx][real],
                virial=None if virials is None else virials[idx],
                atomic_energy=None if atomic is None else atomic[idx][real],
            )
        )
    return frames


def _elements_of(types: FloatArray, elements: IntArray, folder: Path) -> IntArray:
    largest = types.max(initial=0.0)
    if not (types == np.floor(types)).all() or largest >= len(elements):
        raise DataError(
            f"{folder}: type {largest:g} is not among the {len(elements)} of type_map.raw"
        )
    return elements[types.astype(np.int64)]


def _to_numbers(values: FloatArray, label: str) -> IntArray:
    if not np.isfinite(values).all() or (values != np.floor(values)).any():
        raise DataError(f"{label}: image_type.npy holds no atomic numbers")
    return values.astype(np.int64)


def _read_words(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").split()


def _load(folder: Path, name: str) -> FloatArray:
    path = folder / f"{name}.npy"
    if not path.exists():
        raise DataError(f"{folder}: {name}.npy is missing")
    try:
        return np.asarray(np.load(path, allow_pickle=False), dtype=np.float64)
    except Exception as error:  # numpy evaluates the header: damage shows as many exceptions
        raise DataError(f"{path}: cannot be read: {error}") from error


def _optional(folder: Path, name: str, shape: tuple[int, ...]) -> FloatArray | None:
    return _reshaped(folder, name, shape) if (folder / f"{name}.npy").exists() else None


def _reshaped(folder: Path, name: str, shape: tuple[int, ...]) -> FloatArray:
    array = _load(folder, name)
    if array.size != np.prod(shape) or (array.ndim > 1 and len(array) != shape[0]):
        raise DataError(
            f"{folder / (name + '.npy')}: has shape {array.shape}, expected "
            f"{' x '.join(map(str, shape))} numbers as the arrays beside it say"
        )
    return array.reshape(shape)
