"""The summary that the runs of a [matrix] leave on the standard output."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from nepforge.comparison.table import Comparison
from nepforge.comparison.text import cells, lead_text
from nepforge.ui.listings import columns

HEADING = "bold"
QUIET = "dim"


def print_comparison(console: Console, comparison: Comparison, name: str) -> None:
    """Print the table of variants, who is ahead, and where the files are.

    Args:
        console: Nothing is wrapped.
        comparison: What was compared.
        name: Name of the recipe with the [matrix].
    """
    table = columns(cells(comparison.rows), "  ").split("\n")
    lines = [
        Text.assemble((name, HEADING), ": best models on validation data, mean ± deviation"),
        Text(),
        Text(table[0], style=QUIET),
        *(Text(line) for line in table[1:]),
        Text(),
        *(Text(f"  {lead_text(lead)}") for lead in comparison.leads),
        Text.assemble(
            ("  files  ", QUIET), f"{_relative(comparison.folder)}/comparison.png, .md, .json"
        ),
    ]
    for line in lines:
        console.print(line, soft_wrap=True)


def _relative(path: Path) -> Path:
    """The path as seen from here, when it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
