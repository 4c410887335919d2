"""runs/<name>/<run hash>/: copies of what a run made, for people. Nothing reads them back."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from nepforge.ledger.entry import Entry
from nepforge.store.cache import files_body
from nepforge.store.run_record import RunRecord, StageRecord

LARGEST_COPY = 32 << 20  # bytes; a larger file stays in the cache, the summary says where
SHOWN_DIGITS = 12  # of a hash in a folder name


def write_run_folder(parent: Path, run: RunRecord, entry: Entry) -> Path:
    """Copy the artifacts of a finished run, grouped by stage; the new folder.

    Args:
        parent: The folder of all runs of this recipe.
        run: The run.
        entry: Its ledger entry.
    """
    folder = parent / entry.hash[:SHOWN_DIGITS]
    draft = parent / f".{folder.name}.{os.getpid()}"
    draft.mkdir(parents=True)
    try:
        for record in run.stages:
            _copy_stage(record, draft)
        (draft / "recipe.toml").write_text(run.plan.recipe_text, encoding="utf-8")
        resolved = tomli_w.dumps(_without_none(run.plan.resolved))
        (draft / "resolved.toml").write_text(resolved, encoding="utf-8")
        summary = json.dumps(_summary(run, entry), indent=2, ensure_ascii=False)
        (draft / "summary.json").write_text(summary + "\n", encoding="utf-8")
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _copy_stage(record: StageRecord, run_folder: Path) -> None:
    target = run_folder.joinpath(*record.stage.name.split(":"))  # "md:npt-300K" -> md/npt-300K
    for name, file in record.published.files.items():
        if file.size <= LARGEST_COPY:
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(record.published.folder / name, copy)


def _summary(run: RunRecord, entry: Entry) -> dict[str, Any]:
    return {
        "name": run.plan.name,
        "outcome": run.outcome,
        "recipe_hash": run.plan.recipe_hash,
        "run_hash": entry.hash,
        "ledger_seq": entry.seq,
        "ts_utc": entry.ts_utc,
        "seconds": round(run.seconds, 3),
        "metrics": entry.body["metrics"],
        "stages": [_stage_summary(record) for record in run.stages],
    }


def _stage_summary(record: StageRecord) -> dict[str, Any]:
    published = record.published
    return {
        "name": record.stage.name,
        "key": published.key,
        "cached": record.cached,
        "build_seconds": round(published.seconds, 3),
        "files": files_body(published.files),
        "only_in_cache": [
            name for name, file in published.files.items() if file.size > LARGEST_COPY
        ],
    }


def _without_none(value: Any) -> Any:
    """TOML has no null: a key without a value is left out."""
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_without_none(item) for item in value if item is not None]
    return value
