"""Arguments and options that the commands of `nepforge data` share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import rich_click as click

from nepforge.commands.label_options import label_options
from nepforge.commands.options import say_notice
from nepforge.data.formats.table import WRITTEN
from nepforge.errors import UsageError

if TYPE_CHECKING:
    from nepforge.data.datasets import Reading
    from nepforge.data.labels.names import LabelNames

Command = Callable[..., None]
Decorator = Callable[[Command], Command]


def _with_standard_input(
    ctx: click.Context, _parameter: click.Parameter, files: tuple[Path, ...]
) -> tuple[Path, ...]:
    """Replace `-` by a file with standard input, which exists until the command ends."""
    from nepforge.files.standard_input import with_standard_input

    return ctx.with_resource(with_standard_input(files))


def _files_argument(metavar: str) -> Decorator:
    return click.argument(
        "files",
        nargs=-1,
        required=True,
        type=click.Path(path_type=Path),
        metavar=metavar,
        callback=_with_standard_input,
    )


files_argument = _files_argument("FILE...")
inputs_argument = _files_argument("IN...")
out_argument = click.argument("out", type=click.Path(path_type=Path))
to_option = click.option(
    "--to", type=click.Choice(WRITTEN), help="Output format; not needed if OUT ends in .xyz."
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of the random numbers.",
)
from_option = click.option("--from", "file_format", default="", help="Format of the input files.")
species_option = click.option(
    "--species", default="", metavar="Hf,O", help="Elements of LAMMPS types 1, 2, ..."
)
part_option = click.option(
    "--part",
    type=click.Choice(["train", "valid"]),
    help="Part of folders that have train/ and valid/ below them.",
)
group_option = click.option(
    "--group-by", default="", metavar="KEY", help="Info key of XYZ to keep as the group."
)
unconverged_option = click.option(
    "--unconverged",
    type=click.Choice(["leave-out", "keep"]),
    default="leave-out",
    show_default=True,
    help="What to do with frames whose electronic steps did not converge.",
)


def reading_options(*options: Decorator) -> Decorator:
    """The options, passed to the command as one argument `reading`, a `Reading`."""

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_reading(**given: Any) -> None:
            told = {name: given.pop(name) for name in _OF_READING if name in given}
            command(**given, reading=_reading(**told))

        decorated: Command = with_reading
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


all_reading_options = reading_options(
    from_option, species_option, part_option, group_option, label_options, unconverged_option
)
_OF_READING = ("file_format", "species", "part", "group_by", "labels", "unconverged")


def _reading(
    file_format: str,
    species: str,
    labels: LabelNames,
    part: str | None = None,
    group_by: str = "",
    unconverged: Literal["leave-out", "keep"] = "keep",
) -> Reading:
    from nepforge.data.datasets import Reading
    from nepforge.recipe.tables import SYMBOLS

    symbols = tuple(word.strip() for word in species.split(",")) if species else ()
    for symbol in symbols:
        if symbol not in SYMBOLS:
            raise UsageError(
                f'--species: "{symbol}" is not a chemical symbol', hint="--species Hf,O"
            )
    return Reading(part or "", file_format, symbols, group_by, say_notice, labels, unconverged)
