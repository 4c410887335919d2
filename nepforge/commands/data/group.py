"""`nepforge data`: look at labelled structures, check, convert, merge, split and select them."""

from __future__ import annotations

import rich_click as click

from nepforge.commands.data.check import check
from nepforge.commands.data.convert import convert
from nepforge.commands.data.merge import merge
from nepforge.commands.data.select import select
from nepforge.commands.data.show import show
from nepforge.commands.data.split import split
from nepforge.data.formats.table import PROGRAMS

HELP = f"""Look at labelled structures; check, convert, merge, split and select them.

Formats are recognised by content or name: {", ".join(PROGRAMS)}; files may be compressed (gzip,
xz, bzip2, zstd). A folder stands for the arrays or runs in and below it, - for standard input.
"""


@click.group(help=HELP)
def data() -> None:
    """The group of the commands below."""


for command in (check, show, convert, merge, split, select):
    data.add_command(command)
