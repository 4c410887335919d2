"""`covariance.npz`: the covariance of the parameters of one model, beside its file.

See formats.archive. Of each block the lower triangle of L, P = L L^T, is kept in single precision:
half the numbers in half the bytes of P, and error bars that differ by less than 1e-4 of themselves
(P in single precision would lose its small variances, which predictions depend on).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nepforge.errors import ModelFileError
from nepforge.formats.archive import Archive, array_of, read_archive, write_archive
from nepforge.formats.content import read_content
from nepforge.formats.nep_file import CHECKPOINT, NEPFile
from nepforge.formats.open_model import ModelFile
from nepforge.formats.potential_file import NEPModel
from nepforge.models.uncertainty import Covariance

FORMAT = "nepforge.covariance.v1"
FILE = "covariance.npz"


def write_covariance(path: Path, covariance: Covariance, parameters: Tensor) -> None:
    """Write the covariance of a model; the same covariance gives the same bytes."""
    facts = {
        "blocks": [len(factor) for factor in covariance.factors],
        "energy_factor": covariance.energy_factor,
        "force_factor": covariance.force_factor,
        "parameters": _digest(parameters),
    }
    arrays = {f"L.{b}": _packed(factor) for b, factor in enumerate(covariance.factors)}
    write_archive(path, Archive(FORMAT, facts, arrays))


def covariance_of(opened: ModelFile) -> tuple[NEPModel, Covariance]:
    """A model, and the covariance that lies beside its file.

    Raises:
        ModelFileError: The model has none (only one that LKF trained has, and only as
            nep_model.ckpt), or the covariance is damaged or belongs to another model.
    """
    beside = Path(opened.name).parent / FILE
    if not isinstance(opened, NEPFile) or opened.layout != CHECKPOINT or not beside.exists():
        raise ModelFileError(
            f"{opened.name}: this model has no covariance: expected nep_model.ckpt with {FILE} "
            "beside it",
            hint='train with optimizer.kind = "lkf", and name train/nep_model.ckpt of that run, or '
            "that of the cache where summary.json of the run lists it as only_in_cache",
        )
    return opened.trained, read_covariance(beside, opened.trained.parameters)


def read_covariance(path: Path, parameters: Tensor) -> Covariance:
    """Read what `write_covariance` wrote.

    Raises:
        ModelFileError: The file is missing, damaged, or belongs to other parameters.
    """
    archive = read_archive(read_content(path), path, [FORMAT])
    facts = archive.sizes
    if facts["parameters"] != _digest(parameters):
        raise ModelFileError(
            f"{path}: is the covariance of another model",
            hint="keep the model and the covariance of one training together",
        )
    factors = [
        _unpacked(array_of(archive, path, f"L.{b}", (n * (n + 1) // 2,), torch.float32), n)
        for b, n in enumerate(facts["blocks"])
    ]
    return Covariance(tuple(factors), facts["energy_factor"], facts["force_factor"])


def _digest(parameters: Tensor) -> str:
    return hashlib.sha256(parameters.numpy().tobytes()).hexdigest()


def _triangle(n: int) -> Tensor:
    return torch.from_numpy(np.tri(n, dtype=bool))


def _packed(factor: Tensor) -> Tensor:
    return factor[_triangle(len(factor))].float()


def _unpacked(triangle: Tensor, n: int) -> Tensor:
    factor = torch.zeros(n, n, dtype=torch.float64)
    factor[_triangle(n)] = triangle.double()
    return factor
