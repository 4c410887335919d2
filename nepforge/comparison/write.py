"""runs/<name>/comparison/: comparison.json, comparison.md and comparison.png."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from nepforge.comparison.table import ComparedRun, Comparison, leads_of, rows_of
from nepforge.comparison.text import markdown
from nepforge.plots.comparison import Curve, comparison_curves
from nepforge.quantities import QUANTITIES

FLOOR_OPTIMIZER = "snes"  # GPUMD's optimizer, the reference: its lowest error is drawn as a line


def write_comparison(parent: Path, runs: Sequence[ComparedRun]) -> Comparison:
    """Compare runs in `parent`/comparison, replacing an older comparison."""
    rows = rows_of(runs)
    leads = leads_of(rows, runs)
    comparison = Comparison(tuple(runs), tuple(rows), tuple(leads), parent / "comparison")
    draft = parent / f".comparison.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        content = json.dumps(comparison.to_json(), indent=2, ensure_ascii=False)
        (draft / "comparison.json").write_text(content + "\n", encoding="utf-8")
        (draft / "comparison.md").write_text(markdown(comparison), encoding="utf-8")
        comparison_curves(draft / "comparison.png", [_curve(run) for run in runs])
        shutil.rmtree(comparison.folder, ignore_errors=True)
        draft.rename(comparison.folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return comparison


def _curve(run: ComparedRun) -> Curve:
    return Curve(
        variant=run.variant,
        epochs=run.history["epoch"],
        seconds=run.history["seconds"],
        errors={
            quantity.name: run.history[quantity.metric]
            for quantity in QUANTITIES
            if quantity.metric in run.history
        },
        has_floor=run.optimizer == FLOOR_OPTIMIZER,
    )
