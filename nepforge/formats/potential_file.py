"""The model file of the train stage, whatever the kind of the potential."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from nepforge.formats import checkpoint_file, dp_file
from nepforge.formats.archive import Archive, read_archive
from nepforge.formats.checkpoint_file import NEPModel, write_checkpoint
from nepforge.formats.dp_file import DPModel, write_dp
from nepforge.formats.neighbor_counts import NeighborCounts
from nepforge.models.dp.network import DP
from nepforge.models.nep.network import NEP

Trained = NEPModel | DPModel

READERS: Mapping[str, Callable[[Archive, Path], Trained]] = {
    checkpoint_file.FORMAT: checkpoint_file.nep_of,
    dp_file.FORMAT: dp_file.dp_of,
}


def with_numbers(
    model: NEP | DP, parameters: Tensor, scaler: Tensor, neighbors: NeighborCounts | None = None
) -> Trained:
    """The model with its numbers; Deep Potential records no neighbour counts."""
    if isinstance(model, DP):
        return DPModel(model, parameters, scaler)
    return NEPModel(model, parameters, scaler, neighbors)


def write_potential(path: Path, trained: Trained) -> None:
    """Write `nep_model.ckpt` or `dp_model.ckpt`; the same model gives the same bytes."""
    if isinstance(trained, DPModel):
        write_dp(path, trained)
    else:
        write_checkpoint(path, trained)


def read_potential(path: Path) -> Trained:
    """Read what `write_potential` wrote, told by what is in the file.

    Raises:
        ModelFileError: The file is missing, damaged, or something else.
    """
    archive = read_archive(path, list(READERS))
    return READERS[archive.format](archive, path)
