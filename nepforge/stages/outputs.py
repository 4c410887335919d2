"""JSON files that several stages write: the same bytes for the same content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_json(path: Path, content: Any) -> None:
    """Write JSON for people and programs."""
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def write_metrics(folder: Path, metrics: Mapping[str, float]) -> None:
    """Write what the engine reports and records, name -> number."""
    write_json(folder / "metrics.json", dict(metrics))
