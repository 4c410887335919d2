"""Text output of electronic structure codes, line by line: marked lines, blocks, numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from nepforge.data.frame import FloatArray

Row = TypeVar("Row")

LONGEST_LINE = 4096  # characters; what is longer holds no number of ours
LONGEST_FOUND = 60  # characters of a line that are shown
_FIXED = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+)(?:[eEdD][-+]?\d+)?", re.ASCII)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?", re.ASCII)


class BlockError(Exception):
    """A block has fewer rows than it should have."""


class Lines(Iterator[str]):
    """Lines with their number, counted from 1; an unfinished last one is not given out.

    A killed run can end inside a number, and the part that is there would pass for a number.
    """

    def __init__(self, stream: Iterator[str]) -> None:
        self._stream = stream
        self._again: list[str] = []
        self.number = 0

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._stream)
        if not line.endswith("\n"):
            raise StopIteration
        self.number += 1
        return line if len(line) <= LONGEST_LINE else "\n"

    def give_back(self, line: str) -> None:
        """The next line is this one again."""
        self._again.append(line)
        self.number -= 1

    def block(
        self, name: str, n_rows: int, row: Callable[[str], Row | None], most_titles: int
    ) -> list[Row]:
        """Exactly `n_rows` rows, below at most `most_titles` lines that are none.

        Raises:
            BlockError: Another line comes first; it is given back.
        """
        rows: list[Row] = []
        n_titles = 0
        while len(rows) < n_rows:
            line = next(self, None)
            found = None if line is None else row(line)
            if found is not None:
                rows.append(found)
                continue
            n_titles += 1
            if line is None:
                raise BlockError(f"the output ends inside its {name}")
            if rows or n_titles > most_titles:
                self.give_back(line)
                raise BlockError(
                    f'row {len(rows) + 1} of {n_rows} of its {name} is "{_shown(line)}"'
                )
        return rows


def fixed(text: str, n_numbers: int) -> FloatArray | None:
    """The numbers of a row of Fortran; None where it is no such row.

    Each has a decimal point, and they may touch each other.
    """
    if _FIXED.sub("", text).strip():
        return None
    values = np.array([_value(word) for word in _FIXED.findall(text)])
    return values if len(values) == n_numbers and np.isfinite(values).all() else None


def number(word: str) -> float | None:
    """One number, with a decimal point or not; None where the word is none, as Fortran's stars."""
    if _NUMBER.fullmatch(word) is None:
        return None
    value = _value(word)
    return value if np.isfinite(value) else None


def _value(word: str) -> float:
    return float(word.replace("d", "e").replace("D", "e"))


def scan(lines: Lines, pattern: re.Pattern[str], output: object) -> None:
    """Go through all lines, each marked one to the method `read_...` of its mark.

    A mark stands at the beginning of its line, after blanks.
    """
    for line in lines:
        match = pattern.match(line.lstrip())
        if match is not None:
            getattr(output, f"read_{match.lastgroup}")(line)


def marks(**patterns: str) -> re.Pattern[str]:
    """One expression for the beginnings of all marked lines; `lastgroup` of a match is its name."""
    return re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in patterns.items()))


def _shown(line: str) -> str:
    text = line.strip()
    return text if len(text) <= LONGEST_FOUND else f"{text[:LONGEST_FOUND]}..."
