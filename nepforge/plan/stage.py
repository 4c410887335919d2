"""A stage and the address of its result.

key = sha256 over the RFC 8785 form of {stage kind, version, table, OUTPUT digests of the inputs,
digests of the source files, numerics}. Never time, host, path or commit. Because the digests of
what an upstream stage wrote are used, a rerun that writes the same bytes stops there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rfc8785
from attrs import field, frozen

from nepforge.plan.tables import table_json

KEY_DOMAIN = b"nepforge.stage.v1\0"


@frozen
class SourceFile:
    """A user's file or folder, known by content.

    `sha256` of a folder is that of its sorted list of (relative path, sha256); see data.sources.
    """

    path: Path
    sha256: str
    size: int
    part: str = ""  # of a folder: "train", "valid", or "" for all of it


@frozen
class Input:
    """The file `file` that the stage named `stage` writes."""

    stage: str
    file: str


@frozen
class Stage:
    """One unit of work. `name` is unique in a plan ("train", "md:npt-300K").

    `table` is one of plan.tables, or JSON types.
    `paths` maps each top-level name of `table` and each source to its place in the recipe
    ("md" -> "md[0]"), so that a changed value can be shown with its line. `after` names stages
    that must have succeeded although their output is not read; it is not part of the key.
    """

    name: str
    kind: str
    version: int
    table: Any
    inputs: Mapping[str, Input] = field(factory=dict)
    sources: Mapping[str, SourceFile] = field(factory=dict)
    paths: Mapping[str, str] = field(factory=dict)
    after: tuple[str, ...] = ()

    @property
    def json(self) -> dict[str, Any]:
        """The table as its key hashes it."""
        return dict(table_json(self.table))


def key_content(
    stage: Stage, input_digests: Mapping[str, str], numerics: Mapping[str, str | int]
) -> dict[str, Any]:
    """Everything that the result of a stage depends on, as JSON types.

    Args:
        stage: The stage.
        input_digests: Input name -> sha256 of the upstream file.
        numerics: What makes floats differ: package versions, device, threads, CPU kind.
    """
    return {
        "stage": stage.kind,
        "version": stage.version,
        "table": stage.json,
        "inputs": dict(input_digests),
        "sources": {name: source.sha256 for name, source in stage.sources.items()},
        "numerics": dict(numerics),
    }


def key_of(content: Mapping[str, Any]) -> str:
    """The address of a result, 64 hex digits, from what `key_content` gives."""
    return hashlib.sha256(KEY_DOMAIN + rfc8785.dumps(dict(content))).hexdigest()


def lineage_of(content: Mapping[str, Any], endings: Sequence[str]) -> str:
    """The address shared by builds that differ only in when their work ends.

    Args:
        content: From `key_content`.
        endings: Dotted names in the table, see plan.kinds.
    """
    return key_of({**content, "table": _without(content["table"], endings)})


def _without(table: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in table.items():
        if key in names:
            continue
        inner = [name.removeprefix(f"{key}.") for name in names if name.startswith(f"{key}.")]
        kept[key] = _without(value, inner) if inner and isinstance(value, Mapping) else value
    return kept


def stage_key(
    stage: Stage, input_digests: Mapping[str, str], numerics: Mapping[str, str | int]
) -> str:
    """The address of the stage's result; arguments as for `key_content`."""
    return key_of(key_content(stage, input_digests, numerics))


@frozen
class Plan:
    """Everything the engine needs to know about one run; built by plan.build from a recipe."""

    name: str
    recipe_hash: str  # 64 hex digits
    recipe_file: str  # name of the recipe file, for messages
    recipe_text: str  # verbatim
    resolved: Mapping[str, Any]  # defaults filled in, data files as {sha256, size, format}
    threads: int
    tolerances: Mapping[str, Mapping[str, float]]
    stages: tuple[Stage, ...]  # in an order that satisfies the inputs
    positions: Mapping[str, tuple[int, int]]  # dotted recipe key -> line, column (1-based)
    overrides: tuple[str, ...] = ()  # --set texts that were applied to the text
    recipe_path: Path | None = None
    experiment: str = ""  # what its runs are collected under; the name when empty
