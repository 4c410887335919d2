"""The atom lines of extended XYZ, in the columns named by `Properties`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from nepforge.data.formats.text.words import atomic_number, to_floats
from nepforge.data.frame import FloatArray, IntArray
from nepforge.errors import DataError

PLAIN_COLUMNS = "species:S:1:pos:R:3"
TRUTH = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}
KINDS = "RISL"  # real, integer, string, logical

Words = Sequence[tuple[str, ...]]  # columns of words, each [n_atoms]


@frozen
class Column:
    """A property: its name as written, its kind, and the position of its columns."""

    name: str
    kind: str
    first: int
    width: int


@frozen
class AtomTable:
    """Words of the atom lines by column; `columns` by name as written."""

    words: Words
    columns: Mapping[str, Column]
    source: str
    is_plain: bool  # no "_" in any line

    def of(self, name: str) -> Words:
        column = self.columns[name]
        return self.words[column.first : column.first + column.width]

    def floats(self, name: str, width: int) -> FloatArray:
        """Finite numbers, shape [n_atoms, width]."""
        if self.columns[name].width != width:
            raise DataError(f"{self.source}: Properties need {name}:R:{width}")
        words = self.of(name)
        try:
            numbers = np.array([list(map(float, column)) for column in words])
        except ValueError:
            numbers = None
        if numbers is None or not self.is_plain or not np.isfinite(numbers).all():
            rows = [word for row in zip(*words, strict=True) for word in row]
            return to_floats(rows, f"{self.source}: {name}").reshape(-1, width)
        return np.ascontiguousarray(numbers.T)

    def numbers(self) -> IntArray:
        """Atomic numbers from the column `species` or `Z`."""
        by_case = {name.lower(): name for name in self.columns}
        if "species" in by_case:
            words = self.of(by_case["species"])[0]
            numbers = {word: atomic_number(word, self.source) for word in set(words)}
            return np.array([numbers[word] for word in words], dtype=np.int64)
        if "z" in by_case:
            values = self.floats(by_case["z"], 1).ravel()
            if (values != np.floor(values)).any() or values.min() < 1:
                raise DataError(f"{self.source}: column Z does not hold atomic numbers")
            return values.astype(np.int64)
        raise DataError(f"{self.source}: Properties name neither species nor Z")

    def named(self, usual: str, width: int) -> FloatArray:
        """The floats of a column whose name may be in any case."""
        name = next((name for name in self.columns if name.lower() == usual), None)
        if name is None:
            raise DataError(f"{self.source}: Properties need {usual}:R:{width}")
        return self.floats(name, width)


class LazyColumns(Mapping[str, NDArray[Any]]):
    """Columns that become arrays when they are used, which is rare.

    Shape [n_atoms] or [n_atoms, width]; real, integer, logical or text. Until then they are kept as
    text, as compact as in the file.
    """

    def __init__(self, table: AtomTable, names: Sequence[str]) -> None:
        self._kinds = {name: table.columns[name].kind for name in names}
        self._texts = {name: list(map(" ".join, table.of(name))) for name in names}
        self._source = table.source

    def __getitem__(self, name: str) -> NDArray[Any]:
        convert = {"R": _reals, "I": _integers, "L": _logicals}.get(self._kinds[name], _texts)
        try:
            arrays = [convert(text.split(" ")) for text in self._texts[name]]
        except (ValueError, KeyError, OverflowError) as error:
            raise DataError(
                f"{self._source}: column {name} is of type {self._kinds[name]} and holds {error}",
                hint=f"correct the type in Properties, {name}:S:... for text",
            ) from None
        return arrays[0] if len(arrays) == 1 else np.stack(arrays, axis=1)

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def _reals(words: Sequence[str]) -> NDArray[Any]:
    return np.array(list(map(float, words)))


def _integers(words: Sequence[str]) -> NDArray[Any]:
    return np.array(list(map(int, words)), dtype=np.int64)


def _logicals(words: Sequence[str]) -> NDArray[Any]:
    return np.array([TRUTH[word.lower()] for word in words])


def _texts(words: Sequence[str]) -> NDArray[Any]:
    return np.array(words)


def read_table(lines: Sequence[str], properties: str, source: str) -> AtomTable:
    """The table of the atom lines.

    Raises:
        DataError: A line has not one word per column, or Properties cannot be parsed.
    """
    columns, n_columns = _columns(properties, source)
    rows = [line.split() for line in lines]
    if set(map(len, rows)) != {n_columns}:
        idx = next(idx for idx, row in enumerate(rows) if len(row) != n_columns)
        raise DataError(
            f"{source}: atom {idx} has {len(rows[idx])} columns, Properties name {n_columns}",
            hint="the frame may be truncated, or its number of atoms wrong",
        )
    is_plain = "_" not in "".join(lines)
    return AtomTable(list(zip(*rows, strict=True)), columns, source, is_plain)


def _columns(properties: str, source: str) -> tuple[Mapping[str, Column], int]:
    parsed = _parsed(properties)
    if isinstance(parsed, str):
        raise DataError(
            f'{source}: Properties is "{properties}", {parsed}',
            hint=f"the shortest is {PLAIN_COLUMNS}",
        )
    return parsed


@lru_cache(maxsize=64)
def _parsed(properties: str) -> tuple[dict[str, Column], int] | str:
    """Columns by name and their number, or what is wrong."""
    parts = properties.split(":")
    widths = parts[2::3]
    if len(parts) % 3 or not all(w.isascii() and w.isdigit() and 0 < int(w) < 1000 for w in widths):
        return "expected name:type:columns, repeated"
    columns: dict[str, Column] = {}
    n_columns = 0
    for name, kind, width in zip(parts[::3], parts[1::3], widths, strict=True):
        if kind.upper() not in KINDS or len(kind) != 1:
            return f'expected a type of {", ".join(KINDS)} and not "{kind}"'
        if name in columns:
            return f"which names {name} twice"
        columns[name] = Column(name, kind.upper(), n_columns, int(width))
        n_columns += int(width)
    return columns, n_columns
