"""A JSON input file of another program: values by dotted key, each with its line."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from attrs import field, frozen

from nepforge.errors import DataError, UsageError

HEAD = 4096  # bytes in which the first brace is looked for
TABLES = ("model", "model.descriptor", "model.fitting_net", "model.type_embedding", "optimizer")


@frozen
class JSONEntry:
    """One value of the file: `key` is dotted ("optimizer.epochs")."""

    path: Path
    line: int
    key: str
    value: Any

    def refused(self, expected: str, hint: str = "") -> DataError:
        shown = json.dumps(self.value, ensure_ascii=False)[:60]
        text = f"{self.path}:{self.line}: {self.key}: got {shown}, expected {expected}"
        return DataError(text, hint=hint)

    def number(self, least: float = 0.0) -> float:
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            raise self.refused("a number")
        if not least <= self.value < float("inf"):
            raise self.refused(f"a number at least {least:g}")
        return float(self.value)

    def count(self, least: int = 0) -> int:
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < least:
            raise self.refused(f"an integer at least {least}")
        return self.value

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.refused("true or false")
        return self.value

    def each(self) -> list[JSONEntry]:
        """The elements of a list; a single value stands for a list of one."""
        values = self.value if isinstance(self.value, list) else [self.value]
        return [JSONEntry(self.path, self.line, self.key, value) for value in values]

    def pair(self) -> list[JSONEntry]:
        """Two elements; one stands for both."""
        found = self.each()
        if len(found) not in (1, 2):
            raise self.refused("one value or two: radial, angular")
        return [found[0], found[-1]]

    def files(self) -> list[str]:
        """File names; relative ones are looked for beside the input, then in the current folder."""
        names = []
        for entry in self.each():
            if not isinstance(entry.value, str) or not entry.value:
                raise entry.refused("names of files or folders")
            beside = self.path.parent / entry.value
            found = beside if beside.exists() else Path(entry.value)
            shown = found if found.exists() else beside
            names.append(shown.as_posix() if shown.is_absolute() else os.path.normpath(shown))
        return names


@frozen
class JsonInput:
    """The values of an input file by dotted key; `asked` collects the keys that are used."""

    path: Path
    entries: Mapping[str, JSONEntry]
    asked: set[str] = field(factory=set)

    def get(self, *keys: str) -> JSONEntry | None:
        """The first of the keys that is there."""
        self.asked.update(keys)
        return next((self.entries[key] for key in keys if key in self.entries), None)

    def files(self, keys: tuple[str, ...]) -> list[str]:
        """All files that are named under any of the keys, each once."""
        found = [name for key in keys if (entry := self.get(key)) for name in entry.files()]
        return list(dict.fromkeys(found))


def is_json(path: Path) -> bool:
    """Whether a file begins like a JSON object, or is named like one."""
    try:
        return path.is_file() and (
            path.suffix.lower() == ".json"
            or path.read_bytes()[:HEAD].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"
        )
    except OSError:
        return False


def read_json(path: Path) -> JsonInput:
    """All values of an input file.

    Raises:
        UsageError: The file cannot be read.
        DataError: It is not JSON in UTF-8, or gives a key twice; names the line.
    """
    text = _text(path)
    lines = text.splitlines()
    try:
        content = json.loads(text, object_pairs_hook=partial(_each_once, path, lines))
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}",
            hint="JSON has no comments, and no comma after the last element",
        ) from error
    except (ValueError, RecursionError) as error:  # of Python's limits on digits and on depth
        raise DataError(
            f"{path}: a number is too long, or brackets are nested too deeply"
        ) from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: found a JSON {type(content).__name__}, expected an object")
    entries = {key: JSONEntry(path, _line(lines, key), key, value) for key, value in _flat(content)}
    return JsonInput(path, entries)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{line}: not UTF-8 text", hint="save it as UTF-8") from error


def _each_once(path: Path, lines: list[str], pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of pairs, of which none may silently replace another."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            pattern = re.compile(rf'"{re.escape(key)}"\s*:')
            at = [str(idx) for idx, line in enumerate(lines, 1) if pattern.search(line)]
            text = f"{path}{f':{at[-1]}' if at else ''}: {key}: twice in one object"
            raise DataError(f"{text}; lines with it: {', '.join(dict.fromkeys(at))}")
        found[key] = value
    return found


def _flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        key = f"{prefix}{name}"
        if key in TABLES and isinstance(value, dict):
            yield from _flat(value, f"{key}.")
        else:
            yield key, value


def _line(lines: list[str], key: str) -> int:
    """Where the last part of a key stands, after the parts before it; 1-based."""
    number = 0
    for part in key.split("."):
        pattern = re.compile(rf'"{re.escape(part)}"\s*:')
        found = (idx for idx in range(number, len(lines)) if pattern.search(lines[idx]))
        number = next(found, number)
    return number + 1
