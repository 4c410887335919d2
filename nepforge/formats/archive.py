"""The container of model files: a NumPy .npz archive (no pickle) of float64 arrays.

`header` is JSON with the name of the format and the sizes of the model.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import frozen
from torch import Tensor

from nepforge.errors import ModelFileError


@frozen(eq=False)
class Archive:
    """What such a file holds."""

    format: str
    sizes: Mapping[str, Any]  # of the model; arrays of JSON are tuples
    arrays: Mapping[str, Tensor]


def write_archive(path: Path, archive: Archive) -> None:
    """Write a file; the same content gives the same bytes."""
    header = json.dumps({"format": archive.format, "model": archive.sizes})
    arrays: dict[str, Any] = {name: array.numpy() for name, array in archive.arrays.items()}
    with path.open("wb") as stream:
        np.savez(stream, header=np.frombuffer(header.encode(), dtype=np.uint8), **arrays)


def read_archive(path: Path, formats: Sequence[str]) -> Archive:
    """Read what `write_archive` wrote, in one of the formats.

    Raises:
        ModelFileError: The file is missing, damaged, or something else.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        header = json.loads(arrays.pop("header").tobytes().decode())
        name, sizes = header["format"], header["model"]
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: does not exist") from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ModelFileError(
            f"{path}: is not a nepforge checkpoint or is damaged ({error})",
            hint="nep_model.ckpt and dp_model.ckpt are written by the train stage",
        ) from error
    if name not in formats:
        raise ModelFileError(f"{path}: format {name!r}, expected {' or '.join(map(repr, formats))}")
    tensors = {key: torch.from_numpy(array) for key, array in arrays.items()}
    return Archive(name, {key: as_tuples(value) for key, value in sizes.items()}, tensors)


def array_of(archive: Archive, path: Path, name: str, shape: Sequence[int]) -> Tensor:
    """One array, in the shape that the sizes of the model ask for.

    Raises:
        ModelFileError: It is absent, has another shape, or holds a number that is not finite.
    """
    found = archive.arrays.get(name)
    if found is None or found.shape != tuple(shape):
        words = "nothing" if found is None else f"an array of {list(found.shape)}"
        raise ModelFileError(f"{path}: {name}: found {words}, expected {list(shape)}")
    if not torch.isfinite(found).all():
        raise ModelFileError(
            f"{path}: {name}: found a number that is not finite, expected finite ones alone",
            hint="train the model again, or take the file from its run",
        )
    return found


def as_tuples(value: Any) -> Any:
    """Arrays of JSON as the tuples that they were."""
    return tuple(map(as_tuples, value)) if isinstance(value, list) else value
