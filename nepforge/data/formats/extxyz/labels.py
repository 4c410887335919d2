"""Which key or column of extended XYZ is which label.

The usual names are those of ASE and GPUMD, in any case. `free_energy` takes precedence over
`energy`: the forces derive from it, as in every other reader; an `energy` beside it (ASE) is the
extrapolation to no smearing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache

from attrs import frozen

from nepforge.data.formats.extxyz.comment import value_words
from nepforge.data.labels.names import LabelNames
from nepforge.data.labels.units import UNITS
from nepforge.errors import DataError
from nepforge.quantities import QUANTITIES

USUAL_KEYS = {
    **{one.field: one.xyz_names for one in QUANTITIES if one.belongs_to == "frame"},
    "stress": ("stress",),
}
USUAL_COLUMNS = {one.field: one.xyz_names for one in QUANTITIES if one.belongs_to == "atom"}
STRUCTURE_KEYS = ("lattice", "pbc", "properties", "weight", "scf_converged")
STRUCTURE_COLUMNS = ("species", "pos", "z")

_UNIT_KEY = re.compile(
    r"(?P<of>energy|energies|forces?|virials?|stress|length|lattice|cell|pos|positions?)"
    r"[-_. ]?units?",
    re.IGNORECASE,
)
_UNIT_END = re.compile(r"[-_. ]?units?$", re.IGNORECASE)
_QUANTITY = {"energ": "energy", "forc": "force", "viri": "virial", "stre": "stress"}
_ABOUT_LABELS = re.compile(
    r"weight|cutoff|cut_off|std|var|error|rmse|mae|unit|conver|max|tol|per_?atom", re.IGNORECASE
)
_LIKE_KEY = {
    "energy": re.compile(r"energ|etot|toten|(^|_)e0?$", re.IGNORECASE),
    "virial": re.compile(r"virial", re.IGNORECASE),
    "stress": re.compile(r"stress", re.IGNORECASE),
}
_LIKE_COLUMN = {
    "forces": re.compile(r"forc|grad", re.IGNORECASE),
    "atomic_energy": re.compile(r"energ", re.IGNORECASE),
}
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_SIZES = {"energy": (1,), "virial": (9,), "stress": (6, 9)}
_WIDTHS = {"forces": 3, "atomic_energy": 1}


@frozen
class LabelKeys:
    """Where the labels of one frame are; None for a label that it lacks."""

    keys: Mapping[str, str | None]  # "energy", "virial", "stress" -> key of the comment line
    columns: Mapping[str, str | None]  # "forces", "atomic_energy" -> column
    units: Mapping[str, str]  # quantity -> key of the comment line that names its unit
    other_energy: str | None  # another usual energy beside the one read

    def used_keys(self) -> set[str]:
        """Keys of the comment line that are not kept as info."""
        units = [key for quantity, key in self.units.items() if quantity != UNITS]
        names = [*self.keys.values(), *units, self.other_energy]
        return {name for name in names if name is not None}


def find_labels(
    pairs: Collection[str], columns: Collection[str], names: LabelNames, source: str
) -> LabelKeys:
    """Where the labels of a frame are, from the keys of its comment line and its columns.

    Raises:
        DataError: A key to be read occurs twice, in upper and lower case.
    """
    told = names.given
    keys = {
        label: find_name(told[label], pairs) if label in told else _usual(usual, pairs, source)
        for label, usual in USUAL_KEYS.items()
    }
    if "virial" in told or "stress" in told:  # the named one, not one that contradicts it
        keys |= {label: None for label in ("virial", "stress") if label not in told}
    others = [key for key in pairs if key.lower() in USUAL_KEYS["energy"] and key != keys["energy"]]
    found_columns = {
        label: find_name(told[label], columns) if label in told else _usual(usual, columns, source)
        for label, usual in USUAL_COLUMNS.items()
    }
    units = _unit_keys(pairs, {**keys, **found_columns})
    other = others[0] if others and "energy" not in told and keys["energy"] else None
    return LabelKeys(keys, found_columns, units, other)


def _unit_keys(pairs: Collection[str], labels: Mapping[str, str | None]) -> dict[str, str]:
    """Keys that give units of the frame: `energy-unit`, `REF_energy_unit`, `units`."""
    quantities = {name: quantity_of(label) for label, name in labels.items() if name is not None}
    has = {"length", "lattice", "position", *quantities.values()}
    units = {quantity: key for key in pairs if (quantity := unit_key(key)) and quantity in has}
    by_name = {name.lower(): quantity for name, quantity in quantities.items()}
    for key in pairs:
        base = _UNIT_END.sub("", key).lower()
        if base != key.lower() and (base in by_name or not base):
            units[by_name.get(base, UNITS)] = key
    return units


def quantity_of(label: str) -> str:
    """The kind of unit that a label has."""
    return {"forces": "force", "atomic_energy": "energy"}.get(label, label)


@cache
def unit_key(key: str) -> str | None:
    """The quantity whose unit a key such as `energy-unit` gives, None for other keys."""
    match = _UNIT_KEY.fullmatch(key)
    if match is None:
        return None
    of = match["of"].lower()
    if of.startswith("pos"):
        return "position"
    return _QUANTITY.get(of[:4], "lattice" if of in ("lattice", "cell") else of)


def find_name(name: str, names: Collection[str]) -> str | None:
    """The exact name, else the only one that differs from it by case."""
    if name in names:
        return name
    alike = [other for other in names if other.lower() == name.lower()]
    return alike[0] if len(alike) == 1 else None


def _usual(usual: tuple[str, ...], names: Collection[str], source: str) -> str | None:
    for name in usual:
        alike = [other for other in names if other.lower() == name]
        if len(alike) > 1:
            raise DataError(
                f"{source}: has {' and '.join(alike)}, which are one label",
                hint="remove the wrong one of the two",
            )
        if alike:
            return alike[0]
    return None


def looks_like_key(key: str, text: str) -> str | None:
    """The label that an unread pair of the comment line may be."""
    label = _like(key, tuple(_LIKE_KEY))
    if label is None:
        return None
    words = value_words(text)
    return label if len(words) in _SIZES[label] and all(map(_NUMBER.fullmatch, words)) else None


def looks_like_column(name: str, kind: str, width: int) -> str | None:
    """The label that an unread column may be."""
    label = _like(name, tuple(_LIKE_COLUMN))
    return label if label and kind == "R" and width == _WIDTHS[label] else None


@cache
def _like(name: str, labels: tuple[str, ...]) -> str | None:
    if _ABOUT_LABELS.search(name):
        return None
    patterns = {**_LIKE_KEY, **_LIKE_COLUMN}
    return next((label for label in labels if patterns[label].search(name)), None)


def absent_names(names: LabelNames, seen: Collection[str]) -> Iterator[tuple[str, str]]:
    """(label, name) of the labels whose given name no frame has."""
    for label in (*USUAL_KEYS, *USUAL_COLUMNS):
        name = names.given.get(label)
        if name is not None and label not in seen:
            yield label, name


def absent_error(where: str, label: str, name: str, found: Collection[str]) -> DataError:
    """The error about a label name that no frame has."""
    place = "column" if label in USUAL_COLUMNS else "key of the comment line"
    near = difflib.get_close_matches(name.lower(), {key.lower(): key for key in found}, n=1)
    by_case = {key.lower(): key for key in found}
    return DataError(
        f'{where}: no frame has the {place} "{name}" for {label}; there are '
        + (", ".join(sorted(found)) or "none"),
        hint=f'did you mean "{by_case[near[0]]}"?' if near else f"name the one that holds {label}",
    )
