"""Names, units and signs of the labels in a file, as the user gives them."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from attrs import field, frozen

from nepforge.data.labels.units import factor_of_option, unit_in_name
from nepforge.errors import UsageError

COMPRESSION, TENSION = "compression-positive", "tension-positive"
SIGNS = (COMPRESSION, TENSION)
FORCE, GRADIENT = "force", "gradient"
_QUANTITIES = {  # label -> kind of its unit
    "energy": "energy",
    "forces": "force",
    "virial": "virial",
    "stress": "stress",
    "atomic_energy": "energy",
}


def _unit_of(quantity: str) -> Callable[[object, object, str], None]:
    def check(_names: object, _attribute: object, unit: str) -> None:
        if unit:
            factor_of_option(quantity, unit)

    return check


def _one_of(*words: str) -> Callable[[object, object, str], None]:
    def check(_names: object, _attribute: object, word: str) -> None:
        if word and word not in words:
            raise UsageError(f'got "{word}", expected {" or ".join(words)}')

    return check


@frozen
class LabelNames:
    """Where the labels of extended XYZ are and how to read them; "" for the defaults.

    `energy`, `virial` and `stress` are keys of the comment line, `forces` and `atomic_energy`
    columns: the exact name, or the only one that differs from it by case. A label with a name is
    looked for under no other. Units are those of `units`; `energy_unit` also applies to atomic
    energies. By default a virial is positive in compression and a stress in tension; `force_sign`
    "gradient" is for columns that hold dU/dr.
    """

    energy: str = ""
    forces: str = ""
    virial: str = ""
    stress: str = ""
    atomic_energy: str = ""
    energy_unit: str = field(default="", validator=_unit_of("energy"))
    force_unit: str = field(default="", validator=_unit_of("force"))
    virial_unit: str = field(default="", validator=_unit_of("virial"))
    stress_unit: str = field(default="", validator=_unit_of("stress"))
    force_sign: str = field(default="", validator=_one_of(FORCE, GRADIENT))
    virial_sign: str = field(default="", validator=_one_of(*SIGNS))
    stress_sign: str = field(default="", validator=_one_of(*SIGNS))

    def __attrs_post_init__(self) -> None:
        """Reject a name that contains a unit, such as "stress_GPa", when no unit is given."""
        told = self.given
        for label, quantity in _QUANTITIES.items():
            unit = unit_in_name(quantity, told.get(label, ""))
            if unit and f"{quantity}_unit" not in told:
                raise UsageError(
                    f'the name "{told[label]}" of {label} contains {unit}, and no unit is given',
                    hint=f"--{quantity}-unit {unit}, in a recipe [data.labels] {quantity}_unit = "
                    f'"{unit}"; or the unit that the file really has',
                )

    @property
    def given(self) -> dict[str, str]:
        """What is given, by its name in a recipe."""
        told = attrs.asdict(self)
        return {name: value for name, value in told.items() if value}


USUAL_NAMES = LabelNames()
