"""Units of labels by name, in eV and Å, from ase.units.

Spelled as dpdata, ASE, MACE, QUIP and users spell them: "hartree/bohr", "Ha/a0", "kcal/mol/Å",
"eV/Angstrom^3", "kbar". Case does not matter, except for "meV" ("MeV" is rejected).
"""

from __future__ import annotations

import difflib
import re

import ase.units

from nepforge.errors import UsageError

UNITS = "units"  # a key of a file that names the units of everything
ENERGY_UNITS: dict[str, float] = {
    "eV": 1.0,
    "meV": 1.0e-3,
    "hartree": ase.units.Hartree,
    "Ry": ase.units.Rydberg,
    "kcal/mol": ase.units.kcal / ase.units.mol,
    "kJ/mol": ase.units.kJ / ase.units.mol,
}
LENGTH_UNITS: dict[str, float] = {"angstrom": 1.0, "bohr": ase.units.Bohr, "nm": ase.units.nm}
PRESSURE_UNITS: dict[str, float] = {
    "GPa": ase.units.GPa,
    "MPa": 1.0e-3 * ase.units.GPa,
    "Pa": ase.units.Pascal,
    "kbar": 1.0e3 * ase.units.bar,
    "bar": ase.units.bar,
}
FORCE_UNITS = {f"{e}/{d}": x / y for e, x in ENERGY_UNITS.items() for d, y in LENGTH_UNITS.items()}
STRESS_UNITS = {
    **PRESSURE_UNITS,
    **{f"{e}/{d}^3": x / y**3 for e, x in ENERGY_UNITS.items() for d, y in LENGTH_UNITS.items()},
}
UNITS_OF = {  # quantity -> unit -> how many eV, Å, eV/Å or eV/Å³ it is
    "energy": ENERGY_UNITS,
    "force": FORCE_UNITS,
    "virial": ENERGY_UNITS,
    "stress": STRESS_UNITS,
    "length": LENGTH_UNITS,
}

_OTHER_WORDS = {
    **dict.fromkeys(("ha", "eh", "hartrees", "au", "a.u."), "hartree"),
    **dict.fromkeys(("ry", "rydberg", "rydbergs"), "ry"),
    **dict.fromkeys(("a", "å", "ang", "angs", "angstroms", "ångström", "ångstrom"), "angstrom"),
    **dict.fromkeys(("a0", "bohrs"), "bohr"),
    **dict.fromkeys(("kilobar", "kb", "kbars"), "kbar"),
    **dict.fromkeys(("electronvolt", "electronvolts"), "ev"),
}
_ATOMIC = {"energy": "hartree", "force": "hartree/bohr", "virial": "hartree", "length": "bohr"}
_ATOMIC["stress"] = "hartree/bohr^3"
_ATOMIC_WORDS = ("au", "a.u.", "atomic", "atomic_unit", "atomic_units")
_BETWEEN = re.compile(r"/|(?<!\*)\*(?!\*)")
_POWER = re.compile(r"(?:\*\*|\^)?([23])?$")


def unit_factor(quantity: str, name: str) -> float | None:
    """The unit `name` in our units; None if it is not a unit of the quantity."""
    text = name.strip().replace(" ", "").replace("(", "").replace(")", "").replace("*mol", "/mol")
    if text.lower() in _ATOMIC_WORDS:
        return UNITS_OF[quantity][_ATOMIC[quantity]]
    known = {_spelling(unit): factor for unit, factor in UNITS_OF[quantity].items()}
    return known.get(_spelling(text))


def factor_of_option(quantity: str, name: str) -> float:
    """As `unit_factor`, for a name given by the user.

    Raises:
        UsageError: It is not a unit of the quantity.
    """
    factor = unit_factor(quantity, name)
    if factor is None:
        near = difflib.get_close_matches(name, UNITS_OF[quantity], n=1, cutoff=0.5)
        known = ", ".join(UNITS_OF[quantity])
        raise UsageError(
            f'"{name}" is not a unit of {quantity}, expected one of {known}',
            hint=f'did you mean "{near[0]}"?' if near else "",
        )
    return factor


def unit_in_name(quantity: str, name: str) -> str | None:
    """The unit other than ours that a name ends with: GPa of "stress_GPa", eV/bohr of "F_eV_bohr".

    None where the name contains no unit, or ours.
    """
    words = re.split(r"[-_. ]+", name)
    ends = ["/".join(w for w in words[i:] if w != "per") for i in range(1, len(words))]
    return next((end for end in ends if unit_factor(quantity, end) not in (None, 1.0)), None)


def _spelling(unit: str) -> str:
    """The canonical spelling of a unit: "Ha/a0" and "Hartree/Bohr" are "hartree/bohr"."""
    words = []
    for idx, part in enumerate(_BETWEEN.split(unit)):
        power = _POWER.search(part)
        assert power is not None
        word = part[: power.start()]
        word = word if word in ("meV", "MeV") else word.lower()
        word = "bohr" if idx and word in _ATOMIC_WORDS else _OTHER_WORDS.get(word, word)
        words.append(word + (power[1] or ""))
    return "/".join(words)
