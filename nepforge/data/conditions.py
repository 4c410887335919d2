"""Conditions on frames: on their place in the file, energies, forces, distances, elements, info.

`slice` and `every` count the frames of each file in file order. Ranges are "low:high";
either end may be left out, and both ends belong to the range.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from ase.formula import Formula
from attrs import frozen

from nepforge.data.doctor.finding import by_file, has_cell
from nepforge.data.frame import Frame
from nepforge.data.pairs import find_pairs
from nepforge.errors import UsageError

JUST_ABOVE = 1.0 + 1.0e-9  # so that pairs exactly at the end of a range are found
FORMULA = re.compile(r"([A-Z][a-z]?\d*)+")

Test = Callable[[Frame], bool]


@frozen
class Range:
    """Both ends belong to it."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def conditions(keys: Mapping[str, Any]) -> Iterator[tuple[str, Test]]:
    """Name and test of each condition on a frame."""
    for name, find in (("energy", _energy), ("force", _largest_force)):
        if name in keys:
            yield name, _in_range(parse_range(name, keys[name]), find)
    if "distance" in keys:
        yield "distance", _by_distance(parse_range("distance", keys["distance"]))
    if "elements" in keys:
        wanted = _numbers("elements", keys["elements"])
        yield "elements", lambda frame: wanted <= set(frame.numbers.tolist())
    if "without" in keys:
        unwanted = _numbers("without", keys["without"])
        yield "without", lambda frame: not unwanted & set(frame.numbers.tolist())
    if "formula" in keys:
        formulas = {_reduced(text) for text in keys["formula"]}
        yield "formula", lambda frame: _reduced(_formula(frame)) in formulas
    for key, values in keys.get("info", {}).items():
        texts = (values,) if isinstance(values, str) else tuple(values)
        yield f"info {key}", _by_info(key, texts)


def parse_range(name: str, text: str) -> Range:
    """A range from its text.

    Raises:
        UsageError: The text is not a range.
    """
    found = _range(text)
    if found is None:
        raise UsageError(
            f'{name}: got "{text}", expected a range like -9.5:-3.0',
            hint="either end may be left out; the first one is the lower one",
        )
    return found


def _range(text: str) -> Range | None:
    parts = text.split(":")
    if len(parts) != 2 or not text.strip(" :"):
        return None
    try:
        given = [float(part) for part in parts if part.strip()]
    except ValueError:
        return None
    low = given[0] if parts[0].strip() else -np.inf
    high = given[-1] if parts[1].strip() else np.inf
    return Range(low, high) if np.isfinite(given).all() and low <= high else None


def parse_slice(text: str) -> slice:
    """start:stop:step as in Python, each optional; a single number is one frame.

    Raises:
        UsageError: The text is not a slice, or its step is negative.
    """
    try:
        numbers = [int(part) if part.strip() else None for part in text.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) == 1 and numbers[0] is not None:
        stop = numbers[0] + 1
        return slice(numbers[0], stop or None)
    step = numbers[2] if len(numbers) == 3 else None
    if len(numbers) not in (2, 3) or (step is not None and step < 1):
        raise UsageError(f'slice: got "{text}", expected start:stop:step like 100::5')
    return slice(*numbers)


def places(frames: Sequence[Frame], keys: Mapping[str, Any]) -> Iterator[tuple[str, Test]]:
    """Conditions on the position of a frame in its file."""
    every = keys.get("every", 1)
    if every < 1:
        raise UsageError(f"every: got {every}, expected at least 1")
    for name, part in (("slice", keys.get("slice", "")), ("every", f"::{every}")):
        if name in keys:
            cut = parse_slice(part)
            inside = {id(frame) for of_file in by_file(frames).values() for frame in of_file[cut]}
            yield name, _is_one_of(inside)


def _is_one_of(frames: set[int]) -> Test:
    """Whether a frame is one of those with these ids."""
    return lambda frame: id(frame) in frames


def _in_range(limits: Range, find: Callable[[Frame], float | None]) -> Test:
    """Whether a frame has the value and it lies within the limits."""

    def test(frame: Frame) -> bool:
        value = find(frame)
        return value is not None and limits.holds(value)

    return test


def _energy(frame: Frame) -> float | None:
    """eV/atom."""
    return None if frame.energy is None else frame.energy / frame.n_atoms


def _largest_force(frame: Frame) -> float | None:
    """Magnitude of the largest force on an atom, eV/Å."""
    return None if frame.forces is None else float(np.linalg.norm(frame.forces, axis=1).max())


def _by_distance(limits: Range) -> Test:
    """Whether the shortest distance between two atoms, images included, lies within the limits."""
    reach = JUST_ABOVE * max(end for end in (limits.low, limits.high) if np.isfinite(end))

    def test(frame: Frame) -> bool:
        if not has_cell(frame):
            return False
        distances = find_pairs(frame, reach).distances if reach > 0.0 else np.zeros(0)
        return limits.holds(float(distances.min(initial=np.inf)))

    return test


def _by_info(key: str, texts: Sequence[str]) -> Test:
    """Whether the frame's info has one of the values: the same text, number, or range."""
    ranges = [limits for text in texts if (limits := _range(text)) is not None]
    numbers = {number for text in texts if (number := _number(text)) is not None}

    def test(frame: Frame) -> bool:
        value = frame.info.get(key)
        if value is None:
            return False
        number = _number(value)
        if value in texts or (number is not None and number in numbers):
            return True
        return number is not None and any(limits.holds(number) for limits in ranges)

    return test


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _numbers(name: str, symbols: Sequence[str]) -> set[int]:
    unknown = [symbol for symbol in symbols if symbol not in atomic_numbers]
    if unknown:
        raise UsageError(f'{name}: "{unknown[0]}" is not a chemical symbol')
    return {int(atomic_numbers[symbol]) for symbol in symbols}


def _formula(frame: Frame) -> str:
    numbers, counts = np.unique(frame.numbers, return_counts=True)
    return "".join(f"{chemical_symbols[z]}{n}" for z, n in zip(numbers, counts, strict=True))


def _reduced(text: str) -> tuple[tuple[str, int], ...]:
    """Elements and their smallest whole numbers: Hf4O8 and O2Hf are one."""
    if FORMULA.fullmatch(text) is None:
        raise UsageError(f'formula: got "{text}", expected one like HfO2')
    counts = Formula(text).reduce()[0].count()
    if set(counts) - set(chemical_symbols):
        raise UsageError(f'formula: got "{text}", which has an unknown element')
    return tuple(sorted(counts.items()))
