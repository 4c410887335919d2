"""The recipe of `nepforge init`, written from the tables: every key that has a value or example.

The settings of another program take the place of these values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import attrs
from attrs import define, field

from nepforge.recipe.tables import Data, Export, LKFOptimizer, Md, NEPModelTable, Recipe
from nepforge.recipe.tables.key import about, keys_of

COLUMN = 32  # of the comments
HEAD = """\
# A recipe: data -> potential -> molecular dynamics, and a ledger entry that says how.
# Check it with `nepforge check`, run it with `nepforge run`. Every key: recipes/README.md.
"""
SECTIONS: Mapping[str, tuple[str, type]] = {  # name -> header, table
    "": (HEAD, Recipe),
    "data": ("[data]\n", Data),
    "model": ("[model]\n", NEPModelTable),
    "optimizer": ("[optimizer]\n", LKFOptimizer),
    "export": ("[export]\n", Export),
    "md": (f"{'[[md]]':<{COLUMN}} # any number of these, or none\n", Md),
}
WEIGHTS: Mapping[str, float] = about(keys_of(LKFOptimizer)["weights"]).example


@define
class Settings:
    """The settings in another program's input, as TOML of a recipe.

    `sections` replace whole tables ("optimizer"), their lines below the header; `without` are
    tables that are left out.
    """

    values: dict[str, str] = field(factory=dict)  # key of the recipe -> TOML
    comments: list[str] = field(factory=list)  # what became of each setting
    weights: dict[str, float] = field(factory=lambda: dict(WEIGHTS))
    sections: dict[str, list[str]] = field(factory=dict)
    without: list[str] = field(factory=list)


def starter_recipe(name: str) -> str:
    """The recipe that `nepforge init` writes."""
    return _written(Settings({"name": toml(name)}))


def filled(settings: Settings, origin: str) -> str:
    """The starter recipe with settings, after comments that say what became of each.

    Args:
        settings: What takes the place of the starter's values.
        origin: Where the settings come from, in words.
    """
    comments = "".join(f"#   {comment}\n" for comment in settings.comments)
    return f"# From {origin}:\n{comments}{_written(settings)}"


def toml(value: Any) -> str:
    """A value as TOML writes it on one line."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name} = {toml(item)}' for name, item in value.items())} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _written(settings: Settings) -> str:
    values = {"weights": toml(settings.weights), **settings.values}
    parts = []
    for name, (header, table) in SECTIONS.items():
        if name in settings.sections:
            parts.append("".join(f"{line}\n" for line in [f"[{name}]", *settings.sections[name]]))
        elif name not in settings.without:
            parts.append(header + "".join(_lines(table, values)))
    assert values.keys() <= {"weights"}, values  # of another optimizer
    return "\n".join(parts)


def _lines(table: type, values: MutableMapping[str, str]) -> Iterator[str]:
    """The keys with their values, which are taken out of `values`."""
    for name, attribute in keys_of(table).items():
        explained = about(attribute)
        given = values.pop(name, "")
        value = given or _value(attribute)
        if value:
            is_optional = not given and attribute.default is None
            setting = f"{'# ' if is_optional else ''}{name} = {value}"
            unit = f" ({explained.unit})" if explained.unit else ""
            yield f"{setting:<{COLUMN - 1}}  # {explained.text}{unit}\n"


def _value(attribute: attrs.Attribute[Any]) -> str:
    """The default or else the example as TOML; an empty string where there is neither."""
    default: Any = attribute.default
    if default in (attrs.NOTHING, None):
        example = about(attribute).example
        return "" if example is None else toml(example)
    return toml(default) if isinstance(default, (str, int, float)) else ""
