"""`nepforge data merge`: files into one, each structure once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from nepforge.commands.data.options import (
    all_reading_options,
    inputs_argument,
    out_argument,
    to_option,
)
from nepforge.commands.errors import debug_option

if TYPE_CHECKING:
    from nepforge.data.datasets import Reading


@click.command()
@inputs_argument
@out_argument
@to_option
@all_reading_options
@debug_option
def merge(
    files: Sequence[Path],
    out: Path,
    to: str | None,
    reading: Reading,
) -> None:
    """Write the frames of all files IN into OUT, each structure once.

    Of copies (in any order of the atoms) the first with the most labels is kept; where labels of
    copies contradict each other, the first labelled one is kept and the contradiction reported.
    """
    from nepforge.data.rewrite import rewrite_files

    frames = rewrite_files(files, out, to or "", reading=reading, drop_copies=True)
    click.echo(f"wrote {len(frames)} different frames to {out}")
