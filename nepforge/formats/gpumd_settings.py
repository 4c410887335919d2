"""nep.in, the settings file of GPUMD's trainer, for a model that GPUMD trains further.

GPUMD compares it with the header of nep.txt, so both come from `nep_txt.size_records`. What
nep.in cannot express is said in a comment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nepforge.formats.nep_txt import size_records, species_record
from nepforge.models.nep.network import NEP
from nepforge.models.nep.zbl import ZBL

SETTINGS_FILE = "nep.in"
ZBL_FILE = "zbl.in"  # table of a flexible ZBL: a line of ten numbers for each pair of species
TRAINED_VERSION = 4  # by GPUMD's nep of today
ZBL_RANGE = (1.0, 2.5)  # Å, what GPUMD accepts after `zbl`; beside zbl.in it is not used


def settings_files(model: NEP, version: int) -> Mapping[str, str]:
    """File name -> text of the settings under which GPUMD builds a model of the same sizes.

    Args:
        model: The sizes.
        version: 3, 4 or 5, of the layout that lies beside.
    """
    lines = [
        *_version_lines(version),
        f"type {species_record(model)}",
        *size_records(model),
        f"neuron {model.neurons}",
        *_zbl_lines(model.zbl),
    ]
    files = {SETTINGS_FILE: "\n".join(lines) + "\n"}
    if model.zbl is not None and model.zbl.rows:
        rows = [" ".join(map(repr, row)) for row in model.zbl.rows]
        files[ZBL_FILE] = "\n".join(rows) + "\n"
    return files


def _version_lines(version: int) -> Iterator[str]:
    yield f"version {version}"
    if version > TRAINED_VERSION:
        yield f"# nep of GPUMD trains only version {TRAINED_VERSION}; gnep trains NEP{version}"


def _zbl_lines(zbl: ZBL | None) -> Iterator[str]:
    if zbl is None:
        return
    if zbl.rows:
        low, high = ZBL_RANGE
        yield f"zbl {min(max(low, *(row[1] for row in zbl.rows)), high)!r}"
        yield f"# {ZBL_FILE} holds the flexible ZBL and must lie beside this file"
        return
    yield f"zbl {zbl.outer!r}"
    if zbl.factor is not None:
        yield f"use_typewise_cutoff_zbl {zbl.factor!r}"
    elif zbl.inner != zbl.outer / 2:
        yield f"# nep.txt has the inner cutoff {zbl.inner!r} of ZBL; GPUMD takes half of the outer"
