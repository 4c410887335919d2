"""The tables of a recipe as JSON Schema, by which editors complete and check TOML.

Rules between keys are not in it: `nepforge check` knows those.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import attrs

from nepforge.recipe.canonical import to_json
from nepforge.recipe.matrix import MATRIX
from nepforge.recipe.tables import Recipe
from nepforge.recipe.tables.key import about, all_tables, keys_of
from nepforge.recipe.tables.values import FileName

Schema = dict[str, Any]

_MATRIX: Schema = {
    "type": "object",
    "description": "several runs: each key is a key of the recipe, its array holds the values",
    "additionalProperties": {"type": ["array", "object"]},
}
_SIMPLE: Mapping[Any, Schema] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    FileName: {"type": "string", "minLength": 1},
}


def recipe_schema() -> Schema:
    """The schema of a whole recipe, draft 7."""
    top = _table(Recipe)
    required = top.pop("required")
    top["properties"][MATRIX] = _MATRIX
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "nepforge recipe",
        **top,
        "anyOf": [{"required": required}, {"required": [MATRIX]}],  # a matrix may give the rest
        "definitions": {table.__name__: _table(table) for table in list(all_tables(Recipe))[1:]},
    }


def _table(table: type) -> Schema:
    keys = keys_of(table)
    return {
        "type": "object",
        "properties": {name: _key(attribute) for name, attribute in keys.items()},
        "required": [name for name, key in keys.items() if key.default is attrs.NOTHING],
        "additionalProperties": False,
    }


def _key(attribute: attrs.Attribute[Any]) -> Schema:
    key = about(attribute)
    schema = _of(attribute.type)
    if "$ref" in schema:  # whose neighbours draft 7 ignores
        schema = {"allOf": [schema]}
    unit = f"Unit: {key.unit}" if key.unit else ""
    parts = [part for part in (key.text, key.more, unit, key.source) if part]
    schema = {"description": ". ".join(parts), **schema}
    has_default = isinstance(attribute.default, (str, int, float, tuple))
    return {**schema, "default": to_json(attribute.default)} if has_default else schema


def _of(kind: Any) -> Schema:
    """The schema of a type."""
    if isinstance(kind, type) and attrs.has(kind):
        return {"$ref": f"#/definitions/{kind.__name__}"}
    make = _COMPOSED.get(get_origin(kind))
    return dict(_SIMPLE[kind]) if make is None else make(*get_args(kind))


def _limited(base: Any, *limits: Any) -> Schema:
    return _of(base) | {key: value for limit in limits for key, value in limit.json_schema.items()}


def _alternatives(*kinds: Any) -> Schema:
    schemas = [_of(kind) for kind in kinds if kind is not types.NoneType]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _array(*kinds: Any) -> Schema:
    if kinds[-1] is Ellipsis:
        return {"type": "array", "items": _of(kinds[0])}
    size = len(kinds)
    return {"type": "array", "items": [*map(_of, kinds)], "minItems": size, "maxItems": size}


def _mapping(key: Any, value: Any) -> Schema:
    return {"type": "object", "propertyNames": _of(key), "additionalProperties": _of(value)}


_COMPOSED: Mapping[Any, Callable[..., Schema]] = {
    Annotated: _limited,
    Literal: lambda *options: {"enum": list(options)},
    Mapping: _mapping,
    tuple: _array,
    types.UnionType: _alternatives,
    Union: _alternatives,
}
