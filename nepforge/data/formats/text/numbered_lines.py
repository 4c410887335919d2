"""Lines of a text file that is read once from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define


@define
class Lines:
    """Lines that know their number; the last one can be put back."""

    stream: Iterator[str]
    name: str
    number: int = 0
    line: str = ""
    is_back: bool = False
    has_ended: bool = False  # whether a line was asked for behind the last one

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
        self.is_back = True

    @property
    def where(self) -> str:
        return f"{self.name}: line {self.number}"

    @property
    def is_cut(self) -> bool:
        """Whether the file ends within the line: its last number may have lost digits."""
        return not self.line.endswith("\n")
