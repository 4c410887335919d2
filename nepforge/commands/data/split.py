"""`nepforge data split`: files into a training and a validation set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from nepforge.commands.data.options import (
    all_reading_options,
    inputs_argument,
    out_argument,
    seed_option,
)
from nepforge.commands.errors import debug_option
from nepforge.data.formats.table import WRITTEN

if TYPE_CHECKING:
    from nepforge.data.datasets import Reading


@click.command()
@inputs_argument
@out_argument
@click.option(
    "--ratio",
    type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True),
    default=0.8,
    show_default=True,
    help="Share of the frames for training.",
)
@seed_option
@click.option("--to", type=click.Choice(WRITTEN), required=True, help="Output format.")
@all_reading_options
@debug_option
def split(
    files: Sequence[Path],
    out: Path,
    ratio: float,
    seed: int,
    to: str,
    reading: Reading,
) -> None:
    """Split the frames of all files IN into train and valid below the new folder OUT.

    The split is random; copies of one structure stay on one side.
    """
    from nepforge.data.rewrite import split_files

    parts = split_files(files, out, ratio, seed, to, reading=reading)
    click.echo(f"wrote {len(parts.train)} frames for training, {len(parts.valid)} for validation")
