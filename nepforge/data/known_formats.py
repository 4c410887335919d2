"""Which format a data file has: told by what its first lines say, else by its name.

The names of the formats are keys of the readers' table in `data.readers`; a test compares the two.
"""

from __future__ import annotations

import lzma
import re
import zlib
from fnmatch import fnmatchcase
from pathlib import Path

from attrs import frozen

from nepforge.files.content import open_bytes, open_text, plain_name

HEAD_LENGTH = 2**16  # characters that are looked at
BINARY_HEAD = 64  # bytes


@frozen
class FileFormat:
    """`names` are shell patterns of file names, in lower case and without a compression's suffix;
    `mark` is a regular expression that the first lines of such a file match, "" for none.
    A file `is_binary` where its bytes are no text."""

    name: str
    names: tuple[str, ...] = ()
    mark: str = ""
    is_binary: bool = False


_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_POSCAR = (  # title, scale, three vectors
    rf"\A.*\n[ \t]*{_NUMBER}[ \t]*\n(?:[ \t]*{_NUMBER}(?:[ \t]+{_NUMBER}){{2}}[ \t]*\n){{3}}"
)
FILE_FORMATS = (
    FileFormat("ase-trajectory", ("*.traj",), r"\A- of UlmASE-Trajectory", is_binary=True),
    FileFormat("ase-database", ("*.db",), r"\ASQLite format 3\x00", is_binary=True),
    FileFormat("extxyz", ("*.xyz", "*.extxyz"), r"(?i)\A\s*\d+\s*\n.*\b(properties|lattice)\s*="),
    FileFormat("vasprun", ("*vasprun*.xml",), r"^<modeling>"),
    FileFormat("poscar", ("*.vasp", "*poscar*", "*contcar*"), _POSCAR),
    FileFormat("outcar", ("*outcar*",), r"\A *vasp\.\d"),
    FileFormat("movement", ("*movement*",), r"\A\s*\d+\s*atoms\s*,\s*Iteration"),
    FileFormat("lammps-dump", ("*.dump", "dump.*", "*.lammpstrj"), r"\AITEM: (TIMESTEP|UNITS)"),
    FileFormat("lammps-data", ("*.lmp", "*.data", "data.*"), r"^\s*\d+\s+atom types"),
    FileFormat("atom.config", ("*.config",), r"(?i)\A\s*\d+\s*(atoms)?\s*\n\s*lattice\b(?!\s*=)"),
    FileFormat("mtp", ("*.cfg",), r"\A\s*BEGIN_CFG"),
    FileFormat("cp2k", (), r"^ CP2K\| "),
    FileFormat("espresso", ("*.pwo",), r"^ *Program PWSCF"),
    FileFormat("abinit", ("*.abo",), r"^\.Version +\S+ +of ABINIT"),
    FileFormat("abacus", ("running_*.log",), r"^ *(WELCOME TO ABACUS|ABACUS v\d)"),
    FileFormat("castep", ("*.castep",), r"CASTEP version"),
    FileFormat("cif", ("*.cif",), r"\A(\s*#.*\n)*\s*data_"),
    FileFormat("ase-json", ("*.json",), r'\A\s*\{"1": ?\{'),
)


def file_format(path: Path) -> str | None:
    """Name of the format of a file: by its first lines, else by its name; None when neither says.

    Raises:
        DataError: It is an archive, a pipe, UTF-16.
        OSError: The file cannot be read.
    """
    head = _head(path)
    for known in FILE_FORMATS:
        if known.mark and re.search(known.mark, head, re.MULTILINE):
            return known.name
    name = plain_name(path.name).lower()
    for known in FILE_FORMATS:
        if any(fnmatchcase(name, pattern) for pattern in known.names):
            return known.name
    return None


def _head(path: Path) -> str:
    """The first lines; of a binary file what its bytes are as Latin text."""
    try:
        with open_bytes(path) as file:
            first = file.read(BINARY_HEAD).decode("latin-1")
        if any(known.is_binary and re.search(known.mark, first) for known in FILE_FORMATS):
            return first
        with open_text(path) as text:
            return text.read(HEAD_LENGTH)
    except (EOFError, lzma.LZMAError, zlib.error):  # damaged: the reader will say so
        return ""
    except OSError as error:
        if error.errno is None:  # of a decompressor, not of the system
            return ""
        raise
