"""`nepforge data select`: the frames that fulfil conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from nepforge.commands.data.options import (
    from_option,
    inputs_argument,
    out_argument,
    part_option,
    reading_options,
    seed_option,
    species_option,
    to_option,
    unconverged_option,
)
from nepforge.commands.errors import debug_option
from nepforge.commands.label_options import prefixed_label_options
from nepforge.errors import UsageError

if TYPE_CHECKING:
    from nepforge.data.datasets import Reading
    from nepforge.data.frame import FloatArray, Frame
    from nepforge.data.select import Describe


@click.command()
@inputs_argument
@out_argument
@to_option
@click.option(
    "--slice", metavar="START:STOP:STEP", help="Slice of the frames of each file, as in Python."
)
@click.option("--every", type=click.IntRange(min=1), help="Every nth frame of each file.")
@click.option(
    "--energy", metavar="LOW:HIGH", help="Range of the energy, eV/atom; either end may be omitted."
)
@click.option("--force", metavar="LOW:HIGH", help="Range of the largest force, eV/Å.")
@click.option(
    "--distance", metavar="LOW:HIGH", help="Range of the shortest interatomic distance, Å."
)
@click.option("--elements", metavar="Hf,O", help="Elements that must all be present.")
@click.option("--without", metavar="C,H", help="Elements that must be absent.")
@click.option(
    "--formula", multiple=True, help="Formula of the frame, in any multiple. May be repeated."
)
@click.option(
    "--info",
    multiple=True,
    metavar="KEY=VALUE",
    help="Info key of XYZ and its text, number or range LOW:HIGH. May be repeated: all keys must "
    "match, each with any of its values.",
)
@click.option(
    "--farthest",
    type=click.IntRange(min=1),
    help="Number of frames to keep, as different as possible by NEP descriptors.",
)
@click.option(
    "--model", type=click.Path(path_type=Path), help="NEP model whose descriptors are used."
)
@click.option("--random", type=click.IntRange(min=1), help="Number of frames to keep at random.")
@seed_option
@reading_options(
    from_option, species_option, part_option, prefixed_label_options, unconverged_option
)
@debug_option
def select(
    files: Sequence[Path],
    out: Path,
    to: str | None,
    model: Path | None,
    seed: int,
    reading: Reading,
    **conditions: Any,
) -> None:
    """Write the frames of all files IN that fulfil every condition into OUT.

    [data.select] of a recipe has the same keys.
    """
    from nepforge.data.rewrite import select_from_files

    given = {name: value for name, value in conditions.items() if value not in (None, ())}
    if not given:
        raise UsageError("no condition given", hint="nepforge data select --help lists them")
    keys = {**given, **_lists(given)}
    selected = select_from_files(
        files, out, to or "", keys, seed=seed, describe=_describe(model), reading=reading
    )
    click.echo(
        f"wrote {len(selected.frames)} of {selected.n_read} frames to {out}; left out: "
        f"{selected.reasons()}"
    )


def _lists(given: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions that are arrays or tables in a recipe."""
    lists: dict[str, Any] = {
        name: [word.strip() for word in given[name].split(",")]
        for name in ("elements", "without")
        if name in given
    }
    info: dict[str, list[str]] = {}
    for text in given.get("info", ()):
        key, sign, value = text.partition("=")
        if not sign:
            raise UsageError(f'--info: got "{text}", expected KEY=VALUE')
        info.setdefault(key, []).append(value)
    return lists | ({"info": info} if info else {})


def _describe(model: Path | None) -> Describe:
    """Descriptors of frames; torch is imported only if they are computed."""

    def describe(frames: Sequence[Frame]) -> FloatArray:
        from nepforge.evaluate.descriptors import frame_descriptors

        return frame_descriptors(frames, model)

    return describe
