"""`nepforge convert`: a model file in another layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from nepforge.commands.errors import debug_option
from nepforge.errors import UsageError

if TYPE_CHECKING:
    pass


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=click.Choice(["nep4", "nep5", "lammps", "ckpt"]),
    help="Layout of OUT; default: from a name like nep5.txt, nep_to_lmps.txt or X.ckpt.",
)
@click.option(
    "--counts",
    default="",
    metavar="Hf=32,O=64",
    help="Number of atoms of each species, for the single output bias of nep4.",
)
@debug_option
def convert(source: Path, out: Path, to: str | None, counts: str) -> None:
    """Write the model IN as OUT in another layout.

    nep4 is GPUMD's format with one output bias for all species: total energies then hold for one
    composition only. For nep4 and nep5 a nep.in for GPUMD is written beside OUT.
    """
    from nepforge.formats.convert import convert_model

    done = convert_model(source, out, to or "", _counts(counts))
    click.echo(f"wrote {', '.join(map(str, done.written))}")
    for warning in done.warnings:
        click.echo(f"warning: {warning}", err=True)


def _counts(text: str) -> dict[str, float]:
    counts: dict[str, float] = {}
    for word in text.split(",") if text else ():
        symbol, _, number = word.partition("=")
        if not number.strip().isdecimal():
            raise UsageError(f'--counts: "{word}" is not a count', hint="--counts Hf=32,O=64")
        counts[symbol.strip()] = float(number)
    return counts
