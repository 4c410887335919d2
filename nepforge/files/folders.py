"""Trees of folders.

Symbolic links to folders are followed. A link that leads back to a folder above it is an error, and
so is a folder that cannot be listed: nothing is left out silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from attrs import frozen

from nepforge.errors import DataError
from nepforge.files.content import plain_name


@frozen
class Folder:
    """A folder and the names in it: `files`, and symbolic links that are broken."""

    path: Path
    files: tuple[str, ...]
    dangling: tuple[str, ...]

    def holds(self, patterns: Sequence[str]) -> bool:
        """Whether one of the names matches; a broken link counts, and reading it is an error."""
        return any(matches(name, patterns) for name in (*self.files, *self.dangling))


def walk(folder: Path) -> Iterator[Folder]:
    """The folder and all below it, sorted by path.

    Raises:
        DataError: A link leads back to a folder above it, or a folder cannot be listed.
    """
    yield from sorted(_walk(folder, ()), key=lambda found: found.path)


def _walk(folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[Folder]:
    status = folder.stat()
    identity = status.st_dev, status.st_ino
    if identity in above:
        raise DataError(
            f"{folder}: leads back to a folder above it, its data would be read forever",
            hint="remove the symbolic link, or name the folders below one by one",
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
            hint="its data would be left out; grant yourself read permission",
        ) from error


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name, without the suffix of a compression, matches one of the shell patterns."""
    return any(fnmatchcase(plain_name(name), pattern) for pattern in patterns)
