"""How two machines differ, what can change a number first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from attrs import frozen

from nepforge.store.run_record import flat

# numbers: enters the keys of stages, because it chooses other arithmetic. code: nepforge itself;
# a change of numbers should have raised a stage version. other: recorded, not known to matter.
Effect = Literal["numbers", "code", "other"]
EFFECTS: tuple[Effect, ...] = ("numbers", "code", "other")


@frozen
class Drift:
    """One thing that differs between two environments."""

    effect: Effect
    name: str
    first: str  # "" where it is missing
    second: str


def drift(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Drift]:
    """What differs between the environments of two run bodies, the most telling first."""
    found = [
        *_differing("numbers", _numerics(first["stages"]), _numerics(second["stages"])),
        *_differing("numbers", _versions(first["stages"]), _versions(second["stages"])),
        *_differing("code", _code(first), _code(second)),
        *_differing("other", _others(first), _others(second)),
    ]
    known: dict[str, Drift] = {}
    for item in found:
        known.setdefault(item.name, item)  # torch is in the numerics and in the environment
    return list(known.values())


def _differing(
    effect: Effect, first: Mapping[str, Any], second: Mapping[str, Any]
) -> Iterator[Drift]:
    for name in sorted({*first, *second}):
        one, two = str(first.get(name, "")), str(second.get(name, ""))
        if one != two:
            yield Drift(effect, name, one, two)


def _numerics(stages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value for stage in stages for name, value in stage["content"]["numerics"].items()}


def _versions(stages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        f"version of stage {stage['content']['stage']}": stage["content"]["version"]
        for stage in stages
    }


def _code(body: Mapping[str, Any]) -> dict[str, Any]:
    return {f"nepforge {name}": item for name, item in body["environment"]["nepforge"].items()}


def _others(body: Mapping[str, Any]) -> dict[str, Any]:
    environment = {k: v for k, v in body["environment"].items() if k != "nepforge"}
    return {name.removeprefix("packages."): value for name, value in flat(environment)}
