"""Which format a data file has: told by its name, or by what its first lines say.

The names of the formats are keys of the readers' table in `data.readers`; a test compares the two.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import Any

from attrs import frozen

COMPRESSIONS: dict[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".xz": lzma.open,
    ".bz2": bz2.open,
}
HEAD_LENGTH = 2**16  # characters that are looked at


@frozen
class FileFormat:
    """`names` are shell patterns of file names, in lower case and without a compression's suffix;
    `mark` is a regular expression that the first lines of such a file match, "" for none."""

    name: str
    names: tuple[str, ...] = ()
    mark: str = ""


@frozen
class FolderFormat:
    """A folder that holds one of `marks` is a leaf; its `files` are read."""

    name: str
    marks: tuple[str, ...]
    files: tuple[str, ...]  # shell patterns below the leaf


FILE_FORMATS = (
    FileFormat("extxyz", ("*.xyz", "*.extxyz"), r"\A\s*\d+ *\n.*Properties="),
    FileFormat("vasprun", ("*vasprun*.xml",), r"^<modeling>"),
    FileFormat("poscar", ("*.vasp", "*poscar*", "*contcar*")),
    FileFormat("outcar", ("*outcar*",), r"\A *vasp\.\d"),
    FileFormat("movement", ("*movement*",), r"\A\s*\d+\s*atoms\s*,\s*Iteration"),
    FileFormat("atom.config", ("*.config",)),
    FileFormat("lammps-dump", ("*.dump", "dump.*", "*.lammpstrj"), r"\AITEM: (TIMESTEP|UNITS)"),
    FileFormat("lammps-data", ("*.lmp", "*.data", "data.*"), r"^\s*\d+\s+atom types"),
    FileFormat("cp2k", (), r"^ CP2K\| "),
    FileFormat("espresso", ("*.pwo",), r"^ *Program PWSCF"),
    FileFormat("abinit", ("*.abo",), r"^\.Version +\S+ +of ABINIT"),
    FileFormat("castep", ("*.castep",), r"CASTEP version"),
    FileFormat("cif", ("*.cif",)),
)
FOLDER_FORMATS = (
    FolderFormat("pwdata", ("energies.npy", "position.npy"), ("*.npy",)),
    FolderFormat("deepmd", ("type.raw",), ("*.raw", "nopbc", "set.*/*.npy")),
)


def file_format(path: Path) -> str | None:
    """Name of the format of a file: by its name, else by its first lines; None when neither says.

    Raises:
        OSError: The file cannot be read.
    """
    packed = path.suffix.lower() in COMPRESSIONS
    name = PurePath(path.name).stem if packed else path.name
    for known in FILE_FORMATS:
        if any(fnmatchcase(name.lower(), pattern) for pattern in known.names):
            return known.name
    head = _head(path)
    for known in FILE_FORMATS:
        if known.mark and re.search(known.mark, head, re.MULTILINE):
            return known.name
    return None


def _head(path: Path) -> str:
    opener = COMPRESSIONS.get(path.suffix.lower(), open)
    try:
        with opener(path, "rt", encoding="utf-8", errors="replace") as file:
            return str(file.read(HEAD_LENGTH))
    except (EOFError, lzma.LZMAError):  # damaged: the reader will say so, if the name tells one
        return ""
