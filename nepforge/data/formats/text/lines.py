"""Lines of a text file that is read once from top to bottom, and blocks of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from attrs import define

Row = TypeVar("Row")

LONGEST_LINE = 4096  # characters; a longer line contains none of our numbers
LONGEST_FOUND = 60  # characters of a line shown in messages


class BlockError(Exception):
    """A block has fewer rows than it should have."""


@define
class Lines:
    """Lines with their number, from 1; the last one can be put back."""

    stream: Iterator[str]
    name: str
    number: int = 0
    line: str = ""
    is_back: bool = False
    has_ended: bool = False  # whether a line after the last one was requested

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.is_back:
            self.is_back = False
        else:
            following = next(self.stream, None)
            if following is None:
                self.has_ended = True
                raise StopIteration
            self.line = following
            self.number += 1
        return self.line

    def put_back(self) -> None:
        """Return this line again as the next one."""
        self.is_back = True

    @property
    def where(self) -> str:
        return f"{self.name}: line {self.number}"

    @property
    def is_cut(self) -> bool:
        """Whether the file ends within the line: its last number may have lost digits."""
        return not self.line.endswith("\n")

    def block(
        self, name: str, n_rows: int, row: Callable[[str], Row | None], most_titles: int
    ) -> list[Row]:
        """Exactly `n_rows` rows, below at most `most_titles` lines of titles.

        Raises:
            BlockError: Another line comes first; it is put back.
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
                self.put_back()
                raise BlockError(
                    f'row {len(rows) + 1} of {n_rows} of its {name} is "{_shown(line)}"'
                )
        return rows


def whole_lines(stream: Iterator[str]) -> Iterator[str]:
    """The lines without an unfinished last one; lines too long for numbers become empty.

    A killed run can end inside a number, whose first digits would pass for a number.
    """
    for line in stream:
        if line.endswith("\n"):
            yield line if len(line) <= LONGEST_LINE else "\n"


def _shown(line: str) -> str:
    text = line.strip()
    return text if len(text) <= LONGEST_FOUND else f"{text[:LONGEST_FOUND]}..."
