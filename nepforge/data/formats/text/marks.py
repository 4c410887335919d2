"""Marked lines: those whose beginning says what they contain."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from nepforge.data.formats.text.lines import Lines
from nepforge.errors import DataError

Item = TypeVar("Item")


def marks(**patterns: str) -> re.Pattern[str]:
    """One expression for the beginnings of all marked lines; `lastgroup` of a match is its name."""
    return re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in patterns.items()))


def scan(lines: Lines, pattern: re.Pattern[str], output: object) -> None:
    """Pass each marked line to the method `read_...` of its mark.

    A mark stands at the beginning of its line, after blanks.
    """
    for line in lines:
        match = pattern.match(line.lstrip())
        if match is not None:
            getattr(output, f"read_{match.lastgroup}")(line)


def items_of_runs(
    lines: Lines, begins_run: Callable[[str], bool], run: Item, read: Callable[[Lines], Item | None]
) -> Iterator[Item | DataError]:
    """What `read` makes of each line, in the order of the file; `run` where a run begins.

    What cannot be read at the very end of the file or of a run is cut, and yielded as its error.

    Raises:
        DataError: Something cannot be read, and the run goes on after it.
    """
    fault: DataError | None = None
    for line in lines:
        if begins_run(line):
            fault = None
            yield run
            continue
        if fault is not None and line.strip():
            raise fault
        item: Item | DataError | None
        try:
            item = read(lines)
        except DataError as error:
            item = fault = error
        if item is not None:
            yield item
