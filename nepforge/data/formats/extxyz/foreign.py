"""Plain XYZ of programs that write other quantities and units into it than the format has."""

from __future__ import annotations

import re
from collections.abc import Mapping

from nepforge.errors import DataError

_NO_POSITIONS = re.compile(r"-(frc|vel)-\d+\.xyz", re.IGNORECASE)


def refuse_ipi(text: str, source: str) -> None:
    """i-PI writes its cell and units into a line without pairs: nothing of it would be read."""
    if "CELL(" in text or "CELL{" in text:
        raise DataError(
            f"{source}: is of i-PI, whose cell and units are not read: {text[:60]}",
            hint="write extended XYZ: Lattice=... and Å",
        )


def is_of_cp2k(pairs: Mapping[str, str]) -> bool:
    """Whether the comment line is CP2K's `i = 0, time = 0.000, E = -17.2`, E in hartree."""
    return "i" in pairs and "E" in pairs and "Properties" not in pairs


def refuse_cp2k(file: str, told: Mapping[str, str], source: str) -> None:
    """Refuse forces and velocities in the place of positions, and E in eV.

    Raises:
        DataError: By its name the file holds no positions, or E is named without its unit.
    """
    if _NO_POSITIONS.search(file):
        raise DataError(
            f"{source}: {file} of CP2K holds forces or velocities in the place of positions",
            hint="join it with the positions in *-pos-*.xyz and the cells to extended XYZ",
        )
    if told.get("energy", "").lower() == "e" and "energy_unit" not in told:
        raise DataError(
            f"{source}: E of CP2K is in hartree, and no unit is told",
            hint='--energy-unit hartree, in a recipe [data.labels] energy_unit = "hartree"',
        )
