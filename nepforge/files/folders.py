"""Folders that hold data, and the files in them that are read.

Symbolic links to folders are followed; one that leads back to a folder above it is refused, and
so is a folder that may not be listed: nothing is left out in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from attrs import frozen

from nepforge.errors import DataError
from nepforge.files.content import plain_name


@frozen
class FolderFormat:
    """A folder that holds one of `marks` is a leaf; its `files` are read. Both are shell patterns,
    compared with a name without the suffix of a compression."""

    name: str
    marks: tuple[str, ...]
    files: tuple[str, ...]  # below the leaf


# Output of a DFT code by its usual name. Of several kinds in one folder the first is taken.
RUN_FILES = {
    "outcar": ("OUTCAR", "OUTCAR[._-]*", "*[._-]OUTCAR"),
    "vasprun": ("vasprun*.xml", "*[._-]vasprun.xml"),
    "movement": ("MOVEMENT", "MOVEMENT[._-]*", "*[._-]MOVEMENT"),
    "abacus": ("running_scf.log", "running_md.log", "running_relax.log", "running_cell-relax.log"),
}
RUNS = "runs"
FOLDER_FORMATS = (
    FolderFormat("pwdata", ("energies.npy", "position.npy"), ("*.npy",)),
    FolderFormat("deepmd", ("type.raw",), ("*.raw", "nopbc", "set.*/*.npy")),
    FolderFormat(RUNS, tuple(pattern for names in RUN_FILES.values() for pattern in names), ()),
)


@frozen
class Folder:
    """A folder and what lies in it, by name: `files`, and symbolic links that lead nowhere."""

    path: Path
    files: tuple[str, ...]
    dangling: tuple[str, ...]

    def holds(self, patterns: Sequence[str]) -> bool:
        """Whether one of the names matches; a dangling link counts: reading it says so."""
        return any(_matches(name, patterns) for name in (*self.files, *self.dangling))


def walk(folder: Path) -> Iterator[Folder]:
    """The folder and all below it, sorted by path.

    Raises:
        DataError: A link leads back to a folder above it, or a folder cannot be listed.
    """
    yield from sorted(_walk(folder, ()), key=lambda found: found.path)


def layouts(folder: Path) -> dict[str, list[Path]]:
    """Name of each layout that is there -> its leaves.

    Output of runs counts where there are no arrays: those were mostly made from it.
    """
    folders = list(walk(folder))
    found = {
        layout.name: [one.path for one in folders if one.holds(layout.marks)]
        for layout in FOLDER_FORMATS
    }
    if any(places for name, places in found.items() if name != RUNS):
        del found[RUNS]
    return {name: places for name, places in found.items() if places}


def files_of(leaf: Path, layout: str) -> list[Path]:
    """The files of a leaf that are read."""
    if layout == RUNS:
        return run_files(leaf)[1]
    patterns = next(known.files for known in FOLDER_FORMATS if known.name == layout)
    return [file for pattern in patterns for file in leaf.glob(pattern)]


def run_files(leaf: Path) -> tuple[str, list[Path], list[Path]]:
    """Format and files of the runs in a folder, and those that are passed over.

    An OUTCAR and a vasprun.xml side by side are one run: the first kind of `RUN_FILES` is taken.
    """
    names = sorted(file.name for file in leaf.iterdir() if not file.is_dir())
    found = {
        kind: [leaf / name for name in names if _matches(name, patterns)]
        for kind, patterns in RUN_FILES.items()
    }
    kinds = [kind for kind, files in found.items() if files]
    if not kinds:
        return "", [], []
    return kinds[0], found[kinds[0]], [file for kind in kinds[1:] for file in found[kind]]


def _walk(folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[Folder]:
    status = folder.stat()
    identity = status.st_dev, status.st_ino
    if identity in above:
        raise DataError(
            f"{folder}: leads back to a folder above it, its data would be read for ever",
            hint="take the symbolic link away, or name the folders below one by one",
        )
    files, dangling, below = [], [], []
    for name in _names(folder):
        path = folder / name
        if path.is_dir():
            below.append(path)
        elif path.exists():
            files.append(name)
        else:
            dangling.append(name)
    yield Folder(folder, tuple(files), tuple(dangling))
    for path in below:
        yield from _walk(path, (*above, identity))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be listed: {error.strerror}",
            hint="data in it would be left out; give yourself the right to read it",
        ) from error


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(plain_name(name), pattern) for pattern in patterns)
