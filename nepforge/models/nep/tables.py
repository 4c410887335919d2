"""Constants of NEP from the C++ core: ZBL, Z_lm, many-body invariants."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from attrs import frozen

from nepforge.models.nep.native import tables_json


@frozen
class ZBLConstants:
    """The universal screening of Ziegler, Biersack and Littmark (1985), as in GPUMD."""

    coulomb: float  # K = e^2 / (4 pi eps0), eV Å
    inverse_length: float  # 1/Å
    charge_power: float
    amplitudes: tuple[float, ...]  # A_m
    decays: tuple[float, ...]  # B_m


@frozen(eq=False)
class Tables:
    """Constants that Python and C++ share."""

    radii: dict[str, float]
    """Elements H..Pu by atomic number: 4/3 of common covalent radii in Å, which define the
    type-wise outer cutoffs of ZBL."""

    zbl: ZBLConstants

    zonal: tuple[tuple[tuple[int, ...], ...], ...]
    """[l - 1][m][power of u_z]: the m-th derivative of the Legendre polynomial P_l, scaled to
    coprime integers with the sign of the NEP file format."""

    invariants: dict[str, tuple[tuple[float, tuple[int, ...]], ...]]
    """By invariant: (coefficient, (a, b, c[, d])) for every product s_a s_b s_c [s_d], with the
    constants of the NEP file format (GPUMD), 15 digits."""


@cache
def tables() -> Tables:
    """The tables of the compiled core.

    Raises:
        NepforgeError: The core was not built.
    """
    read: dict[str, Any] = json.loads(tables_json())
    zbl: dict[str, Any] = {key: _frozen(value) for key, value in read["zbl"].items()}
    return Tables(
        radii=read["radii"],
        zbl=ZBLConstants(**zbl),
        zonal=_frozen(read["zonal"]),
        invariants={name: _frozen(terms) for name, terms in read["invariants"].items()},
    )


def _frozen(value: Any) -> Any:
    """Lists as tuples, all the way down."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
