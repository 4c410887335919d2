"""`--set optimizer.epochs=5`: one value of a recipe given on the command line."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from attrs import frozen

from nepforge.recipe.limits import RefusedError, Violation
from nepforge.recipe.positions import Parts, dotted

_PART = re.compile(r"\.?([A-Za-z0-9_-]+)|\[(\d+)\]")


@frozen
class Override:
    """`value` is parsed TOML."""

    path: Parts
    value: Any

    def covers(self, at: Parts) -> bool:
        """Whether the value at this key path comes from here and not from the file."""
        return at[: len(self.path)] == self.path


def parse_override(text: str) -> Override:
    """`md[0].steps=200` -> its key path and value.

    Raises:
        RefusedError: not KEY=VALUE, or the value is not TOML.
    """
    key, equals, raw = text.partition("=")
    path = parse_path(key.strip())
    if not equals or not path:
        raise RefusedError(
            Violation(f'got --set "{text}", expected KEY=VALUE', "optimizer.epochs=5")
        )
    try:
        parsed = tomllib.loads(f"value = {raw}")
    except tomllib.TOMLDecodeError:
        parsed = {}
    if parsed.keys() != {"value"}:
        raise RefusedError(
            Violation(
                f'got --set "{text}", expected a TOML value after "="',
                f"strings need quotes: '{key}=\"{raw.strip()}\"'",
            )
        )
    return Override(path, parsed["value"])


def apply_override(document: dict[str, Any], override: Override) -> None:
    """Set the value in the parsed recipe; tables on the way are made, elements must exist.

    Raises:
        RefusedError: the path leads through something that is not a table or array.
    """
    place: Any = document
    for idx, part in enumerate(override.path[:-1]):
        if isinstance(place, dict) and isinstance(part, str):
            place = place.setdefault(part, {})
        elif isinstance(place, list) and isinstance(part, int) and part < len(place):
            place = place[part]
        else:
            raise _no_such_place(override, override.path[: idx + 1])
    last = override.path[-1]
    fits = (isinstance(place, dict) and isinstance(last, str)) or (
        isinstance(place, list) and isinstance(last, int) and last < len(place)
    )
    if not fits:
        raise _no_such_place(override, override.path)
    place[last] = override.value


def parse_path(key: str) -> Parts:
    """ "md[0].steps" -> its parts; () when it is no such path."""
    parts: list[str | int] = []
    at = 0
    while at < len(key):
        match = _PART.match(key, at)
        if match is None:
            return ()
        parts.append(match[1] if match[1] is not None else int(match[2]))
        at = match.end()
    return tuple(parts)


def _no_such_place(override: Override, path: Parts) -> RefusedError:
    return RefusedError(
        Violation(f"--set {dotted(override.path)}: the recipe has no {dotted(path)} to set")
    )
