"""Warnings of a run, repeated at its end; the stages may have come from the cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.text import Text

from nepforge.ui.words import counted

SHOWN = 6
LABEL = f"  {'warning':14}"


def warning_lines(folder: Path | None) -> list[Text]:
    """Lines of the summary of a run; none when nothing was doubtful."""
    if folder is None:
        return []
    findings = _read(folder / "data" / "report.json").get("findings", [])
    texts = [found["text"] for found in findings if found["level"] == "warning"]
    texts = [*_read(folder / "evaluate" / "usefulness.json").get("warnings", []), *texts]
    lines = [Text.assemble((LABEL, "yellow"), text) for text in texts[:SHOWN]]
    if len(texts) > SHOWN:
        more = counted(len(texts) - SHOWN, "more warning")
        lines.append(Text.assemble((LABEL, "yellow"), f"{more} in data/report.json"))
    return [Text(), *lines] if lines else []


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
