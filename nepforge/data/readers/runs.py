"""A folder tree of finished calculations: every OUTCAR or vasprun.xml in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import evolve

from nepforge.data.frame import Frame
from nepforge.data.readers.folders import folders_of
from nepforge.data.readers.options import ReadOptions
from nepforge.files.folders import RUNS, run_files

Reader = Callable[[Path, ReadOptions], list[Frame]]


def runs_reader(readers: Mapping[str, Reader]) -> Reader:
    """A reader of all runs at or below a folder, each by the reader of its own format."""

    def read(path: Path, options: ReadOptions) -> list[Frame]:
        frames: list[Frame] = []
        for folder, name in folders_of(path, RUNS, options):
            file_format, files, passed_over = run_files(folder)
            for file in files:
                of_file = evolve(options, label=f"{name}/{file.name}", part="")
                found = readers[file_format](file, of_file)
                if not found:
                    options.notice(f"{of_file.label}: holds no finished step, left out")
                frames += found
            if passed_over:
                skipped = ", ".join(file.name for file in passed_over)
                options.notice(f"{name}: {files[0].name} is read, {skipped} beside it is not")
        return frames

    return read
