"""The form of a recipe that is hashed: what can change numbers, and nothing else.

recipe hash = sha256(b"nepforge.recipe.v1\\0" + RFC 8785 form of the resolved recipe). Resolved
means: defaults filled in, keys without a value left out, each of the user's files as {sha256,
size, format} (and the part of a folder that is read), no description. Order of arrays is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import attrs
import rfc8785

from nepforge.data.sources import DataSource
from nepforge.recipe.named_files import NamedFiles
from nepforge.recipe.positions import Parts
from nepforge.recipe.tables import Recipe
from nepforge.recipe.tables.key import about, key_name

HASH_DOMAIN = b"nepforge.recipe.v1\0"


def to_json(value: Any) -> Any:
    """Tables -> JSON types with the keys of TOML; a key without a value is null."""
    if attrs.has(type(value)):
        return {key_name(a): to_json(getattr(value, a.name)) for a in attrs.fields(type(value))}
    if isinstance(value, Mapping):
        return {name: to_json(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


def resolve(recipe: Recipe, files: NamedFiles) -> dict[str, Any]:
    """The recipe as it is hashed and recorded, JSON types."""
    resolved: dict[str, Any] = _hashed(recipe)
    for at, source in files.at.items():
        _put(resolved, at, _content(source))
    return resolved


def _hashed(value: Any) -> Any:
    """Tables -> JSON types; without keys that have no value or cannot change numbers."""
    if attrs.has(type(value)):
        return {
            key_name(a): _hashed(item)
            for a in attrs.fields(type(value))
            if about(a).hashed and (item := getattr(value, a.name)) is not None
        }
    if isinstance(value, Mapping):
        return {name: _hashed(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_hashed(item) for item in value]
    return value


def _put(document: Any, at: Parts, value: Any) -> None:
    for part in at[:-1]:
        document = document[part]
    document[at[-1]] = value


def canonical_bytes(resolved: Mapping[str, Any]) -> bytes:
    """RFC 8785: keys sorted, shortest numbers (6.0 is 6), UTF-8."""
    return rfc8785.dumps(dict(resolved))


def recipe_hash(resolved: Mapping[str, Any]) -> str:
    """64 hex digits."""
    return hashlib.sha256(HASH_DOMAIN + canonical_bytes(resolved)).hexdigest()


def _content(source: DataSource) -> dict[str, str | int]:
    content: dict[str, str | int] = {
        "sha256": source.sha256,
        "size": source.size,
        "format": source.format,
    }
    return {**content, "part": source.part} if source.part else content
