"""What is known of a key of a recipe besides its name, type and default.

    cutoff: Positive = field(default=6.0, metadata=key("cutoff radius", unit="Å"))

From this come the reference (`recipes/README.md`), the JSON Schema, the starter recipe, the units
in error messages, the files of a recipe, and what its hash leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal, get_args

import attrs
from attrs import frozen

FileUse = Literal["training data", "validation data", "structure", "model"]
_KEY = "key"


@frozen(kw_only=True)
class Key:
    """`text` is one line of the starter recipe, `more` follows it in the reference."""

    text: str
    unit: str = ""
    more: str = ""
    source: str = ""  # whose default or limit it is
    example: Any = None  # in the starter recipe, where there is no default
    file: FileUse | None = None  # how the file that a FileName names is read
    hashed: bool = True  # whether it can change numbers


def key(
    text: str,
    *,
    unit: str = "",
    more: str = "",
    source: str = "",
    example: Any = None,
    file: FileUse | None = None,
    hashed: bool = True,
) -> dict[str, Key]:
    """The metadata of a field; for the arguments see `Key`."""
    return {
        _KEY: Key(
            text=text,
            unit=unit,
            more=more,
            source=source,
            example=example,
            file=file,
            hashed=hashed,
        )
    }


def about(attribute: attrs.Attribute[Any]) -> Key:
    """What `key` said of a field."""
    described: Mapping[str, Key] = attribute.metadata
    return described[_KEY]


def key_name(attribute: attrs.Attribute[Any]) -> str:
    """The key in TOML: a trailing underscore avoids a Python keyword (`from_`)."""
    return attribute.name.rstrip("_")


@cache
def keys_of(table: type) -> dict[str, attrs.Attribute[Any]]:
    """Key in TOML -> field with its type resolved, in the order of the table."""
    resolved: type[attrs.AttrsInstance] = attrs.resolve_types(table)
    return {key_name(attribute): attribute for attribute in attrs.fields(resolved)}


def tables_in(kind: Any) -> list[type]:
    """The tables that a type is made of: of a union, of an array, of a mapping's values."""
    if isinstance(kind, type) and attrs.has(kind):
        return [kind]
    return [table for part in get_args(kind) for table in tables_in(part)]


def all_tables(table: type) -> Iterator[type]:
    """A table and every table below it."""
    yield table
    for attribute in keys_of(table).values():
        for below in tables_in(attribute.type):
            yield from all_tables(below)
