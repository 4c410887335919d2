"""Parsed TOML -> Recipe without any coercion, and every violation at once.

cattrs finds the hook for each type; its own hooks would read 4.7 as 4, "4" as 4 and "HfO" as
["H", "f", "O"], so each kind of value has a strict one here.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import attrs
from cattrs import Converter

from nepforge.recipe.describe import LARGEST_INTEGER, describe, show
from nepforge.recipe.limits import RefusedError, Violation, did_you_mean
from nepforge.recipe.rules import TABLE_RULES, Rule
from nepforge.recipe.tables import (
    Recipe,
    Structure,
    StructureFromData,
    StructureFromFile,
    Zbl,
    ZblRange,
)
from nepforge.recipe.tables.key import keys_of
from nepforge.recipe.tables.values import (
    Cutoff,
    CutoffPair,
    FileName,
    Fraction,
    InfoValues,
    Positive,
    Validation,
    ZblRow,
)

T = TypeVar("T")
Hook = Callable[[Any, Any], Any]
HookFactory = Callable[[Any, Converter], Hook]


def read_recipe(document: Mapping[str, Any]) -> tuple[Recipe | None, list[Violation]]:
    """The recipe, or None and everything that is wrong with it."""
    try:
        return _converter().structure(document, Recipe), []
    except RefusedError as error:
        return None, list(error.violations)


def read_table(table: type[T], value: Any) -> T:
    """A table from JSON types, with the keys of TOML; a key that is null has no value.

    Raises:
        RefusedError: All that is wrong with it.
    """
    return _converter().structure(value, table)


def _refuse(value: Any, kind: Any, hint: str = "") -> RefusedError:
    return RefusedError(Violation(f"got {show(value)}, expected {describe(kind)}", hint))


# --- hooks: (value, type) -> value, or RefusedError ---


def _integer(value: Any, kind: Any) -> int:
    if type(value) is not int:
        raise _refuse(value, kind)
    if abs(value) > LARGEST_INTEGER:
        raise RefusedError(Violation(f"got {show(value)}, expected one below 2^53 in size"))
    return value


def _number(value: Any, kind: Any) -> float:
    if type(value) is int:
        return float(_integer(value, int))
    if type(value) is not float:
        raise _refuse(value, kind)
    if not math.isfinite(value):
        raise RefusedError(Violation(f"got {value}, expected a finite number"))
    return value


def _string(value: Any, kind: Any) -> str:
    if type(value) is not str:
        raise _refuse(value, kind)
    return unicodedata.normalize("NFC", value)


def _file_name(value: Any, kind: Any) -> str:
    if isinstance(value, dict) and "url" in value:
        raise RefusedError(
            Violation(
                "got data by URL, which this version does not fetch",
                "download the file and write its name here",
            )
        )
    if type(value) is not str or not value:
        raise _refuse(value, kind)
    return value  # as it is written: a file system may tell normal forms apart


def _option(value: Any, kind: Any) -> Any:
    options = get_args(kind)
    if not any(type(value) is type(option) and value == option for option in options):
        words = [option for option in options if isinstance(option, str)]
        raise _refuse(value, kind, did_you_mean(str(value), words))
    return value


def _limited(kind: Any, converter: Converter) -> Hook:
    base, limit = get_args(kind)[:2]
    inner = converter.get_structure_hook(base)

    def hook(value: Any, _: Any) -> Any:
        read = inner(value, kind)
        if not limit.accepts(read):
            raise _refuse(value, kind, limit.hint(read))
        return read

    return hook


def _array(kind: Any, converter: Converter) -> Hook:
    args = get_args(kind)

    def hook(value: Any, _: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _refuse(value, kind)
        kinds = [args[0]] * len(value) if args[-1] is Ellipsis else args
        if len(kinds) != len(value):
            message = f"got an array of {len(value)}, expected {describe(kind)}"
            raise RefusedError(Violation(message))
        pairs = zip(value, kinds, strict=True)
        read, violations = _all_of(dict(enumerate(pairs)), converter)
        _raise_any(violations)
        return tuple(read.values())

    return hook


def _mapping(kind: Any, converter: Converter) -> Hook:
    key_kind, value_kind = get_args(kind)

    def hook(value: Any, _: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _refuse(value, kind)
        _, of_keys = _all_of({name: (name, key_kind) for name in value}, converter)
        items = {name: (item, value_kind) for name, item in value.items()}
        read, of_values = _all_of(items, converter)
        _raise_any([*of_keys, *of_values])
        return read

    return hook


def _all_of(
    items: Mapping[Any, tuple[Any, Any]], converter: Converter
) -> tuple[dict[Any, Any], list[Violation]]:
    """Place -> (value, type), read one by one so that all violations come together."""
    read: dict[Any, Any] = {}
    violations: list[Violation] = []
    for place, (value, kind) in items.items():
        try:
            read[place] = converter.structure(value, kind)
        except RefusedError as error:
            violations += [attrs.evolve(f, at=(place, *f.at)) for f in error.violations]
    return read, violations


def _table(kind: Any, converter: Converter) -> Hook:
    attributes = keys_of(kind)
    required = [key for key, a in attributes.items() if a.default is attrs.NOTHING]
    tag = attributes.get("kind")

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise _refuse(value, kind)
        if tag is not None and "kind" in value:  # another kind would have other keys
            _raise_any(_all_of({"kind": (value["kind"], tag.type)}, converter)[1])
        known = {key: (value[key], a.type) for key, a in attributes.items() if key in value}
        read, violations = _all_of(known, converter)
        for key in required:
            if key not in value:
                expected = describe(attributes[key].type)
                violations.append(Violation(f"missing, expected {expected}", "", (key,)))
        for key in sorted(value.keys() - attributes.keys()):
            hint = did_you_mean(key, attributes) or f"known keys: {', '.join(attributes)}"
            violations.append(Violation("unknown key", hint, (key,)))
        for rule in TABLE_RULES.get(kind, ()):
            violations += _broken(rule, kind, value, read)
        _raise_any(violations)
        return kind(**{attributes[key].name: item for key, item in read.items()})

    return hook


def _broken(
    rule: Rule, kind: Any, value: Mapping[str, Any], read: Mapping[str, Any]
) -> Iterator[Violation]:
    """What the rule finds, if all keys that it needs could be read."""
    attributes = keys_of(kind)
    defaults = {key: attributes[key].default for key in rule.keys if key not in value}
    values = [{**defaults, **read}.get(key, attrs.NOTHING) for key in rule.keys]
    if attrs.NOTHING not in values:
        yield from rule.check(*values, *(value.get(key) for key in rule.written))


def _raise_any(violations: Sequence[Violation]) -> None:
    if violations:
        raise RefusedError(*violations)


def _one_of_kinds(kind: Any, converter: Converter) -> Hook:
    """A union of tables that their key `kind` tells apart."""
    by_kind = {option: table for table in get_args(kind) for option in _options_of_kind(table)}
    of_kind: Any = Literal.__getitem__(tuple(by_kind))

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise _refuse(value, kind)
        if "kind" not in value:
            raise RefusedError(Violation(f"missing, expected {describe(of_kind)}", "", ("kind",)))
        _raise_any(_all_of({"kind": (value["kind"], of_kind)}, converter)[1])
        return converter.structure(value, by_kind[value["kind"]])

    return hook


def _options_of_kind(table: Any) -> tuple[Any, ...]:
    return get_args(keys_of(table)["kind"].type)


def _are_kinds(kind: Any) -> bool:
    """Whether it is a union of tables that all have the key `kind`."""
    tables = get_args(kind) if get_origin(kind) is UnionType else ()
    return bool(tables) and all(attrs.has(table) and "kind" in keys_of(table) for table in tables)


def _validation(value: Any, _: Any) -> float | tuple[str, ...]:
    if isinstance(value, list):
        return _converter().structure(value, tuple[FileName, ...])
    if isinstance(value, int | float):
        return _converter().structure(value, Fraction)
    raise _refuse(value, Validation)


def _info_values(value: Any, kind: Any) -> str | tuple[str, ...]:
    form: Any = tuple[str, ...] if isinstance(value, list) else str
    try:
        return _converter().structure(value, form)  # type: ignore[no-any-return]
    except RefusedError:
        raise _refuse(value, kind) from None


def _cutoff(value: Any, kind: Any) -> Any:
    if not isinstance(value, list) or not value:
        raise _refuse(value, kind)
    form: Any = tuple[CutoffPair, ...] if isinstance(value[0], list) else CutoffPair
    return _converter().structure(value, form)


def _zbl(value: Any, kind: Any) -> Any:
    match value:
        case None:  # of JSON; TOML has none
            return None
        case bool() | str():
            raise _refuse(value, kind)
        case list():
            return _converter().structure(value, tuple[ZblRow, ...])
        case dict():
            return _converter().structure(value, ZblRange)
        case _:
            return _converter().structure(value, Positive)


def _structure(value: Any, _: Any) -> StructureFromData | StructureFromFile:
    if isinstance(value, dict) and "file" in value and "from" not in value:
        return _converter().structure(value, StructureFromFile)
    return _converter().structure(value, StructureFromData)


def _has_origin(origin: Any) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is origin


def _is(special: Any) -> Callable[[Any], bool]:
    return lambda kind: bool(kind == special)


@cache
def _converter() -> Converter:
    converter = Converter()
    converter.register_structure_hook(int, _integer)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(str, _string)
    converter.register_structure_hook_func(_is(FileName), _file_name)
    converter.register_structure_hook_func(_is(Validation), _validation)
    converter.register_structure_hook_func(_is(InfoValues), _info_values)
    converter.register_structure_hook_func(_is(Structure), _structure)
    converter.register_structure_hook_func(_is(Cutoff), _cutoff)
    converter.register_structure_hook_func(_is(Zbl | None), _zbl)
    converter.register_structure_hook_func(_has_origin(Literal), _option)
    factories: dict[Callable[[Any], bool], HookFactory] = {
        _are_kinds: _one_of_kinds,
        _has_origin(Annotated): _limited,
        _has_origin(tuple): _array,
        _has_origin(Mapping): _mapping,
        attrs.has: _table,
    }
    for applies, factory in factories.items():
        converter.register_structure_hook_factory(applies, factory)
    return converter
