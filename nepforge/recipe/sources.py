"""The user's files that a recipe names, known by their content.

A folder is data in the layout of pwdata or of DeePMD. A leaf folder holds the arrays themselves; it
is read as a whole. In another folder the leaves lie below it, at any depth. If any is called
`train` or `valid` all must be: `data.train` takes the `train` leaves and `data.validation` the
`valid` leaves, never both. Otherwise all of them are read.
"""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

import rfc8785
from attrs import frozen

from nepforge.recipe.data_formats import (
    FILE_FORMATS,
    FOLDER_FORMATS,
    FolderFormat,
    file_format,
)
from nepforge.recipe.limits import Finding, RefusedError

STRUCTURE_FORMATS = {".xyz": "extxyz", ".extxyz": "extxyz", ".cif": "cif", ".vasp": "vasp"}
MODEL = "model"  # format of the file of model.start_from
PARTS = ("train", "valid")  # names of leaf folders


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
        return _data_file(path)
    found = {layout.name: leaves for layout in FOLDER_FORMATS if (leaves := _leaves(path, layout))}
    if len(found) != 1:
        words = "arrays of both" if found else "no data, neither"
        raise _folder_error(path, f"holds {words} of pwdata and of DeePMD")
    name, leaves = found.popitem()
    if path in leaves and leaves != [path]:
        raise _folder_error(path, "holds arrays itself and in folders below it")
    taken = part if has_parts(path) else ""
    odd = [leaf for leaf in leaves if leaf.name not in PARTS]
    if taken and odd:
        odd_name = odd[0].relative_to(path.parent).as_posix()
        raise _folder_error(path, f'has data in "{odd_name}", which is not named train or valid')
    if not listing(path, taken):
        raise _folder_error(path, f"has no {taken}/ folder below it")
    return DataSource(path, name, taken, *digest(path, taken))


def has_parts(path: Path) -> bool:
    """Whether a folder has leaves called train or valid below it."""
    leaves = [leaf for layout in FOLDER_FORMATS for leaf in _leaves(path, layout)]
    return path.is_dir() and any(leaf != path and leaf.name in PARTS for leaf in leaves)


def structure_source(path: Path) -> DataSource:
    """The structure file of an MD run.

    Raises:
        RefusedError: the suffix names no format that can be read.
    """
    if path.is_dir():
        raise RefusedError(Finding(f'"{path.name}" is a folder, expected a structure file'))
    if path.suffix.lower() not in STRUCTURE_FORMATS:
        raise _unknown_format(path, f"a name ending in {', '.join(STRUCTURE_FORMATS)}")
    return DataSource(path, STRUCTURE_FORMATS[path.suffix.lower()], "", *digest(path, ""))


def _leaves(folder: Path, layout: FolderFormat) -> list[Path]:
    """The folders at or below `folder` that hold arrays in this layout, sorted."""
    return sorted({file.parent for mark in layout.marks for file in folder.rglob(mark)})


def listing(folder: Path, part: str) -> list[tuple[str, Path]]:
    """The arrays that are read, as sorted (relative path, file); names in NFC with `/`."""
    files = [
        file
        for layout in FOLDER_FORMATS
        for leaf in _leaves(folder, layout)
        if not part or leaf.name == part
        for pattern in layout.files
        for file in leaf.glob(pattern)
    ]
    names = [unicodedata.normalize("NFC", file.relative_to(folder).as_posix()) for file in files]
    return sorted(zip(names, files, strict=True))


def model_source(path: Path) -> DataSource:
    """A model that is trained further; its own reader tells the layout.

    Raises:
        RefusedError: it is a folder.
    """
    if path.is_dir():
        raise RefusedError(Finding(f'"{path.name}" is a folder, expected a model file'))
    return DataSource(path, MODEL, "", *digest(path, ""))


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
            "name a folder of pwdata or DeePMD arrays, or one with such folders below it",
        )
    )


def _data_file(path: Path) -> DataSource:
    name = file_format(path)
    if name is None:
        raise _unknown_format(path, "one of " + ", ".join(known.name for known in FILE_FORMATS))
    return DataSource(path, name, "", *digest(path, ""))


def _unknown_format(path: Path, expected: str) -> RefusedError:
    return RefusedError(
        Finding(
            f'"{path.name}" has no known format, expected {expected}', "convert or rename the file"
        )
    )


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
