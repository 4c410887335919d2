"""Units that CASTEP can print with, in eV, Å and GPa."""

from __future__ import annotations

from ase.units import Bohr, Hartree, Rydberg, kcal, kJ, mol

from nepforge.errors import DataError

LENGTHS = {"a": 1.0, "ang": 1.0, "bohr": Bohr, "a0": Bohr, "nm": 10.0, "pm": 0.01}
ENERGIES = {
    **{"ev": 1.0, "mev": 1.0e-3, "ha": Hartree, "hartree": Hartree, "ry": Rydberg},
    **{"kj/mol": kJ / mol, "kcal/mol": kcal / mol},
}
PRESSURES = {"gpa": 1.0, "mpa": 1.0e-3, "kbar": 0.1, "mbar": 100.0}


def factor(unit: str, where: str, *tables: dict[str, float]) -> float:
    """Value of a unit; for "eV/A" with a table for each part.

    Raises:
        DataError: The unit is unknown.
    """
    parts = [unit] if len(tables) == 1 else unit.rpartition("/")[::2]
    found = [table.get(part.strip().lower()) for part, table in zip(parts, tables, strict=True)]
    if None in found:
        known = " / ".join(", ".join(table) for table in tables)
        raise DataError(
            f'{where}: the unit is "{unit}", expected one of {known}',
            hint="run CASTEP with its own output units",
        )
    numerator, *denominator = [value for value in found if value is not None]
    return numerator / (denominator[0] if denominator else 1.0)
