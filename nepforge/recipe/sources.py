"""The user's files that a recipe names, known by their content.

A folder is data in the pwdata npy layout. A leaf folder holds `energies.npy` or `position.npy`; it
is read as a whole. Any other folder must hold leaves called `train` or `valid`, at any depth:
`data.train` takes the `train` leaves and `data.validation` the `valid` leaves, never both.
"""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

import rfc8785
from attrs import frozen

from nepforge.recipe.limits import Finding, RefusedError

PWDATA = "pwdata"
DATA_FORMATS = {".xyz": "extxyz", ".extxyz": "extxyz"}
STRUCTURE_FORMATS = {".xyz": "extxyz", ".extxyz": "extxyz", ".cif": "cif", ".vasp": "vasp"}
PARTS = ("train", "valid")  # names of leaf folders
LEAF_MARKS = ("energies.npy", "position.npy")


@frozen
class DataSource:
    """A file, or the part of a folder ("train", "valid", "" for all of it) that is read.

    `format` is a name of `data.readers` or, for the cell of an MD run, of ASE.
    """

    path: Path
    format: str
    part: str
    sha256: str
    size: int  # bytes


def data_source(path: Path, part: str) -> DataSource:
    """The labelled data at an existing `path`; `part` is what a folder of parts is asked for.

    Raises:
        RefusedError: the layout is not one that can be read.
    """
    if path.is_file():
        return _file_source(path, DATA_FORMATS)
    leaves = _pwdata_leaves(path)
    if not leaves:
        raise _folder_error(path, "holds no energies.npy or position.npy")
    taken = "" if leaves == [path] else part
    odd = [leaf for leaf in leaves if leaf.name not in PARTS]
    if taken and odd:
        name = odd[0].relative_to(path.parent).as_posix()
        raise _folder_error(path, f'has data in "{name}", which is not named train or valid')
    if not listing(path, taken):
        raise _folder_error(path, f"has no {taken}/ folder below it")
    return DataSource(path, PWDATA, taken, *digest(path, taken))


def structure_source(path: Path) -> DataSource:
    """The structure file of an MD run.

    Raises:
        RefusedError: the suffix names no format that can be read.
    """
    if path.is_dir():
        raise RefusedError(Finding(f'"{path.name}" is a folder, expected a structure file'))
    return _file_source(path, STRUCTURE_FORMATS)


def _pwdata_leaves(folder: Path) -> list[Path]:
    """The folders at or below `folder` that hold pwdata arrays, sorted."""
    marked = {file.parent for mark in LEAF_MARKS for file in folder.rglob(mark)}
    return sorted(marked)


def listing(folder: Path, part: str) -> list[tuple[str, Path]]:
    """The arrays that are read, as sorted (relative path, file); names in NFC with `/`."""
    leaves = [leaf for leaf in _pwdata_leaves(folder) if not part or leaf.name == part]
    files = [file for leaf in leaves for file in leaf.glob("*.npy")]
    names = [unicodedata.normalize("NFC", file.relative_to(folder).as_posix()) for file in files]
    return sorted(zip(names, files, strict=True))


def digest(path: Path, part: str) -> tuple[str, int]:
    """sha256 and size in bytes of a file, or of the part of a folder that is read.

    For a folder the sha256 is that of the RFC 8785 form of its listing [[relative path, sha256],
    ...]; the part shows in the relative paths.
    """
    if path.is_file():
        return _file_sha256(path), path.stat().st_size
    files = listing(path, part)
    content = [[name, _file_sha256(file)] for name, file in files]
    size = sum(file.stat().st_size for _, file in files)
    return hashlib.sha256(rfc8785.dumps(content)).hexdigest(), size


def _folder_error(path: Path, found: str) -> RefusedError:
    return RefusedError(
        Finding(
            f'"{path.name}" {found}',
            "name a pwdata folder, or a folder of such folders that are called train and valid",
        )
    )


def _file_source(path: Path, formats: dict[str, str]) -> DataSource:
    if path.suffix.lower() not in formats:
        raise RefusedError(
            Finding(
                f'"{path.name}" has no known format, expected a name ending in '
                f"{', '.join(formats)}",
                "convert or rename the file",
            )
        )
    return DataSource(path, formats[path.suffix.lower()], "", *digest(path, ""))


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
