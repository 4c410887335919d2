"""A tree of folders with finished calculations: every OUTCAR, vasprun.xml, ... in it."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from nepforge.data.formats.folders import folders_of
from nepforge.data.formats.layouts import run_files
from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.table import BY_NAME, RUNS
from nepforge.data.frame import Frame


def read_runs(path: Path, options: ReadOptions) -> list[Frame]:
    """All runs at or below a folder, each by the reader of its own format."""
    frames: list[Frame] = []
    for folder, name in folders_of(path, RUNS, options):
        file_format, files, passed_over = run_files(folder)
        for file in files:
            of_file = evolve(options, label=f"{name}/{file.name}", part="")
            found = BY_NAME[file_format].reader()(file, of_file)
            if not found:
                options.notice(f"{of_file.label}: holds no finished step, left out")
            frames += found
        if passed_over:
            skipped = ", ".join(file.name for file in passed_over)
            options.notice(f"{name}: {files[0].name} is read, {skipped} beside it is not")
    return frames
