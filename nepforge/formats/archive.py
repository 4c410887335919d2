"""The container of model files: a NumPy .npz archive (no pickle) of float64 arrays.

`header` is JSON with the name of the format and the sizes of the model.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import frozen
from torch import Tensor

from nepforge.errors import ModelFileError

# What NumPy and zipfile raise on damaged files.
DAMAGE = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, RuntimeError),
    *(MemoryError, OverflowError, zipfile.BadZipFile, zlib.error),
)


@frozen(eq=False)
class Archive:
    """Content of an archive."""

    format: str
    sizes: Mapping[str, Any]  # of the model; arrays of JSON are tuples
    arrays: Mapping[str, Tensor]


def write_archive(path: Path, archive: Archive) -> None:
    """Write a file; the same content gives the same bytes."""
    header = json.dumps({"format": archive.format, "model": archive.sizes})
    arrays: dict[str, Any] = {name: array.numpy() for name, array in archive.arrays.items()}
    with path.open("wb") as stream:
        np.savez(stream, header=np.frombuffer(header.encode(), dtype=np.uint8), **arrays)


def read_archive(content: bytes, path: Path, formats: Sequence[str]) -> Archive:
    """Read what `write_archive` wrote, in one of the formats; `path` is for messages.

    Raises:
        ModelFileError: It is damaged or something else.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        header = json.loads(arrays.pop("header").tobytes().decode())
        name, sizes = header["format"], header["model"]
        sizes = {key: as_tuples(value) for key, value in sizes.items()}
        tensors = {key: torch.from_numpy(array) for key, array in arrays.items()}
    except DAMAGE as error:
        raise ModelFileError(
            f"{path}: is not a model file of nepforge or is damaged ({error})",
            hint="nep_model.ckpt and dp_model.ckpt are written by the train stage",
        ) from error
    if name not in formats:
        raise ModelFileError(f"{path}: format {name!r}, expected {' or '.join(map(repr, formats))}")
    return Archive(name, sizes, tensors)


def array_of(
    archive: Archive,
    path: Path,
    name: str,
    shape: Sequence[int],
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """One array, in the shape that the sizes of the model ask for.

    Raises:
        ModelFileError: It is absent, has another shape or type, or holds a number that is not
            finite.
    """
    found = archive.arrays.get(name)
    if found is None or found.shape != tuple(shape) or found.dtype != dtype:
        words = "nothing" if found is None else f"{_type_name(found.dtype)} {list(found.shape)}"
        raise ModelFileError(
            f"{path}: {name}: found {words}, expected {_type_name(dtype)} {list(shape)}"
        )
    if not torch.isfinite(found).all():
        raise ModelFileError(
            f"{path}: {name}: found a number that is not finite, expected finite numbers",
            hint="train the model again, or take the file from its run",
        )
    return found


def as_tuples(value: Any) -> Any:
    """JSON arrays as tuples, which they were."""
    if isinstance(value, dict):
        return {key: as_tuples(entry) for key, entry in value.items()}
    return tuple(map(as_tuples, value)) if isinstance(value, list) else value


def _type_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
