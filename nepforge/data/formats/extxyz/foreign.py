"""Plain XYZ of programs that write other quantities or units than the format defines."""

from __future__ import annotations

import re
from collections.abc import Mapping

from nepforge.errors import DataError

_NO_POSITIONS = re.compile(r"-(frc|vel)-\d+\.xyz", re.IGNORECASE)


def refuse_ipi(text: str, source: str) -> None:
    """Reject files of i-PI, which writes its cell and units into a line without pairs."""
    if "CELL(" in text or "CELL{" in text:
        raise DataError(
            f"{source}: is a file of i-PI, whose cell and units are not read: {text[:60]}",
            hint="write extended XYZ: Lattice=... and Å",
        )


def is_of_cp2k(pairs: Mapping[str, str]) -> bool:
    """Whether the comment line is CP2K's `i = 0, time = 0.000, E = -17.2`, E in hartree."""
    return "i" in pairs and "E" in pairs and "Properties" not in pairs


def refuse_cp2k(file: str, told: Mapping[str, str], source: str) -> None:
    """Reject forces and velocities in place of positions, and E without its unit.

    Raises:
        DataError: The file name says that it does not hold positions, or E is named without a unit.
    """
    if _NO_POSITIONS.search(file):
        raise DataError(
            f"{source}: {file} of CP2K holds forces or velocities in place of positions",
            hint="combine it with the positions in *-pos-*.xyz and the cells into extended XYZ",
        )
    if told.get("energy", "").lower() == "e" and "energy_unit" not in told:
        raise DataError(
            f"{source}: E of CP2K is in hartree, and no unit is given",
            hint='--energy-unit hartree, in a recipe [data.labels] energy_unit = "hartree"',
        )
