"""`nep_model.ckpt`: one trained NEP model with all its digits.

See formats.archive; the arrays are the flat parameter vector of models.nep, the q_scaler, and
`neighbors`, two counts, where they are known (files of nepforge before 2026-11-27 lack them).
"""

from __future__ import annotations

from pathlib import Path

import attrs
import torch
from attrs import frozen
from torch import Tensor

from nepforge.errors import ModelFileError
from nepforge.formats.archive import (
    Archive,
    array_of,
    as_tuples,
    read_archive,
    write_archive,
)
from nepforge.formats.neighbor_counts import NeighborCounts, neighbor_bounds
from nepforge.models.nep.network import NEP
from nepforge.models.nep.zbl import ZBL

FORMAT = "nepforge.nep.v1"


@frozen(eq=False)
class NEPModel:
    """A model with its numbers."""

    model: NEP
    parameters: Tensor  # [n_parameters]
    q_scaler: Tensor  # [n_descriptor]
    neighbors: NeighborCounts | None = None  # as recorded, see formats.neighbor_counts

    @property
    def counts(self) -> NeighborCounts:
        """The neighbour counts for a file that must have them."""
        return self.neighbors or neighbor_bounds(self.model)

    @property
    def scaler(self) -> Tensor:
        """The q_scaler, as every potential calls it."""
        return self.q_scaler


def write_checkpoint(path: Path, trained: NEPModel) -> None:
    """Write a model; the same model gives the same bytes."""
    arrays = {"parameters": trained.parameters, "q_scaler": trained.q_scaler}
    if trained.neighbors is not None:
        arrays["neighbors"] = torch.tensor(attrs.astuple(trained.neighbors))
    write_archive(path, Archive(FORMAT, attrs.asdict(trained.model), arrays))


def read_checkpoint(path: Path) -> NEPModel:
    """Read what `write_checkpoint` wrote.

    Raises:
        ModelFileError: The file is missing, damaged, or something else.
    """
    return nep_of(read_archive(path, [FORMAT]), path)


def nep_of(archive: Archive, path: Path) -> NEPModel:
    """The model that an archive holds.

    Raises:
        ModelFileError: Its sizes are impossible, or its arrays do not have them.
    """
    sizes = dict(archive.sizes)
    try:
        if sizes.get("zbl"):
            sizes["zbl"] = ZBL(**{name: as_tuples(v) for name, v in sizes["zbl"].items()})
        model = NEP(**sizes)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: sizes of the model: {error}") from error
    parameters = array_of(archive, path, "parameters", (model.n_parameters,))
    q_scaler = array_of(archive, path, "q_scaler", model.scaler_shape)
    return NEPModel(model, parameters, q_scaler, _neighbors(archive, path))


def _neighbors(archive: Archive, path: Path) -> NeighborCounts | None:
    if "neighbors" not in archive.arrays:
        return None
    radial, angular = array_of(archive, path, "neighbors", (2,)).tolist()
    return NeighborCounts(int(radial), int(angular))
