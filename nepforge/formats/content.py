"""The bytes of a model file, read once."""

from __future__ import annotations

from pathlib import Path

from nepforge.errors import ModelFileError


def read_content(path: Path) -> bytes:
    """The whole file.

    Raises:
        ModelFileError: There is no such file, or it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"{path}: found no file that can be read, expected a model file",
            hint="name a nep_model.ckpt, nep.txt of GPUMD, nep_to_lmps.txt or dp_model.ckpt",
        ) from error
