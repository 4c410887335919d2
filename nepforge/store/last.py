"""The last result of every stage of a recipe, to tell what changed since.

A small index beside the cache. It may be lost at any time: the ledger holds the same facts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from nepforge.ledger.entry import Entry
from nepforge.shared_disk.durable import replace_file
from nepforge.store.cache import FileRecord, files_body


@frozen
class LastResult:
    """What a stage was built from and what it wrote."""

    key: str
    content: Mapping[str, Any]
    files: Mapping[str, FileRecord]

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "content": self.content,
            "outputs": files_body(self.files),
        }


def read_last(path: Path, entries: Iterable[Entry], recipe_name: str) -> dict[str, LastResult]:
    """Stage name -> its last result, from the index or, without one, from the ledger."""
    try:
        stages = json.loads(path.read_text(encoding="utf-8"))
        return {name: _from_json(item) for name, item in stages.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _from_ledger(entries, recipe_name)


def write_last(path: Path, results: Mapping[str, LastResult]) -> None:
    """Replace the index."""
    content = {name: result.to_json() for name, result in results.items()}
    replace_file(path, json.dumps(content, indent=1).encode())


def _from_json(item: Mapping[str, Any]) -> LastResult:
    files = {
        name: FileRecord(record["sha256"], record["size"])
        for name, record in item["outputs"].items()
    }
    return LastResult(item["key"], item["content"], files)


def _from_ledger(entries: Iterable[Entry], recipe_name: str) -> dict[str, LastResult]:
    results = {}
    for entry in entries:
        if entry.type == "run" and entry.body["name"] == recipe_name:
            for stage in entry.body["stages"]:
                results[stage["name"]] = _from_json(stage)
    return results
