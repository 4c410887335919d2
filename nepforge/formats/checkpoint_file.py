"""`nep_model.ckpt`: one trained NEP model with all its digits.

A NumPy .npz archive (no pickle): `header` is JSON with the sizes of the model, beside it the flat
parameter vector of models.nep and the q_scaler, float64.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch
from attrs import frozen
from torch import Tensor

from nepforge.errors import ModelFileError
from nepforge.models.nep import NEP
from nepforge.models.zbl import ZBL

FORMAT = "nepforge.nep.v1"


@frozen(eq=False)
class NEPModel:
    """A model with its numbers."""

    model: NEP
    parameters: Tensor  # [n_parameters]
    q_scaler: Tensor  # [n_descriptor]


def write_checkpoint(path: Path, trained: NEPModel) -> None:
    """Write a model; the same model gives the same bytes."""
    header = json.dumps({"format": FORMAT, "model": attrs.asdict(trained.model)})
    with path.open("wb") as stream:
        np.savez(
            stream,
            header=np.frombuffer(header.encode(), dtype=np.uint8),
            parameters=trained.parameters.numpy(),
            q_scaler=trained.q_scaler.numpy(),
        )


def read_checkpoint(path: Path) -> NEPModel:
    """Read what `write_checkpoint` wrote.

    Raises:
        ModelFileError: The file is missing, damaged, or something else.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            header = json.loads(archive["header"].tobytes().decode())
            parameters = torch.from_numpy(archive["parameters"])
            q_scaler = torch.from_numpy(archive["q_scaler"])
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: does not exist") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ModelFileError(
            f"{path}: is not a nepforge checkpoint or is damaged ({error})",
            hint="nep_model.ckpt is written by the train stage",
        ) from error
    if header.get("format") != FORMAT:
        raise ModelFileError(f"{path}: format {header.get('format')!r}, expected {FORMAT!r}")
    fields: dict[str, Any] = {name: _tuples(v) for name, v in header["model"].items()}
    if fields.get("zbl"):
        fields["zbl"] = ZBL(**{name: _tuples(v) for name, v in fields["zbl"].items()})
    model = NEP(**fields)
    if parameters.shape != (model.n_parameters,) or q_scaler.shape != (model.n_descriptor,):
        raise ModelFileError(
            f"{path}: holds {len(parameters)} parameters and {len(q_scaler)} scalers, expected "
            f"{model.n_parameters} and {model.n_descriptor}"
        )
    return NEPModel(model, parameters, q_scaler)


def _tuples(value: Any) -> Any:
    """Arrays of JSON as the tuples that they were."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
