"""`nepforge deviation`: how far a committee of models disagrees."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import rich_click as click

from nepforge.commands.errors import debug_option
from nepforge.commands.model_options import from_option, part_option, species_option, threads_option
from nepforge.commands.options import json_option, say_notice
from nepforge.errors import UsageError


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@from_option
@species_option
@part_option
@threads_option
@json_option
@debug_option
def deviation(
    files: Sequence[Path],
    file_format: str,
    species: str,
    part: str | None,
    threads: int,
    as_json: bool,
) -> None:
    """Compare MODEL MODEL... on STRUCTURE, the last of FILES.

    Prints for each structure the largest, smallest and mean spread of the forces on an atom and the
    spread of the energy: the columns that `pair_style nepforge` writes for several models.
    """
    import attrs

    from nepforge.data.datasets import Reading, load
    from nepforge.evaluate.deviation import FEWEST_MODELS, deviations
    from nepforge.ui.listings import columns

    *models, structure = files
    if len(models) < FEWEST_MODELS:
        raise UsageError(
            "a deviation needs two or more models and one file of structures",
            hint="nepforge deviation MODEL MODEL... STRUCTURE",
        )
    symbols = tuple(word.strip() for word in species.split(",")) if species else ()
    frames = load([structure], Reading(part or "", file_format, symbols, notice=say_notice))
    found = deviations(models, frames, threads=threads)
    if as_json:
        for entry in found:
            click.echo(json.dumps(attrs.asdict(entry)))
        return
    titles = ["structure", "max force (eV/Å)", "min (eV/Å)", "mean (eV/Å)", "energy (eV/atom)"]
    rows = [
        [
            entry.structure,
            *(f"{value:.6f}" for value in (entry.max_force, entry.min_force, entry.mean_force)),
            f"{entry.energy:.6f}",
        ]
        for entry in found
    ]
    click.echo(columns([titles, *rows]))
