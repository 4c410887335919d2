"""The bytes of a recipe file -> text and parsed TOML, or the place where it is not TOML."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from nepforge.errors import Problem, RecipeError, UsageError
from nepforge.recipe.limits import did_you_mean
from nepforge.recipe.other_files import binary_kind, text_kind
from nepforge.recipe.positions import Parts, Position, dotted, repeats
from nepforge.recipe.syntax import syntax_hint

SHOWN_NAMES = 8
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)")
_AT_END = " (at end of document)"


def read_bytes(path: Path) -> bytes:
    """The file, or UsageError when it cannot be opened."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: cannot read the recipe: {error.strerror}", hint=_recipes_there(path)
        ) from error


def _recipes_there(path: Path) -> str:
    """The recipes in a folder that was given, or near a name that is wrong."""
    folder = path if path.is_dir() else path.parent
    names = sorted(recipe.name for recipe in folder.glob("*.toml")) if folder.is_dir() else []
    near = "" if path.is_dir() else did_you_mean(path.name, names)
    listed = f"name a recipe file (TOML); this folder has: {', '.join(names[:SHOWN_NAMES])}"
    return near or (listed if names else "name a recipe file (TOML); `nepforge init` writes one")


def decode(raw: bytes, path: Path) -> str:
    """UTF-8 text without a byte order mark, or RecipeError with what the file is instead."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        problem = Problem("", "not UTF-8 text", "save the file as UTF-8", line, column)
        kind = binary_kind(raw, path)
        if kind is not None:
            problem = Problem("", f"this file is {kind[0]}, not a recipe", kind[1])
        raise RecipeError(f"{path}: the recipe is not text", [problem]) from error


def parse(text: str, path: Path) -> dict[str, Any]:
    """Parsed TOML, or RecipeError with the place that tomllib names."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems = _explained(str(error), text, path)
    except RecursionError:
        problems = [Problem("", "not TOML: nested too deeply")]
    except ValueError as error:  # tomllib lets through what int() and date() refuse
        problems = [Problem("", f"not TOML: {error}")]
    raise RecipeError(f"{path}: the recipe is not TOML", problems)


def _explained(message: str, text: str, path: Path) -> list[Problem]:
    """The kind of file that it is, keys that are given twice, or the place that tomllib names."""
    kind = text_kind(text, path)
    if kind is not None:  # first: every frame of extended XYZ has a `Lattice = ...`
        return [Problem("", f"this file is {kind[0]}, not a recipe", kind[1])]
    twice = [_repeat(at, first, again) for at, first, again in repeats(text)]
    if twice:
        return twice
    found = _PLACE.search(message)
    line, column = (int(found[1]), int(found[2])) if found else _end(text)
    words = _PLACE.sub("", message).removesuffix(_AT_END)
    hint = syntax_hint(text.split("\n")[line - 1].rstrip("\r"))
    return [Problem("", f"not TOML: {words[:1].lower()}{words[1:]}", hint, line, column)]


def _repeat(at: Parts, first: Position, again: Position) -> Problem:
    hint = "each MD run begins with [[md]]" if at == ("md",) else "keep one of the two"
    message = f"given twice, first in line {first[0]}"
    return Problem(dotted(at), message, hint, *again)


def _end(text: str) -> tuple[int, int]:
    lines = text.rstrip().split("\n")
    return len(lines), len(lines[-1]) + 1
