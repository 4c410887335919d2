"""Where each key of a TOML text stands: the line and column that `tomllib` does not keep.

The scanner trusts that `tomllib` has accepted the text, so it only has to find the keys and to
step over the values. `tests/recipe/test_positions.py` fuzzes it against `tomllib`.
"""

from __future__ import annotations

import json
import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterable

Parts = tuple[str | int, ...]  # ("model", "n_max", 0) is model.n_max[0]
Position = tuple[int, int]  # line, column, both 1-based

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_PLAIN_VALUE = re.compile(r"[^,\]}\n#]*")  # number, boolean, date


def dotted(parts: Iterable[str | int]) -> str:
    """The text of a key path: `model.n_max[0]`; keys that are not bare are quoted."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE_KEY.fullmatch(part) else json.dumps(part, ensure_ascii=False)
            text += f".{name}" if text else name
    return text


def scan(text: str) -> dict[Parts, Position]:
    """Key path -> position of its key, or of the element for an array's element.

    Tables that are only implied (`[a.b]` implies `a`) get the place where they are first named.
    Text that is not TOML gives the positions of what could be read, never an error.
    """
    return _Scanner(text.replace("\r\n", "\n")).scan()


def repeats(text: str) -> list[tuple[Parts, Position, Position]]:
    """Keys and tables that TOML allows once and the text gives again: path, first place, place."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.scan()
    return scanner.repeats


class _Scanner:
    """One pass over the text; `at` is the offset of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: dict[Parts, Position] = {}
        self.n_elements: dict[Parts, int] = {}  # of each array of tables so far
        self.given: dict[Parts, Position] = {}  # keys with a value, and tables with a header
        self.repeats: list[tuple[Parts, Position, Position]] = []
        self.line_starts = [0, *(m.end() for m in re.finditer("\n", text))]

    def scan(self) -> dict[Parts, Position]:
        table: Parts = ()
        while True:
            self._skip(_BLANK)
            start = self.at
            if start >= len(self.text):
                return self.places
            if self.text[start] == "[":
                table = self._header()
            else:
                self._key_value(table)
            if self.at == start:  # not TOML
                return self.places

    def _header(self) -> Parts:
        is_element = self.text.startswith("[[", self.at)
        start = self.at
        self.at += 2 if is_element else 1
        keys = self._keys()
        path: Parts = ()
        for idx, (name, place) in enumerate(keys):
            path = (*path, name)
            is_last = idx == len(keys) - 1
            if is_last:
                self.places[path] = self.places.get(path, place) if is_element else place
            else:
                self.places.setdefault(path, place)
            if is_last and not (is_element and path in self.n_elements):
                self._give(path, place)
            if is_last and is_element:
                self.n_elements[path] = self.n_elements.get(path, 0) + 1
                self.places[(*path, self.n_elements[path] - 1)] = self._position(start)
            if path in self.n_elements:
                path = (*path, self.n_elements[path] - 1)
        while self.text.startswith("]", self.at):
            self.at += 1
        return path

    def _key_value(self, table: Parts) -> None:
        path = table
        place = None
        for name, place in self._keys():
            path = (*path, name)
            self.places.setdefault(path, place)
        self._skip(_SPACE)
        if self.text.startswith("=", self.at):
            if place is not None:
                self._give(path, place)
            self.at += 1
            self._skip(_SPACE)
            self._value(path)

    def _give(self, path: Parts, place: Position) -> None:
        if path in self.given:
            self.repeats.append((path, self.given[path], place))
        self.given.setdefault(path, place)

    def _keys(self) -> list[tuple[str, Position]]:
        """The parts of a dotted key."""
        keys: list[tuple[str, Position]] = []
        while True:
            self._skip(_SPACE)
            bare = _BARE_KEY.match(self.text, self.at)
            quoted = None if bare else _STRING.match(self.text, self.at)
            match = bare or quoted
            if match is None:
                return keys
            name = match[0] if bare else _unquoted(match[0])
            keys.append((name, self._position(self.at)))
            self.at = match.end()
            self._skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def _value(self, path: Parts) -> None:
        match self.text[self.at : self.at + 1]:
            case "[":
                self._items("]", path, is_array=True)
            case "{":
                self._items("}", path, is_array=False)
            case _:
                self._skip(_STRING if _STRING.match(self.text, self.at) else _PLAIN_VALUE)

    def _items(self, end: str, path: Parts, *, is_array: bool) -> None:
        self.at += 1
        n_items = 0
        while True:
            self._skip(_BLANK)
            start = self.at
            if start >= len(self.text) or self.text[start] == end:
                self.at += 1
                return
            if is_array:
                self.places[(*path, n_items)] = self._position(start)
                self._value((*path, n_items))
            else:
                self._key_value(path)
            n_items += 1
            self._skip(_BLANK)
            if self.text.startswith(",", self.at):
                self.at += 1
            if self.at == start:  # not TOML
                return

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def _position(self, offset: int) -> Position:
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1


def _unquoted(raw: str) -> str:
    """The key that a quoted key stands for; the raw text where it is not a valid string."""
    try:
        return str(tomllib.loads(f"key = {raw}")["key"])
    except tomllib.TOMLDecodeError:
        return raw
