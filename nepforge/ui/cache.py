"""What lies in the cache, why a stage runs, what can go."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from nepforge.engine.outlook import Explanation
from nepforge.store.garbage import Garbage
from nepforge.store.run_record import flat
from nepforge.ui.listings import columns
from nepforge.ui.words import counted, duration, short

LONGEST_VALUE = 60  # characters
MEGABYTE = 1.0e6


def cache_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line for each result, the largest first."""
    head = ["key", "stage", "files", "size", "took", "newest run"]
    lines = [
        [
            short(row["key"]),
            row["stage"],
            str(row["files"]),
            megabytes(row["size"]),
            duration(row["seconds"]),
            short(row["run"]) or "-",
        ]
        for row in rows
    ]
    total = sum(row["size"] for row in rows)
    return f"{columns([head, *lines])}\n{counted(len(rows), 'result')}, {megabytes(total)}"


def garbage_text(garbage: Sequence[Garbage]) -> str:
    """What can go, by kind."""
    by_kind: dict[str, list[Garbage]] = {}
    for item in garbage:
        by_kind.setdefault(item.kind, []).append(item)
    rows = [
        [kind, str(len(items)), megabytes(sum(item.size for item in items))]
        for kind, items in by_kind.items()
    ]
    return columns([["what", "number", "size"], *rows], "  ")


def megabytes(size: int) -> str:
    """ "1.2 MB"."""
    return f"{size / MEGABYTE:.1f} MB"


def explanation_text(name: str, explanation: Explanation) -> str:
    """Why a stage is cached or not, and everything that its key is made of."""
    planned, last = explanation.planned, explanation.last
    state = "cached" if planned.cached else "to fetch" if planned.remote else "must run"
    lines = [f"{name}: {state}", f"  key {planned.key or 'not known before its inputs are'}"]
    lines += [f"  {reason}" for reason in explanation.reasons]
    now = dict(flat(explanation.content))
    before = {} if last is None else dict(flat(last.content))
    rows = [["part of the key", "now", "last time"]]
    for key in [*now, *(key for key in before if key not in now)]:
        old = "the same" if before.get(key) == now.get(key) else _shown(before.get(key))
        rows.append([key, _shown(now.get(key)), old if last is not None else "-"])
    return "\n".join([*lines, "", columns(rows, "  ")])


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """The same for programs; `last_content` is None where there is no last result."""
    last = explanation.last
    return {
        "stage": attrs.asdict(explanation.planned),
        "reasons": list(explanation.reasons),
        "content": explanation.content,
        "last_content": None if last is None else last.content,
    }


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return short(value) if len(value) == 64 else value[:LONGEST_VALUE]
    return json.dumps(value, ensure_ascii=False)[:LONGEST_VALUE]
