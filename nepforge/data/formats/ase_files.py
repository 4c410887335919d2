"""ASE's own files: trajectories, databases, databases as JSON."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ase
import ase.db
import ase.io
import numpy as np
from attrs import evolve

from nepforge.data.formats.ase_atoms import frame_from_atoms, reading_with_ase
from nepforge.data.formats.options import ReadOptions
from nepforge.data.frame import Frame
from nepforge.errors import DataError
from nepforge.files.content import is_compressed, open_bytes, open_text


def read_trajectory(path: Path, options: ReadOptions) -> list[Frame]:
    """Every image of a trajectory (.traj)."""
    frames: list[Frame] = []
    with _plain(path, ".traj") as plain, reading_with_ase(str(path)):
        for atoms in ase.io.iread(plain, index=":", format="traj"):
            frames.append(_frame(atoms, atoms.info, options.source(path, len(frames)), options))
    return frames


def read_database(path: Path, options: ReadOptions) -> list[Frame]:
    """Every row of a database (SQLite), with its key-value pairs."""
    return _rows(path, ".db", options)


def read_ase_json(path: Path, options: ReadOptions) -> list[Frame]:
    """ASE's database as JSON, {"1": {...}, "ids": [...]}, or one structure.

    Raises:
        DataError: It is the JSON of another program.
    """
    with open_text(path) as stream, reading_with_ase(str(path)):
        content = json.load(stream)
    if not isinstance(content, dict) or "ids" not in content:
        found = content.get("@class") if isinstance(content, dict) else None
        raise DataError(
            f"{path}: is JSON{f' of {found}' if found else ''}, expected a database of ASE",
            hint="write the structures as extended XYZ with the program that made the file",
        )
    return _rows(path, ".json", options)


def _rows(path: Path, suffix: str, options: ReadOptions) -> list[Frame]:
    frames: list[Frame] = []
    with _plain(path, suffix) as plain, reading_with_ase(str(path)):
        database = ase.db.connect(plain, use_lock_file=False)
        for row in database.select():
            source = options.source(path, len(frames))
            frames.append(_frame(row.toatoms(), row.key_value_pairs, source, options))
    return frames


@contextmanager
def _plain(path: Path, suffix: str) -> Iterator[Path]:
    """The decompressed file under a name that ASE knows: ASE seeks in it."""
    with tempfile.TemporaryDirectory(prefix="nepforge-") as folder:
        plain = Path(folder) / f"frames{suffix}"
        if is_compressed(path):
            with open_bytes(path) as packed, plain.open("wb") as file:
                shutil.copyfileobj(packed, file)
        else:
            plain.symlink_to(path.absolute())
        yield plain


def _frame(atoms: ase.Atoms, values: Mapping[str, Any], source: str, options: ReadOptions) -> Frame:
    info = {key: text for key, value in values.items() if (text := _text(value)) is not None}
    frame = frame_from_atoms(atoms, source)
    return evolve(frame, info=info, group=info.get(options.group_by, ""))


def _text(value: Any) -> str | None:
    """A plain value as extended XYZ writes it; None for anything else."""
    if isinstance(value, bool | np.bool_):
        return "T" if value else "F"
    if isinstance(value, str | int | float | np.integer | np.floating):
        return str(value)
    return None
