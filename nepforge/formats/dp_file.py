"""`dp_model.ckpt`: one trained Deep Potential with all its digits.

See formats.archive; the arrays are the flat parameter vector of models.dp and the scaler of the
environment matrix.
"""

from __future__ import annotations

from pathlib import Path

import attrs
from attrs import frozen
from torch import Tensor

from nepforge.errors import ModelFileError
from nepforge.formats.archive import Archive, array_of, read_archive, write_archive
from nepforge.models.dp.network import DP

FORMAT = "nepforge.dp.v1"


@frozen(eq=False)
class DPModel:
    """A model with its numbers."""

    model: DP
    parameters: Tensor  # [n_parameters]
    scaler: Tensor  # [n_types, N_SCALES]


def write_dp(path: Path, trained: DPModel) -> None:
    """Write a model; the same model gives the same bytes."""
    arrays = {"parameters": trained.parameters, "scaler": trained.scaler}
    write_archive(path, Archive(FORMAT, attrs.asdict(trained.model), arrays))


def read_dp(path: Path) -> DPModel:
    """Read what `write_dp` wrote.

    Raises:
        ModelFileError: The file is missing, damaged, or something else.
    """
    return dp_of(read_archive(path, [FORMAT]), path)


def dp_of(archive: Archive, path: Path) -> DPModel:
    """The model that an archive holds.

    Raises:
        ModelFileError: Its sizes are impossible, or its arrays do not have them.
    """
    try:
        model = DP(**archive.sizes)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: sizes of the model: {error}") from error
    parameters = array_of(archive, path, "parameters", (model.n_parameters,))
    return DPModel(model, parameters, array_of(archive, path, "scaler", model.scaler_shape))
