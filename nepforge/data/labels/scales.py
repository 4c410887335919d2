"""Factors from the units and signs of a file to ours, given by options or by keys of the file."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from nepforge.data.frame import FloatArray, Frame
from nepforge.data.labels.names import COMPRESSION, GRADIENT, TENSION, LabelNames
from nepforge.data.labels.units import UNITS, UNITS_OF, factor_of_option, unit_factor
from nepforge.errors import DataError

# what is scaled -> (kind of unit, keys of a file that name the unit)
_SCALED = {
    "energy": ("energy", ("energy",)),
    "force": ("force", ("force",)),
    "virial": ("virial", ("virial",)),
    "stress": ("stress", ("stress",)),
    "position": ("length", ("position", "length")),
    "cell": ("length", ("lattice", "length")),
}
OUR_UNITS = ("metal", "ase", "ev", "ev/angstrom", "ev, angstrom")  # of a key `units`
_LENGTHS = ("position", "cell")


class LabelScales:
    """The factors of all labels of a file."""

    def __init__(self, names: LabelNames) -> None:
        told = names.given
        self._units = {what: told.get(f"{what}_unit") for what in _SCALED}
        self._told = {
            what: factor_of_option(what, unit)
            for what, unit in self._units.items()
            if unit is not None and what not in _LENGTHS
        }
        turned = {
            "force": names.force_sign == GRADIENT,
            "virial": names.virial_sign == TENSION,
            "stress": names.stress_sign == COMPRESSION,
        }
        self._signs = {what: -1.0 if turned.get(what) else 1.0 for what in _SCALED}
        self._plain = {what: self._told.get(what, 1.0) * self._signs[what] for what in _SCALED}

    def of(
        self, pairs: Mapping[str, str], unit_keys: Mapping[str, str], source: str
    ) -> dict[str, float]:
        """Factors of one frame; `unit_keys` are the keys that name units, by quantity.

        Raises:
            DataError: A unit is unknown, or is not the one given by options.
        """
        if not unit_keys:
            return self._plain
        self._check_units(pairs[unit_keys[UNITS]] if UNITS in unit_keys else "", source)
        return {what: self._factor(what, pairs, unit_keys, source) for what in _SCALED}

    def _check_units(self, name: str, source: str) -> None:
        """Check the key `units`: our units, a number without meaning, or overridden by options."""
        is_ours = name.lower() in OUR_UNITS or not any(char.isalpha() for char in name)
        if not is_ours and not self._told:
            raise DataError(
                f'{source}: units is "{name}", expected one of {", ".join(OUR_UNITS)}',
                hint="give the units of the labels: --energy-unit, --force-unit, --stress-unit",
            )

    def applied(self, frame: Frame) -> Frame:
        """A frame whose labels were read unconverted, in our units."""
        scale = self._plain
        return evolve(
            frame,
            energy=None if frame.energy is None else frame.energy * scale["energy"],
            forces=scaled(frame.forces, scale["force"]),
            virial=scaled(frame.virial, scale["virial"]),
            atomic_energy=scaled(frame.atomic_energy, scale["energy"]),
        )

    def _factor(
        self, what: str, pairs: Mapping[str, str], unit_keys: Mapping[str, str], source: str
    ) -> float:
        quantity, quantities = _SCALED[what]
        keys = [unit_keys[name] for name in quantities if name in unit_keys]
        if not keys:
            return self._plain[what]
        name = pairs[keys[0]]
        factor = unit_factor(quantity, name)
        if factor is None:
            raise DataError(
                f'{source}: {keys[0]} is "{name}", expected one of {", ".join(UNITS_OF[quantity])}',
                hint="convert the labels, or correct the unit in the file",
            )
        if what in self._told and self._told[what] != factor:
            raise DataError(
                f"{source}: {keys[0]} is {name}, and {what}_unit {self._units[what]} is requested",
                hint=f"omit {what}_unit, or correct the file",
            )
        return factor * self._signs[what]


def scaled(values: FloatArray | None, factor: float) -> FloatArray | None:
    """Bitwise unchanged where the unit is ours already."""
    return values if values is None or factor == 1.0 else values * factor
