"""Which folders of a tree hold data, and the files in them that are read."""

from __future__ import annotations

from pathlib import Path

from nepforge.data.formats.table import LAYOUTS, OF_RUNS, RUNS
from nepforge.files.folders import matches, walk


def layouts(folder: Path) -> dict[str, list[Path]]:
    """Name of each layout found -> its leaves.

    Outputs of runs count only where there are no arrays, which were mostly made from them.
    """
    folders = list(walk(folder))
    found = {
        name: [one.path for one in folders if one.holds(layout.marks)]
        for name, layout in LAYOUTS.items()
    }
    if any(places for name, places in found.items() if name != RUNS):
        del found[RUNS]
    return {name: places for name, places in found.items() if places}


def files_of(leaf: Path, layout: str) -> list[Path]:
    """The files of a leaf that are read."""
    if layout == RUNS:
        return run_files(leaf)[1]
    return [file for pattern in LAYOUTS[layout].files for file in leaf.glob(pattern)]


def run_files(leaf: Path) -> tuple[str, list[Path], list[Path]]:
    """Format and files of the runs in a folder, and the files that are skipped.

    An OUTCAR and a vasprun.xml side by side are one run: the first format of the table is read.
    """
    names = sorted(file.name for file in leaf.iterdir() if not file.is_dir())
    found = {
        row.name: [leaf / name for name in names if matches(name, row.run_names)] for row in OF_RUNS
    }
    kinds = [kind for kind, files in found.items() if files]
    if not kinds:
        return "", [], []
    return kinds[0], found[kinds[0]], [file for kind in kinds[1:] for file in found[kind]]
