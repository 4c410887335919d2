"""Which folders of a tree are read, their names, and what is skipped."""

from __future__ import annotations

from pathlib import Path

from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.table import LAYOUTS, RUNS
from nepforge.files.folders import Folder, walk

SHOWN_LINKS = 4


def folders_of(path: Path, layout: str, options: ReadOptions) -> list[tuple[Path, str]]:
    """The folders to read and their names: `path` itself, or those of the requested part below it.

    A folder of arrays is read alone; runs may lie in `path` and below it.
    """
    marks = {name: known.marks for name, known in LAYOUTS.items()}
    root = options.label or path.name
    below = list(walk(path))
    found = [folder.path for folder in below if folder.holds(marks[layout])]
    _tell(below, found, marks[RUNS] if layout != RUNS else (), root, options)
    if path in found and not options.part and layout != RUNS:
        return [(path, root)]
    if options.part:
        found = [folder for folder in found if folder.name == options.part]
    elif not found:
        return [(path, root)]  # reading it reports what is missing
    return [(folder, _name(root, path, folder)) for folder in found]


def _name(root: str, path: Path, folder: Path) -> str:
    below = folder.relative_to(path).as_posix()
    return root if below == "." else f"{root}/{below}"


def _tell(
    below: list[Folder], found: list[Path], runs: tuple[str, ...], root: str, options: ReadOptions
) -> None:
    """Report broken links, and outputs of runs that lie beside the arrays."""
    lost = [folder.path / name for folder in below for name in folder.dangling]
    lost = [link for link in lost if link.parent not in found]  # a run's POTCAR is not data
    if lost:
        names = ", ".join(link.name for link in lost[:SHOWN_LINKS])
        more = f" and {len(lost) - SHOWN_LINKS} more" if len(lost) > SHOWN_LINKS else ""
        are = "is a symbolic link" if len(lost) == 1 else "are symbolic links"
        options.notice(f"{root}: {names}{more} {are} to nothing, left out")
    beside = [folder.path.name for folder in below if runs and folder.holds(runs)]
    if beside:
        options.notice(
            f"{root}: outputs of runs (OUTCAR, MOVEMENT, ...) lie beside the arrays, not read"
        )
