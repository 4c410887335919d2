"""Why a stage must run: the parts of its key that changed, with the recipe line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from nepforge.plan.stage import Plan, Stage

_LONGEST_VALUE = 40  # characters of a value in a reason
_SHOWN_DIGITS = 12


def changes(
    old: Mapping[str, Any], new: Mapping[str, Any], stage: Stage, plan: Plan
) -> Iterator[str]:
    """What differs between two key contents of a stage, one text for each part.

    Args:
        old: Key content of the last result of this stage.
        new: Key content now; `inputs` may lack those that are not known yet.
        stage: The stage now.
        plan: The plan now, for the lines of the recipe.
    """
    if old["stage"] != new["stage"]:
        yield f"stage kind: {old['stage']} -> {new['stage']}"
    if old["version"] != new["version"]:
        yield f"code of {stage.kind}: version {old['version']} -> {new['version']}"
    for name, before, after in _differing(_flat(old["table"]), _flat(new["table"])):
        top = name.split(".", 1)[0]
        key = stage.paths.get(top, top) + name[len(top) :]
        # A stage has a seed of its own, made from the recipe's; the user knows only that one.
        values = "changed" if key == "seed" else f"{_shown(before)} -> {_shown(after)}"
        yield f"{key}: {values}{place(plan, key)}"
    for name, before, after in _differing(old["sources"], new["sources"]):
        key = stage.paths.get(name, name)
        yield f"content of {key}: {_shown(before)} -> {_shown(after)}{place(plan, key)}"
    for name, before, after in _differing(old["numerics"], new["numerics"]):
        yield f"{name}: {_shown(before)} -> {_shown(after)}{place(plan, name)}"
    for name, digest in new["inputs"].items():
        if old["inputs"].get(name) != digest:
            upstream = stage.inputs[name]
            yield f"input {upstream.stage}/{upstream.file} changed"


def place(plan: Plan, key: str) -> str:
    """ " (hfo2.toml:27)", the line of a recipe key or of the table around it; else ""."""
    while key:
        if key in plan.positions:
            return f" ({plan.recipe_file}:{plan.positions[key][0]})"
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    return ""


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in [*new, *(name for name in old if name not in new)]:
        before, after = old.get(name), new.get(name)
        if before != after:
            yield name, before, after


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return value[:_SHOWN_DIGITS] if len(value) == 64 else value[:_LONGEST_VALUE]
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."
