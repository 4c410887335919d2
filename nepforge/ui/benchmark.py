"""The speeds that a benchmark of molecular dynamics measured, as a table with its advice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from nepforge.ui.listings import columns
from nepforge.ui.words import number

THOUSAND = 1.0e3
STAGE = "md_benchmark"


def benchmark_lines(folder: Path | None) -> list[Text]:
    """Lines of the summary of a run; none when its folder holds no benchmark."""
    path = None if folder is None else folder / STAGE / "benchmark.json"
    if path is None or not path.exists():
        return []
    content = json.loads(path.read_text(encoding="utf-8"))
    machine = content["machine"]
    return [
        Text(),
        Text.assemble(
            f"  {STAGE}  ",
            ("thousand atom-steps a second (and a CPU second), on ", "dim"),
            (f"{machine['processor']}, {machine['cores']} cores", "dim"),
        ),
        *map(Text, columns(_table(content["measurements"]), "  ").splitlines()),
        *(Text.assemble(("  best for ", "dim"), (line, "bold")) for line in content["advice"]),
        *(Text(f"  {line}", style="dim") for line in content["notes"]),
    ]


def _table(measurements: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """A row for each setting, a column for each size."""
    sizes = sorted({one["atoms"] for one in measurements})
    cells = {(one["setting"], one["atoms"]): _cell(one) for one in measurements}
    settings = dict.fromkeys(one["setting"] for one in measurements)
    return [
        ["atoms", *(str(size) for size in sizes)],
        *([name, *(cells.get((name, size), "-") for size in sizes)] for name in settings),
    ]


def _cell(one: Mapping[str, Any]) -> str:
    wall, cpu = one["atom_steps_per_s"], one["atom_steps_per_cpu_s"]
    return f"{number(wall / THOUSAND)} ({number(cpu / THOUSAND)})"
