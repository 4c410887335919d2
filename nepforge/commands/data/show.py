"""`nepforge data show`: a table of files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from nepforge.commands.data.options import (
    files_argument,
    from_option,
    part_option,
    reading_options,
    species_option,
)
from nepforge.commands.errors import debug_option
from nepforge.commands.label_options import label_options
from nepforge.commands.options import json_option, say_notice

if TYPE_CHECKING:
    from nepforge.data.datasets import Reading
    from nepforge.data.frame import Frame
    from nepforge.data.summary import Summary

SHOWN_COMPOSITIONS = 3


@click.command()
@files_argument
@reading_options(from_option, species_option, part_option, label_options)
@json_option
@debug_option
def show(files: Sequence[Path], as_json: bool, reading: Reading) -> None:
    """Show a table of files: frames, compositions, ranges of energy, force and pressure."""
    import attrs

    from nepforge.data.datasets import load, load_sets
    from nepforge.data.summary import summarize

    if reading.part:
        frames: Sequence[Frame] = load(files, reading)
    else:
        sets = load_sets(files, (), reading)
        frames = sets.frames
        for text in sets.notices:
            say_notice(text)
    summaries = summarize(frames)
    if as_json:
        click.echo(json.dumps({"v": 1, "files": [attrs.asdict(summary) for summary in summaries]}))
    else:
        click.echo(_summaries_text(summaries))


def _summaries_text(summaries: Sequence[Summary]) -> str:
    from nepforge.ui.listings import columns

    head = [
        "file",
        "frames",
        "atoms",
        "Å³/atom",
        "eV/atom",
        "F rms",
        "F max",
        "GPa",
        "compositions",
    ]
    return columns([head, *(_summary_cells(summary) for summary in summaries)])


def _summary_cells(summary: Summary) -> list[str]:
    low, high = summary.n_atoms
    shown = list(summary.compositions.items())[:SHOWN_COMPOSITIONS]
    more = len(summary.compositions) - len(shown)
    formulas = ", ".join(f"{formula} ({n})" for formula, n in shown)
    return [
        summary.name,
        _frames_text(summary),
        str(low) if low == high else f"{low}..{high}",
        _range_text(summary.volume, 2),
        _range_text(summary.energy, 3),
        "-" if summary.force_rms is None else f"{summary.force_rms:.2f}",
        "-" if summary.force_max is None else f"{summary.force_max:.2f}",
        _range_text(summary.pressure_gpa, 1),
        f"{formulas} and {more} more" if more else formulas,
    ]


def _frames_text(summary: Summary) -> str:
    unconverged = f" ({summary.n_unconverged} unconverged)" if summary.n_unconverged else ""
    return f"{summary.n_frames}{unconverged}"


def _range_text(values: tuple[float, float] | None, decimals: int) -> str:
    if values is None:
        return "-"
    low, high = (f"{value:.{decimals}f}" for value in values)
    return low if low == high else f"{low}..{high}"
