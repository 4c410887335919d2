"""DeePMD systems of numpy arrays, plain and mixed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import evolve

from nepforge.data.formats.arrays import load, load_optional, load_shaped
from nepforge.data.formats.deepmd.raw import read_raw_system
from nepforge.data.formats.folders import folders_of
from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.words import atomic_number, open_text
from nepforge.data.frame import FloatArray, Frame, IntArray
from nepforge.errors import DataError


def read_deepmd(path: Path, options: ReadOptions) -> list[Frame]:
    """DeePMD's systems: type.raw, type_map.raw, set.*/ with box, coord, energy, force, virial,
    atom_ener.

    Virials have our sign. A mixed system has real_atom_types in each set; atoms of type -1 pad its
    frames and are dropped.
    """
    frames = []
    for folder, label in folders_of(path, "deepmd", options):
        frames += _read_folder(folder, label, options.species)
    return frames


def _read_folder(folder: Path, label: str, species: Sequence[str]) -> list[Frame]:
    types = _read_words(folder / "type.raw")
    named = (folder / "type_map.raw").exists()
    symbols = _read_words(folder / "type_map.raw") if named else list(species)
    if not symbols:
        raise DataError(
            f"{folder}: type_map.raw is missing, the types have no elements",
            hint="write the chemical symbols of types 0, 1, ... into it, one per line, or use "
            "--species Hf,O (a recipe takes its data.species)",
        )
    elements = np.array([atomic_number(symbol, label) for symbol in symbols], dtype=np.int64)
    frames: list[Frame] = []
    subsets = sorted(set_folder for set_folder in folder.glob("set.*") if set_folder.is_dir())
    for subset in subsets:
        frames += _read_set(subset, types, elements)
    if not subsets:
        frames = read_raw_system(folder, _elements_of(_to_types(types, folder), elements, folder))
    pbc = ((folder / "nopbc").exists() is False,) * 3
    return [evolve(frame, pbc=pbc, source=f"{label}:{idx}") for idx, frame in enumerate(frames)]


def _read_set(folder: Path, types: Sequence[str], elements: IntArray) -> list[Frame]:
    n = len(types)
    coordinates = load(folder, "coord")
    n_frames = coordinates.shape[0] if coordinates.ndim else 0
    positions = load_shaped(folder, "coord", (n_frames, n, 3))
    if (folder.parent / "nopbc").exists() and not (folder / "box.npy").exists():
        cells = np.zeros((n_frames, 3, 3))
    else:
        cells = load_shaped(folder, "box", (n_frames, 3, 3))
    energies = load_optional(folder, "energy", (n_frames,))
    forces = load_optional(folder, "force", (n_frames, n, 3))
    virials = load_optional(folder, "virial", (n_frames, 3, 3))
    atomic = load_optional(folder, "atom_ener", (n_frames, n))
    if (folder / "real_atom_types.npy").exists():
        real_types = load_shaped(folder, "real_atom_types", (n_frames, n))
    else:
        real_types = np.tile(_to_types(types, folder.parent), (n_frames, 1))
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


def _to_types(words: Sequence[str], folder: Path) -> FloatArray:
    if not words or not all(word.isascii() and word.isdigit() for word in words):
        raise DataError(f"{folder / 'type.raw'}: expected types as integers from 0")
    return np.array(words, dtype=np.float64)


def _elements_of(types: FloatArray, elements: IntArray, folder: Path) -> IntArray:
    largest = types.max(initial=0.0)
    if not (types == np.floor(types)).all() or largest >= len(elements):
        raise DataError(
            f"{folder}: type {largest:g} is not among the {len(elements)} of type_map.raw"
        )
    return elements[types.astype(np.int64)]


def _read_words(path: Path) -> list[str]:
    with open_text(path) as stream:
        return stream.read().split()
