"""What the commands that use a model file share: arguments, and reading structures for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from nepforge.commands.options import say_notice

if TYPE_CHECKING:
    from nepforge.data.frame import Frame
    from nepforge.data.labels.names import LabelNames


model_argument = click.argument("model", type=click.Path(path_type=Path))
species_option = click.option(
    "--species", default="", metavar="Hf,O", help="Elements of LAMMPS types 1, 2, ..."
)
from_option = click.option("--from", "file_format", default="", help="Format of the input files.")
part_option = click.option(
    "--part",
    type=click.Choice(["train", "valid"]),
    help="Subfolder to read, of folders that contain train/ and valid/.",
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="OpenMP threads; 0 uses OMP_NUM_THREADS.",
)


uncertainty_option = click.option(
    "--uncertainty",
    is_flag=True,
    help="Also give error bars; needs covariance.npz beside nep_model.ckpt.",
)


def load_frames(
    paths: Sequence[Path],
    file_format: str,
    species: str,
    part: str | None,
) -> list[Frame]:
    from nepforge.data.datasets import Reading, load

    symbols = tuple(word.strip() for word in species.split(",")) if species else ()
    return load(paths, Reading(part or "", file_format, symbols, notice=say_notice))


def load_labelled_frames(
    paths: Sequence[Path], file_format: str, species: str, part: str | None, labels: LabelNames
) -> list[Frame]:
    """As `load_frames`, without those whose labels did not converge."""
    from nepforge.data.datasets import Reading, load

    symbols = tuple(word.strip() for word in species.split(",")) if species else ()
    given = Reading(part or "", file_format, symbols, "", say_notice, labels, "leave-out")
    return load(paths, given)
