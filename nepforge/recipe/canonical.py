"""The form of a recipe that is hashed: what can change numbers, and nothing else.

recipe hash = sha256(b"nepforge.recipe.v1\\0" + RFC 8785 form of the resolved recipe). Resolved
means: defaults filled in, keys without a value left out, each file of the user's as {sha256, size,
format} (and the part of a folder that is read), no description. Order of arrays is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import attrs
import rfc8785

from nepforge.data.sources import DataSource
from nepforge.recipe.describe import key_name
from nepforge.recipe.named_files import NamedFiles
from nepforge.recipe.tables import Recipe

HASH_DOMAIN = b"nepforge.recipe.v1\0"
NOTES = ("description",)  # top-level keys that cannot change numbers


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
    resolved: dict[str, Any] = _without_null(to_json(recipe))
    for name in NOTES:
        del resolved[name]
    resolved["data"]["train"] = [_content(source) for source in files.train]
    if files.validation:
        resolved["data"]["validation"] = [_content(source) for source in files.validation]
    if files.start_from is not None:
        resolved["model"]["start_from"] = _content(files.start_from)
    for table in resolved["md"]:
        if table["name"] in files.md:
            table["structure"]["file"] = _content(files.md[table["name"]])
    if "structure" in files.md_benchmark:
        structure = resolved["md_benchmark"]["structure"]
        structure["file"] = _content(files.md_benchmark["structure"])
    if "deepmd_model" in files.md_benchmark:
        resolved["md_benchmark"]["deepmd_model"] = _content(files.md_benchmark["deepmd_model"])
    return resolved


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


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_null(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_null(item) for item in value]
    return value
