"""nep.in, the settings file of GPUMD's trainer, for a model that GPUMD trains further."""

from __future__ import annotations

from nepforge.formats.nep_header import invariant_flags
from nepforge.models.nep import NEP


def nep_in_text(model: NEP) -> str:
    """Settings under which GPUMD's `nep` builds a model of the same sizes.

    A flexible ZBL is said in a file zbl.in there and is left out here.
    """
    cutoffs = model.cutoffs if isinstance(model.cutoff[0], tuple) else model.cutoffs[:1]
    flags = [int(flag > 0) for flag in invariant_flags(model)]  # 0 or 1 in nep.in
    lines = [
        "version 4",
        f"type {model.n_types} {' '.join(model.species)}",
        f"cutoff {' '.join(f'{value:g}' for pair in cutoffs for value in pair)}",
        f"n_max {model.n_max[0]} {model.n_max[1]}",
        f"basis_size {model.basis_size[0]} {model.basis_size[1]}",
        f"l_max {model.l_max} {' '.join(map(str, flags))}",
        f"neuron {model.neurons}",
    ]
    if model.zbl is not None and not model.zbl.rows:
        lines.append(f"zbl {model.zbl.outer:g}")
        if model.zbl.factor is not None:
            lines.append(f"use_typewise_cutoff_zbl {model.zbl.factor:g}")
    return "\n".join(lines) + "\n"
