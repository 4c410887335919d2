"""Types and values of the recipe in words, for messages."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from nepforge.recipe.limits import Limit
from nepforge.recipe.tables.values import FileName

LARGEST_INTEGER = 2**53 - 1  # RFC 8785 numbers are doubles


def describe(kind: Any) -> str:
    """What a value of this type looks like: "an integer at least 1"."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        limit: Limit = args[1]
        words = f"{describe(args[0])} {limit.words}"
    elif origin is Literal:
        words = _alternatives([show(option) for option in args])
    elif origin is tuple:
        each = [describe(arg) for arg in args if arg is not Ellipsis]
        words = _array_words(each, is_open=Ellipsis in args)
    elif origin in (Union, types.UnionType):
        words = _alternatives([describe(arg) for arg in args if arg is not type(None)])
    else:
        words = _NOUNS.get(kind, "a table")
    return words


_NOUNS = {int: "an integer", float: "a number", str: "a string", FileName: "a file name"}


def show(value: Any) -> str:
    """A value as TOML writes it; arrays and tables by their kind only."""
    match value:
        case bool():
            words = "true" if value else "false"
        case str():
            words = f'"{value}"'
        case int() if abs(value) > LARGEST_INTEGER:
            words = "a very large integer"
        case int() | float():
            words = str(value)
        case list() | dict():
            words = "an array" if isinstance(value, list) else "a table"
        case _:
            words = f"the date or time {value}"
    return words


def _array_words(each: list[str], *, is_open: bool) -> str:
    if is_open:
        return f"an array, each element {each[0]}"
    if len(set(each)) == 1:
        return f"an array of {len(each)}, each {each[0]}"
    return f"an array of {len(each)}: {', '.join(each)}"


def _alternatives(words: list[str]) -> str:
    words = list(dict.fromkeys(words))  # two kinds of tables are both "a table"
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
