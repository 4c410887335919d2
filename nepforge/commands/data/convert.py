"""`nepforge data convert`: files into one file or folder of another format."""

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
    to_option,
)
from nepforge.commands.errors import debug_option

if TYPE_CHECKING:
    from nepforge.data.datasets import Reading


@click.command()
@inputs_argument
@out_argument
@to_option
@click.option("--shuffle", is_flag=True, help="Write the frames in random order.")
@seed_option
@all_reading_options
@debug_option
def convert(
    files: Sequence[Path],
    out: Path,
    to: str | None,
    shuffle: bool,
    seed: int,
    reading: Reading,
) -> None:
    """Write the frames of all files IN into one new file or folder OUT.

    Info keys and columns are kept; what OUT cannot hold is reported.
    """
    from nepforge.data.rewrite import rewrite_files

    order = seed if shuffle else None
    frames = rewrite_files(files, out, to or "", reading=reading, shuffle_seed=order)
    click.echo(f"wrote {len(frames)} frames to {out}")
