"""Models with their numbers, and the archives that keep them: nep_model.ckpt and dp_model.ckpt.

See formats.archive. The arrays are the flat parameter vector of the model, its scaler, and
`neighbors`, two counts, where they are known (files of nepforge before 2026-11-27 lack them).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import torch
from attrs import frozen
from torch import Tensor

from nepforge.errors import ModelFileError
from nepforge.formats.archive import Archive, array_of, read_archive, write_archive
from nepforge.formats.neighbor_counts import NeighborCounts, neighbor_bounds
from nepforge.models.dp.network import DP
from nepforge.models.nep.network import NEP
from nepforge.models.nep.zbl import ZBL


@frozen(eq=False)
class NEPModel:
    """A NEP model with its numbers."""

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


@frozen(eq=False)
class DPModel:
    """A Deep Potential with its numbers; it records no neighbour counts."""

    model: DP
    parameters: Tensor  # [n_parameters]
    scaler: Tensor  # [n_types, N_SCALES], of the environment matrix
    neighbors: None = None


Trained = NEPModel | DPModel


@frozen
class Family:
    """How one family of models is kept."""

    format: str  # of the archive
    scaler: str  # name of the array
    model: Callable[[Mapping[str, Any]], NEP | DP]  # from its sizes
    trained: Callable[..., Trained]  # from model, parameters, scaler, neighbours


def _nep(sizes: Mapping[str, Any]) -> NEP:
    zbl = sizes.get("zbl")
    return NEP(**{**sizes, "zbl": ZBL(**zbl) if zbl else None})


# class of the model -> how it is kept
FAMILIES: Mapping[type, Family] = {
    NEP: Family("nepforge.nep.v1", "q_scaler", _nep, NEPModel),
    DP: Family("nepforge.dp.v1", "scaler", lambda sizes: DP(**sizes), DPModel),
}
FORMATS = {family.format: family for family in FAMILIES.values()}


def with_numbers(
    model: NEP | DP, parameters: Tensor, scaler: Tensor, neighbors: NeighborCounts | None = None
) -> Trained:
    """The model with its numbers; Deep Potential records no neighbour counts."""
    return FAMILIES[type(model)].trained(model, parameters, scaler, neighbors)


def write_potential(path: Path, trained: Trained) -> None:
    """Write `nep_model.ckpt` or `dp_model.ckpt`; the same model gives the same bytes."""
    family = FAMILIES[type(trained.model)]
    arrays = {"parameters": trained.parameters, family.scaler: trained.scaler}
    if trained.neighbors is not None:
        arrays["neighbors"] = torch.tensor(attrs.astuple(trained.neighbors))
    write_archive(path, Archive(family.format, attrs.asdict(trained.model), arrays))


def trained_of(content: bytes, path: Path) -> Trained:
    """The model in the content of what `write_potential` wrote; `path` is for messages.

    Raises:
        ModelFileError: It is damaged or something else, its sizes are impossible, or its arrays
            do not have them.
    """
    archive = read_archive(content, path, list(FORMATS))
    family = FORMATS[archive.format]
    try:
        model = family.model(archive.sizes)
        n_parameters, scaler_shape = model.n_parameters, model.scaler_shape
    except (TypeError, ValueError, LookupError, ArithmeticError, RuntimeError) as error:
        raise ModelFileError(f"{path}: impossible model sizes: {error}") from error
    parameters = array_of(archive, path, "parameters", (n_parameters,))
    scaler = array_of(archive, path, family.scaler, scaler_shape)
    return family.trained(model, parameters, scaler, _neighbors(archive, path))


def _neighbors(archive: Archive, path: Path) -> NeighborCounts | None:
    if "neighbors" not in archive.arrays:
        return None
    radial, angular = array_of(archive, path, "neighbors", (2,), torch.int64).tolist()
    return NeighborCounts(radial, angular)
