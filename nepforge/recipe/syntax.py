"""What is wrong with a line that is not TOML, and what to write instead."""

from __future__ import annotations

import re

from nepforge.recipe.positions import Parts
from nepforge.recipe.value_units import QUANTITY, quantity_hint

_KEY_VALUE = re.compile(r"\s*(?P<key>[\w.\"'-]+)\s*=\s*(?P<value>.*?)\s*(#.*)?")
_WORD = re.compile(r"(?!true$|false$|inf$|nan$)[A-Za-z_./~][^\s\"'\[\]{},=]*")
_WORDS = {
    **{word: f"write {word.lower()}" for word in ("True", "False", "TRUE", "FALSE")},
    **dict.fromkeys(("None", "null", "nil"), "remove the key"),
}
_NUMBERS = (  # what is written -> what TOML takes
    (re.compile(r"([-+]?\d+\.?\d*)[dD]([-+]?\d+)"), r"\1e\2"),  # Fortran
    (re.compile(r"([-+]?)\.(\d+)"), r"\g<1>0.\2"),
    (re.compile(r"([-+]?\d+)\."), r"\1.0"),
    (re.compile(r"([-+]?\d+),(\d+)"), r"\1.\2"),
    (re.compile(r"([-+]?)0+(\d+)"), r"\1\2"),
)


def syntax_hint(line: str) -> str:
    """What to write instead of a line of a recipe; "" when that is not known."""
    if re.search("[“”„‘’]", line):
        return 'use straight quotes: "'
    if re.fullmatch(r"\s*[\w.-]+\s*:\s.*", line):
        return "TOML writes key = value"
    found = _KEY_VALUE.fullmatch(line)
    if found is None:
        return ""
    key, value = found["key"], found["value"]
    if "\\" in value and value.startswith('"'):
        return "\\ is an escape in double quotes: write /, or use single quotes"
    listed = value.strip("[]").split(",") if value.startswith("[") else []
    items = [item.strip() for item in listed if item.strip()] or [value]
    hints = (_value_hint(item, (key.rpartition(".")[2],)) for item in items)
    return next((hint for hint in hints if hint), "")


def _value_hint(value: str, at: Parts) -> str:
    if not value:
        return "the value is missing; remove the key to use its default"
    if value in _WORDS:
        return _WORDS[value]
    for pattern, instead in _NUMBERS:
        if pattern.fullmatch(value):
            return f"write {pattern.sub(instead, value)}"
    quantity = QUANTITY.fullmatch(value)
    if quantity is not None and quantity["unit"]:
        return quantity_hint(value, at)
    return f'strings need quotes: "{value}"' if _WORD.fullmatch(value) else ""
