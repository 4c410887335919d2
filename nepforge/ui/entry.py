"""One ledger entry, in full, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from nepforge.ledger.entry import Entry
from nepforge.ui.listings import columns, run_row
from nepforge.ui.words import duration, number, short

DIGITS = 6  # of a metric


def entry_json(entry: Entry) -> dict[str, Any]:
    """The entry with its hash, for programs."""
    fields = {"seq": entry.seq, "ts_utc": entry.ts_utc, "prev": entry.prev, "type": entry.type}
    return {"v": entry.version, **fields, "hash": entry.hash, "body": entry.body}


def entry_text(entry: Entry) -> str:
    """What ran, with what, and what came out; other entries as indented JSON."""
    row = run_row(entry)
    title = f"entry {entry.seq}, {entry.type}, {entry.ts_utc}"
    facts = [["hash", entry.hash], ["previous", short(entry.prev)]]
    if entry.type != "run":
        return f"{title}\n\n{columns(facts, '  ')}\n\n{json.dumps(entry.body, indent=2)}"
    body = entry.body
    facts += [
        ["recipe", f"{row['name']} {row['recipe_hash']}"],
        ["outcome", f"{row['outcome']} after {duration(row['seconds'])}"],
        *_environment(body["environment"]),
        *([["failure", body["failure"]["message"]]] if "failure" in body else []),
    ]
    stages = [
        [stage["name"], short(stage["key"]), _how(stage), duration(stage["seconds"])]
        for stage in body["stages"]
    ]
    metrics = [
        [name, number(metric["value"], DIGITS), metric["unit"]]
        for name, metric in body["metrics"].items()
    ]
    parts = [title, columns(facts, "  ")]
    parts += [columns(rows, "  ") for rows in (stages, metrics) if rows]
    return "\n\n".join(parts)


def _environment(environment: Mapping[str, Any]) -> Iterator[list[str]]:
    source = environment["nepforge"]
    commit = f", commit {source['commit'][:12]}" if "commit" in source else ""
    changed = " with changes" if source.get("dirty") else ""
    yield ["nepforge", f"{source['version']}{commit}{changed}"]
    yield [
        "machine",
        f"{environment['os']} {environment['machine']}, {environment['cpu']} kernels, "
        f"{environment['device']}, {environment['threads']} threads",
    ]
    yield ["packages", ", ".join(f"{n} {v}" for n, v in environment["packages"].items())]


def _how(stage: Mapping[str, Any]) -> str:
    if stage["cached"]:
        return "cached"
    return "resumed" if stage["resumed"] else "computed"
