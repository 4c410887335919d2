"""The bytes of a recipe file -> text and parsed TOML, or the place where it is not TOML."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from nepforge.errors import Problem, RecipeError, UsageError

_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)")
_AT_END = " (at end of document)"


def read_bytes(path: Path) -> bytes:
    """The file, or UsageError when it cannot be opened."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: cannot read the recipe: {error.strerror}", hint="name a recipe file (TOML)"
        ) from error


def decode(raw: bytes, path: Path) -> str:
    """UTF-8 text, or RecipeError with the line of the first byte that is not."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        problem = Problem("", "not UTF-8 text", "save the file as UTF-8", line, column)
        raise RecipeError(f"{path}: the recipe is not text", [problem]) from error


def parse(text: str, path: Path) -> dict[str, Any]:
    """Parsed TOML, or RecipeError with the place that tomllib names."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = _PLACE.search(message)
        line, column = (int(found[1]), int(found[2])) if found else _end(text)
        words = _PLACE.sub("", message).removesuffix(_AT_END)
        problem = Problem("", f"not TOML: {words[:1].lower()}{words[1:]}", "", line, column)
    except RecursionError:
        problem = Problem("", "not TOML: nested too deeply")
    except ValueError as error:  # tomllib lets through what int() and date() refuse
        problem = Problem("", f"not TOML: {error}")
    raise RecipeError(f"{path}: the recipe is not TOML", [problem])


def _end(text: str) -> tuple[int, int]:
    lines = text.rstrip().split("\n")
    return len(lines), len(lines[-1]) + 1
