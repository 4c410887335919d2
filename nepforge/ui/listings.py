"""Tables of the commands that only show something: plan, status, ledger log, check.

Columns are padded, never wrapped; the last one may be of any length.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nepforge.quantities import FORCE
from nepforge.recipe.positions import dotted
from nepforge.ui.words import counted, duration, short, shown

if TYPE_CHECKING:  # `check` starts without the ledger and its locks
    from nepforge.events import PlannedStage
    from nepforge.ledger.entry import Entry
    from nepforge.recipe.named_files import NamedFiles
    from nepforge.shared_disk.held import HeldLock


def columns(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Rows of cells as aligned text."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = (
        indent + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def plan_text(name: str, recipe_hash: str, stages: Sequence[PlannedStage]) -> str:
    """What a run would do with every stage, and why."""
    ways = ["cached" if stage.cached else "fetch" if stage.remote else "run" for stage in stages]
    fetched = f"{ways.count('fetch')} to fetch, " if "fetch" in ways else ""
    title = (
        f"{name}, recipe {short(recipe_hash)}: {counted(len(stages), 'stage')}, "
        f"{ways.count('cached')} cached, {fetched}{ways.count('run')} to run"
    )
    rows = [
        [stage.name, way, short(stage.key or "-"), "" if stage.cached else stage.reason]
        for stage, way in zip(stages, ways, strict=True)
    ]
    return f"{title}\n\n{columns([['stage', '', 'key', 'why'], *rows], '  ')}"


def run_row(entry: Entry) -> dict[str, Any]:
    """The few facts of a ledger entry that a list shows."""
    body = entry.body
    return {
        "seq": entry.seq,
        "ts_utc": entry.ts_utc,
        "type": entry.type,
        "hash": entry.hash,
        "name": body.get("name", body.get("recipe", "")),
        "outcome": body.get("outcome", ""),
        "recipe_hash": _recipe_hash(body),
        "seconds": body.get("seconds"),
        "valid_force_rmse": _metric(body, f"evaluate.valid_{FORCE.metric}"),
    }


def log_text(entries: Iterable[Entry]) -> str:
    """A list of ledger entries, one per line, oldest first."""
    head = [
        "seq",
        "hash",
        "time (UTC)",
        "recipe",
        "outcome",
        "took",
        f"force RMSE, {FORCE.shown_unit}",
    ]
    return columns([head, *(_log_cells(run_row(entry)) for entry in entries)])


def runs_of(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that are runs."""
    return [entry for entry in entries if entry.type == "run"]


def held_text(held: Iterable[HeldLock]) -> str:
    """Which process holds which lock and why, and what killed processes left behind."""
    held = list(held)
    lines = [_held_line(lock) for lock in held]
    if all(lock.condition != "running" for lock in held):
        lines.append("no run in progress")
    return "\n".join(lines)


def _held_line(lock: HeldLock) -> str:
    work = f"stage {lock.stage} of {lock.recipe}" if lock.stage else ""
    age = "" if lock.seconds is None else duration(lock.seconds)
    if lock.condition == "running":
        told = ", ".join(part for part in (work, f"for {age}" if age else "") if part)
        return f"{lock.holder}: holds {short(lock.name)}" + (f" ({told})" if told else "")
    held = f"left {work or 'its lock'}, {short(lock.name)}" if work else f"held {short(lock.name)}"
    if lock.condition == "dead":
        began = f", begun {age} ago" if age else ""
        rest = "; the next run takes over" + (" from its last checkpoint" if work else "")
        return f"{lock.holder}: DEAD (killed), {held}{began}{rest}"
    silent = f" for {age}" if age else ""
    return f"{lock.holder}: SILENT{silent}, {held}; the next run takes over"


def data_text(files: NamedFiles) -> str:
    """The files of a recipe: the key that names each, format, size, digest."""
    rows = [
        [dotted(at), source.path.name, source.format, _size(source.size), short(source.sha256)]
        for at, source in files.at.items()
    ]
    return columns([["key", "file", "format", "size", "sha256"], *rows], "  ")


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1.0e6:.1f} MB" if n_bytes >= 100_000 else f"{n_bytes / 1.0e3:.1f} kB"


def _log_cells(row: Mapping[str, Any]) -> list[str]:
    force = row["valid_force_rmse"]
    return [
        str(row["seq"]),
        short(row["hash"]),
        row["ts_utc"][:16].replace("T", " "),
        row["name"] or "-",
        row["outcome"] or row["type"],
        "-" if row["seconds"] is None else duration(row["seconds"]),
        "-" if force is None else shown(FORCE, force),
    ]


def _recipe_hash(body: Mapping[str, Any]) -> str:
    recipe = body.get("recipe")
    return str(recipe["hash"]) if isinstance(recipe, Mapping) else ""


def _metric(body: Mapping[str, Any], name: str) -> float | None:
    metric = body.get("metrics", {}).get(name)
    return None if metric is None else float(metric["value"])
