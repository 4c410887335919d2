"""Numbers that were written as text, with a unit: "300 K", "5 A". What to write instead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import attrs

from nepforge.recipe.limits import Violation
from nepforge.recipe.positions import Parts
from nepforge.recipe.tables import Recipe
from nepforge.recipe.tables.key import about, all_tables, keys_of

_SAME = {  # spellings, in lower case
    "Å": ("å", "a", "ang", "angs", "angstrom", "angstroms", "å"),
    "eV": ("ev",),
    "min": ("min", "mins", "minute", "minutes"),
    "K": ("k", "kelvin"),
    "bar": ("bar", "bars"),
    "fs": ("fs",),
}
_FACTORS = {  # (spelling, unit) -> how many of the unit it is
    ("nm", "Å"): 10.0,
    ("pm", "Å"): 0.01,
    ("bohr", "Å"): 0.529177210903,  # CODATA 2018
    ("mev", "eV"): 1.0e-3,
    ("hartree", "eV"): 27.211386245988,  # CODATA 2018
    ("ha", "eV"): 27.211386245988,
    ("ry", "eV"): 13.605693122994,  # CODATA 2018
    ("s", "min"): 1.0 / 60.0,
    ("h", "min"): 60.0,
    ("hours", "min"): 60.0,
    ("gpa", "bar"): 1.0e4,
    ("mpa", "bar"): 10.0,
    ("kbar", "bar"): 1.0e3,
    ("pa", "bar"): 1.0e-5,
    ("atm", "bar"): 1.01325,
    ("ps", "fs"): 1.0e3,
}
_CELSIUS = ("°c", "c", "celsius")
ZERO_CELSIUS = 273.15  # K
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
QUANTITY = re.compile(
    rf"\s*(?P<number>{_NUMBER})\s*(?P<unit>[^\W\d_]*|°\s?C|[^\W\d_]+/[^\W\d_]+)\s*"
)


@cache
def units() -> dict[str, str]:
    """Name of a key -> the unit of its numbers, where it has one that is often written out."""
    return {
        name: about(attribute).unit
        for table in all_tables(Recipe)
        for name, attribute in keys_of(table).items()
        if about(attribute).unit in _SAME
    }


def with_unit_hints(violations: Sequence[Violation], document: Any) -> list[Violation]:
    """The violations; those about a number in quotes say what to write."""
    return [_hinted(violation, document) for violation in violations]


def quantity_hint(text: str, at: Parts) -> str:
    """What to write for a text like "300 K" at a key; "" when it is no such text."""
    found = QUANTITY.fullmatch(text)
    if found is None:
        return ""
    number, given = found["number"], found["unit"].strip()
    unit = next((units()[part] for part in reversed(at) if part in units()), "")
    if not given:
        return f"write the number without quotes: {number}"
    if not unit:
        return f"write the number alone: {number}"
    converted = _converted(float(number), given, unit)
    if converted is None:
        return f"write a number alone, in {unit}"
    if given.lower() in _SAME[unit]:
        return f"write {number}: it is in {unit}"
    return f"it is in {unit}: {number} {given} is {converted:.10g}"


def _converted(number: float, given: str, unit: str) -> float | None:
    spelling = given.lower()
    if spelling in _SAME[unit]:
        return number
    if unit == "K" and spelling.replace(" ", "") in _CELSIUS:
        return number + ZERO_CELSIUS
    factor = _FACTORS.get((spelling, unit))
    return None if factor is None else number * factor


def _hinted(violation: Violation, document: Any) -> Violation:
    value = _value_at(document, violation.at)
    expects_number = re.search(r"expected an? .*\b(number|integer|array of)\b", violation.message)
    if not isinstance(value, str) or violation.hint or not expects_number:
        return violation
    return attrs.evolve(violation, hint=quantity_hint(value, violation.at))


def _value_at(document: Any, at: Parts) -> Any:
    """The value of the parsed recipe; None where there is none."""
    try:
        for part in at:
            document = document[part]
    except (KeyError, IndexError, TypeError):
        return None
    return document
