"""Readers of labelled structures: one table, format -> function(path, part) -> frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase
import ase.io
import numpy as np
from ase.calculators.calculator import PropertyNotImplementedError
from ase.stress import voigt_6_to_full_3x3_stress

from nepforge.data.frame import FloatArray, Frame
from nepforge.errors import DataError, DataMissingError
from nepforge.units import virial_from_stress

PWDATA_MISSING_VIRIAL = -1.0e5  # what PWmat's tools write where there is no virial, eV


def read_frames(path: Path, file_format: str, part: str = "", group_by: str = "") -> list[Frame]:
    """All frames of a file or folder, labels that are missing as None.

    Args:
        path: File or folder.
        file_format: A key of `READERS`.
        part: "train" or "valid": which half of a pwdata folder that has both; "" takes the folder.
        group_by: Name of the info key that becomes `Frame.group`; "" for none.

    Raises:
        DataMissingError: Nothing there.
        DataError: Damaged file, frames without atoms, values that are not finite.
    """
    if not path.exists():
        raise DataMissingError(f"{path}: does not exist")
    frames = READERS[file_format](path, part, group_by)
    if not frames:
        raise DataError(f"{path}: holds no frame", hint="check that the file is complete")
    for frame in frames:
        _check_finite(frame)
    return frames


def read_extxyz(path: Path, _part: str, group_by: str) -> list[Frame]:
    """Extended XYZ as ASE and GPUMD write it: energy, forces, and stress or virial in the comment.

    `virial` (eV, positive when compressed) is GPUMD's key, `stress` (eV/Å³) has ASE's sign.
    """
    frames: list[Frame] = []
    try:
        with path.open(encoding="utf-8") as stream:
            for atoms in ase.io.iread(stream, index=":", format="extxyz"):
                frames.append(_from_atoms(atoms, f"{path.name}:{len(frames)}", group_by))
    except DataError:
        raise
    except Exception as error:  # ASE raises whatever its parser stumbles over
        raise DataError(
            f"{path}: frame {len(frames)} (counted from 0) cannot be read: {error}",
            hint="the file may be cut or not extended XYZ; `ase info FILE` shows what ASE sees",
        ) from error
    return frames


def _from_atoms(atoms: ase.Atoms, source: str, group_by: str) -> Frame:
    if len(atoms) == 0:
        raise DataError(f"{source}: has no atoms")
    energy = _result(atoms, "energy")
    virial = _virial(atoms, source)
    forces = _result(atoms, "forces")
    return Frame(
        numbers=atoms.numbers.astype(np.int64),
        positions=np.asarray(atoms.positions, dtype=np.float64),
        cell=np.asarray(atoms.cell.array, dtype=np.float64),
        pbc=(bool(atoms.pbc[0]), bool(atoms.pbc[1]), bool(atoms.pbc[2])),
        energy=None if energy is None else float(energy),
        forces=None if forces is None else np.asarray(forces, dtype=np.float64),
        virial=virial,
        group=str(atoms.info.get(group_by, "")) if group_by else "",
        source=source,
        weight=float(atoms.info.get("weight", 1.0)),
    )


def _result(atoms: ase.Atoms, name: str) -> Any:
    """A label from ASE's single-point results, or from the arrays and info of other writers."""
    if atoms.calc is not None:
        try:
            value = atoms.calc.get_property(name, atoms, allow_calculation=False)
        except PropertyNotImplementedError:
            value = None
        if value is not None:
            return value
    for key in {"energy": ("energy", "Energy"), "forces": ("force", "forces")}.get(name, ()):
        if key in atoms.arrays:
            return atoms.arrays[key]
        if key in atoms.info:
            return atoms.info[key]
    return None


def _virial(atoms: ase.Atoms, source: str) -> FloatArray | None:
    for key in ("virial", "virials", "Virial"):
        if key in atoms.info:
            values = np.asarray(atoms.info[key], dtype=np.float64)
            if values.size != 9:
                raise DataError(f"{source}: {key} has {values.size} numbers, expected 9")
            return values.reshape(3, 3)
    stress = _result(atoms, "stress")
    if stress is None:
        return None
    full = np.asarray(stress, dtype=np.float64)
    full = voigt_6_to_full_3x3_stress(full) if full.size == 6 else full.reshape(3, 3)
    result: FloatArray = virial_from_stress(full, atoms.get_volume())
    return result


def read_pwdata(path: Path, part: str, _group_by: str) -> list[Frame]:
    """PWMLFF's npy folders, one composition each, or a folder tree of them.

    With `part`, every folder named so below `path` is read; without, `path` itself.
    """
    folders = [path] if not part else sorted(p for p in path.glob(f"**/{part}") if p.is_dir())
    frames = []
    for folder in folders:
        frames += _read_pwdata_folder(folder, folder.relative_to(path.parent).as_posix())
    return frames


def _read_pwdata_folder(folder: Path, source: str) -> list[Frame]:
    numbers = _load_npy(folder, "image_type").astype(np.int64).ravel()
    n = len(numbers)
    energies = _load_npy(folder, "energies").reshape(-1)
    n_frames = len(energies)
    cells = _reshaped(folder, "lattice", (n_frames, 3, 3))
    fractional = _reshaped(folder, "position", (n_frames, n, 3))
    forces = _reshaped(folder, "forces", (n_frames, n, 3))
    has_virial = (folder / "virials.npy").exists()
    virials = _reshaped(folder, "virials", (n_frames, 3, 3)) if has_virial else None
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
                source=f"{source}:{idx}",
            )
        )
    return frames


def _load_npy(folder: Path, name: str) -> FloatArray:
    path = folder / f"{name}.npy"
    if not path.exists():
        raise DataError(f"{folder}: {name}.npy is missing", hint="this is no pwdata folder")
    try:
        return np.asarray(np.load(path, allow_pickle=False), dtype=np.float64)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def _reshaped(folder: Path, name: str, shape: tuple[int, ...]) -> FloatArray:
    array = _load_npy(folder, name)
    if array.size != np.prod(shape):
        raise DataError(
            f"{folder / (name + '.npy')}: holds {array.size} numbers, expected "
            f"{' x '.join(map(str, shape))} from energies.npy and image_type.npy"
        )
    return array.reshape(shape)


def _check_finite(frame: Frame) -> None:
    arrays: dict[str, Any] = {
        "position": frame.positions,
        "cell": frame.cell,
        "energy": frame.energy,
        "force": frame.forces,
        "virial": frame.virial,
    }
    for name, array in arrays.items():
        if array is not None and not np.isfinite(array).all():
            where = np.argwhere(~np.isfinite(np.atleast_1d(array)))[0]
            raise DataError(
                f"{frame.source}: {name} {where.tolist()} is not a finite number",
                hint="take the frame out of the file or leave the label away",
            )


READERS: dict[str, Callable[[Path, str, str], list[Frame]]] = {
    "extxyz": read_extxyz,
    "pwdata": read_pwdata,
}
