"""The files that a recipe names, identified by their content.

A folder holds data in the layout of pwdata or DeePMD, or outputs of runs. A leaf folder holds the
arrays or outputs themselves and is read as a whole. Any other folder has leaves below it, at any
depth, also behind symbolic links. If one is called `train` or `valid`, all must be: `data.train`
takes the `train` leaves and `data.validation` the `valid` leaves, never both. Otherwise all of them
are read.
"""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

import rfc8785
from attrs import frozen

from nepforge.data.formats.detect import file_format
from nepforge.data.formats.layouts import files_of, layouts
from nepforge.data.formats.table import OF_FILES, RUNS
from nepforge.errors import DataError
from nepforge.files.content import require_file

STRUCTURE_FORMATS = {".xyz": "extxyz", ".extxyz": "extxyz", ".cif": "cif", ".vasp": "vasp"}
MODEL = "model"  # format of the file of model.start_from
PARTS = ("train", "valid")  # names of leaf folders


class SourceError(DataError):
    """A file or folder cannot be used as data; the message names it without its parent."""


@frozen
class DataSource:
    """A file, or the part of a folder ("train", "valid", "" for all of it) that is read.

    `format` is a name of `formats.table` or, for the cell of an MD run, of ASE.
    """

    path: Path
    format: str
    part: str
    sha256: str
    size: int  # bytes


def data_source(path: Path, part: str) -> DataSource:
    """The labelled data at an existing `path`; `part` is the part to take of a folder of parts.

    Raises:
        DataError: The layout is not one that can be read.
        OSError: A file cannot be read.
    """
    return _data_folder(path, part) if path.is_dir() else _data_file(path)


def _data_folder(path: Path, part: str) -> DataSource:
    found = layouts(path)
    if len(found) != 1:
        words = "arrays of both pwdata and DeePMD"
        none = "no data, neither arrays of pwdata or DeePMD nor an OUTCAR, vasprun.xml or MOVEMENT"
        raise _folder_error(path, f"holds {words if found else none}")
    name, leaves = found.popitem()
    if path in leaves and leaves != [path] and name != RUNS:
        raise _folder_error(path, "holds arrays itself and also in folders below it")
    taken = part if _are_parts(path, leaves) else ""
    odd = [leaf for leaf in leaves if leaf.name not in PARTS]
    if taken and odd:
        odd_name = odd[0].relative_to(path.parent).as_posix()
        raise _folder_error(path, f'has data in "{odd_name}", which is not named train or valid')
    if not listing(path, taken):
        raise _folder_error(path, f"has no {taken}/ folder below it")
    return DataSource(path, name, taken, *digest(path, taken))


def has_parts(path: Path) -> bool:
    """Whether a folder has leaves called train or valid below it."""
    if not path.is_dir():
        return False
    return any(_are_parts(path, leaves) for leaves in layouts(path).values())


def _are_parts(path: Path, leaves: list[Path]) -> bool:
    return any(leaf != path and leaf.name in PARTS for leaf in leaves)


def structure_source(path: Path) -> DataSource:
    """The structure file of an MD run.

    Raises:
        SourceError: The suffix is not of a format that can be read.
    """
    if path.is_dir():
        raise SourceError(f'"{path.name}" is a folder, expected a structure file')
    if path.suffix.lower() not in STRUCTURE_FORMATS:
        raise _unknown_format(path, f"a name ending in {', '.join(STRUCTURE_FORMATS)}")
    return DataSource(path, STRUCTURE_FORMATS[path.suffix.lower()], "", *digest(path, ""))


def listing(folder: Path, part: str) -> list[tuple[str, Path]]:
    """The files that are read, as sorted (relative path, file); names in NFC with `/`.

    Raises:
        DataError: A folder cannot be listed, or leads back to one above it.
    """
    files = [
        file
        for layout, leaves in layouts(folder).items()
        for leaf in leaves
        if not part or leaf.name == part
        for file in files_of(leaf, layout)
    ]
    names = [unicodedata.normalize("NFC", file.relative_to(folder).as_posix()) for file in files]
    return sorted(zip(names, files, strict=True))


def model_source(path: Path) -> DataSource:
    """A model that is trained further; its own reader recognises the layout.

    Raises:
        SourceError: It is a folder.
    """
    if path.is_dir():
        raise SourceError(f'"{path.name}" is a folder, expected a model file')
    return DataSource(path, MODEL, "", *digest(path, ""))


def digest(path: Path, part: str) -> tuple[str, int]:
    """sha256 and size in bytes of a file, or of the part of a folder that is read.

    The sha256 of a folder is that of the RFC 8785 form of its listing [[relative path, sha256],
    ...]; the part shows in the relative paths.
    """
    if not path.is_dir():
        return _file_sha256(path), path.stat().st_size
    files = listing(path, part)
    content = [[name, _file_sha256(file)] for name, file in files]
    size = sum(file.stat().st_size for _, file in files)
    return hashlib.sha256(rfc8785.dumps(content)).hexdigest(), size


def _folder_error(path: Path, found: str) -> SourceError:
    return SourceError(
        f'"{path.name}" {found}',
        hint="name a folder of pwdata or DeePMD arrays or of runs, or one with such folders in it",
    )


def _data_file(path: Path) -> DataSource:
    name = file_format(path)
    if name is None:
        raise _unknown_format(path, "one of " + ", ".join(row.name for row in OF_FILES))
    return DataSource(path, name, "", *digest(path, ""))


def _unknown_format(path: Path, expected: str) -> SourceError:
    return SourceError(
        f'"{path.name}" has no known format, expected {expected}',
        hint="convert or rename the file",
    )


def _file_sha256(path: Path) -> str:
    require_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
