"""Any model file: told by its content, read for torch or for the C++ core.

Nothing here imports torch before a checkpoint is met: a calculator of a text file starts at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nepforge.errors import ModelFileError
from nepforge.formats.text_file import read_ascii

if TYPE_CHECKING:
    from nepforge.formats.nep_txt import NEPText

CHECKPOINT = "ckpt"  # layout of nep_model.ckpt, beside those of text files
ZIP_MAGIC = b"PK"


def is_checkpoint(path: Path) -> bool:
    """Whether the file is an archive (nep_model.ckpt) and no text.

    Raises:
        ModelFileError: There is no file.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(len(ZIP_MAGIC)) == ZIP_MAGIC
    except OSError as error:
        raise ModelFileError(
            f"{path}: found no file that can be read, expected a NEP model",
            hint="name an nep_model.ckpt, a nep.txt of GPUMD or an nep_to_lmps.txt",
        ) from error


def is_deep_potential(path: Path) -> bool:
    """Whether the file is a dp_model.ckpt.

    Raises:
        ModelFileError: There is no file, or it is a damaged checkpoint.
    """
    if not is_checkpoint(path):
        return False
    from nepforge.formats.dp_file import DPModel  # noqa: PLC0415 - torch
    from nepforge.formats.potential_file import read_potential  # noqa: PLC0415

    return isinstance(read_potential(path), DPModel)


def read_model(path: Path) -> NEPText:
    """Read `nep_model.ckpt`, GPUMD's nep3, nep4 or nep5, or the LAMMPS layout.

    Raises:
        ModelFileError: Missing, damaged, or a kind of model that is not NEP.
    """
    if is_deep_potential(path):
        raise ModelFileError(
            f"{path}: found a Deep Potential, expected a NEP model: no other layout holds one",
            hint="nepforge infer and test, and nepforge.Calculator, take it as it is",
        )
    from nepforge.formats.checkpoint_file import read_checkpoint  # noqa: PLC0415 - torch
    from nepforge.formats.nep_txt import NEPText, read_nep_text  # noqa: PLC0415

    if not is_checkpoint(path):
        return read_nep_text(path)
    return NEPText(CHECKPOINT, read_checkpoint(path))


def model_text(path: Path) -> str:
    """The model as the C++ core reads it: the text itself, or a checkpoint written as text.

    Raises:
        ModelFileError: Missing, or a damaged checkpoint. Text is checked by its reader.
    """
    if not is_checkpoint(path):
        return read_ascii(path).replace("\0", "?")
    from nepforge.formats.nep_txt import lammps_text  # noqa: PLC0415 - torch

    found = read_model(path)
    return lammps_text(found.trained, found.neighbors)
