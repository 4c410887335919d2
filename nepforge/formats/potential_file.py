"""The model file of the train stage, whatever the kind of the potential."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from nepforge.formats import checkpoint_file, dp_file
from nepforge.formats.archive import Archive, read_archive
from nepforge.models.potential import TrainedPotential

READERS: Mapping[str, Callable[[Archive, Path], TrainedPotential]] = {
    checkpoint_file.FORMAT: checkpoint_file.nep_of,
    dp_file.FORMAT: dp_file.dp_of,
}


def read_potential(path: Path) -> TrainedPotential:
    """Read `nep_model.ckpt` or `dp_model.ckpt`, told by what is in the file.

    Raises:
        ModelFileError: The file is missing, damaged, or something else.
    """
    archive = read_archive(path, list(READERS))
    return READERS[archive.format](archive, path)
