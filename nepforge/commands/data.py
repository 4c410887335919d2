"""`nepforge data`: look at labelled structures, check, convert, merge and split them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import rich_click as click

from nepforge.commands.errors import answer_json, debug_option
from nepforge.commands.label_options import label_options, prefixed_label_options
from nepforge.commands.options import json_option, say_notice
from nepforge.errors import DataError, UsageError

if TYPE_CHECKING:
    from nepforge.data.datasets import Reading, Summary
    from nepforge.data.doctor import Finding
    from nepforge.data.frame import FloatArray, Frame
    from nepforge.data.labels.names import LabelNames
    from nepforge.data.select import Describe

FORMATS = ("extxyz", "pwdata", "deepmd")  # that are written
SHOWN_COMPOSITIONS = 3


def _with_standard_input(
    ctx: click.Context, _parameter: click.Parameter, files: tuple[Path, ...]
) -> tuple[Path, ...]:
    """`-` among the files is what is piped in; it stays until the command ends."""
    from nepforge.files.standard_input import with_standard_input

    return ctx.with_resource(with_standard_input(files))


files_argument = click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE...",
    callback=_with_standard_input,
)
inputs_argument = click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    metavar="IN...",
    callback=_with_standard_input,
)
out_argument = click.argument("out", type=click.Path(path_type=Path))
to_option = click.option(
    "--to", type=click.Choice(FORMATS), help="Format of OUT; a name ending in .xyz tells it too."
)
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random draw."
)


from_option = click.option("--from", "file_format", default="", help="Format of the files read.")
species_option = click.option(
    "--species", default="", metavar="Hf,O", help="Elements of LAMMPS types 1, 2, ..."
)
part_option = click.option(
    "--part",
    type=click.Choice(["train", "valid"]),
    help="Of folders that have train/ and valid/ below them.",
)
group_option = click.option(
    "--group-by", default="", metavar="KEY", help="Info key of XYZ that is kept, as group."
)


unconverged_option = click.option(
    "--unconverged",
    type=click.Choice(["leave-out", "keep"]),
    default="leave-out",
    show_default=True,
    help="What becomes of frames whose electronic steps did not converge.",
)


@click.group()
def data() -> None:
    """Look at labelled structures; check, convert, merge and split them.

    Formats are told by content and name: extended XYZ, pwdata, DeePMD, PWmat, VASP, LAMMPS, CP2K,
    Quantum ESPRESSO, ABINIT, ABACUS, CASTEP, MTP, ASE; files may be compressed (gzip, xz, bzip2,
    zstd). A folder stands for the arrays or runs in and below it, - for standard input.
    """


@data.command()
@files_argument
@click.option(
    "--validation",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file of the validation set. May be repeated.",
)
@click.option("--cutoff", type=click.FloatRange(min=0.0), help="Of the model, in Å.")
@click.option("--species", default="", metavar="Hf,O", help="Of the model, and of LAMMPS types.")
@from_option
@label_options
@unconverged_option
@json_option
@debug_option
def check(
    files: Sequence[Path],
    validation: Sequence[Path],
    cutoff: float | None,
    species: str,
    file_format: str,
    unconverged: Literal["leave-out", "keep"],
    as_json: bool,
    labels: LabelNames,
) -> None:
    """Say what is wrong with data: copies, leaks, missing labels, signs, units, outliers.

    Folders with train/ and valid/ below them give to both sets. Every run does the same before it
    trains. Exit status 1 when there are errors.
    """
    import attrs

    from nepforge.data.datasets import load_sets
    from nepforge.data.doctor import examine

    reading = _reading(file_format, species, labels, unconverged=unconverged)
    sets = load_sets(files, validation, reading)
    findings = examine(attrs.evolve(sets, cutoff=cutoff))
    if as_json:
        content = {"v": 1, "n_train": len(sets.train), "n_valid": len(sets.valid)}
        answer_json({**content, "findings": [attrs.asdict(f) for f in findings]})
    else:
        click.echo(_findings_text(findings))
    n_errors = sum(finding.level == "error" for finding in findings)
    if n_errors:
        raise DataError(f"{n_errors} of the findings are errors", hint="--json lists all frames")


@data.command()
@files_argument
@from_option
@species_option
@part_option
@label_options
@json_option
@debug_option
def show(
    files: Sequence[Path],
    file_format: str,
    species: str,
    part: str | None,
    as_json: bool,
    labels: LabelNames,
) -> None:
    """Show a table of files: frames, compositions, ranges of energy, force and pressure."""
    import attrs

    from nepforge.data.datasets import load, load_sets, summarize

    reading = _reading(file_format, species, labels, part)
    if part:
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


@data.command()
@inputs_argument
@out_argument
@to_option
@click.option("--shuffle", is_flag=True, help="Write the frames in random order.")
@seed_option
@from_option
@species_option
@part_option
@group_option
@label_options
@unconverged_option
@debug_option
def convert(
    files: Sequence[Path],
    out: Path,
    to: str | None,
    shuffle: bool,
    seed: int,
    file_format: str,
    species: str,
    part: str | None,
    group_by: str,
    labels: LabelNames,
    unconverged: Literal["leave-out", "keep"],
) -> None:
    """Write the frames of all files IN into one new file or folder OUT.

    Info keys and columns go with them; what OUT cannot hold is said.
    """
    from nepforge.data.datasets import convert as convert_files

    reading = _reading(file_format, species, labels, part, group_by, unconverged)
    frames = convert_files(
        files, out, to or "", reading=reading, shuffle_seed=seed if shuffle else None
    )
    click.echo(f"wrote {len(frames)} frames to {out}")


@data.command()
@inputs_argument
@out_argument
@to_option
@from_option
@species_option
@part_option
@group_option
@label_options
@unconverged_option
@debug_option
def merge(
    files: Sequence[Path],
    out: Path,
    to: str | None,
    file_format: str,
    species: str,
    part: str | None,
    group_by: str,
    labels: LabelNames,
    unconverged: Literal["leave-out", "keep"],
) -> None:
    """Write the frames of all files IN into OUT, each structure once.

    Of copies (in any order of the atoms) the first one with the most labels stays; where labels of
    copies contradict each other, the first labelled one, and that is said.
    """
    from nepforge.data.datasets import convert as convert_files

    reading = _reading(file_format, species, labels, part, group_by, unconverged)
    frames = convert_files(files, out, to or "", reading=reading, drop_copies=True)
    click.echo(f"wrote {len(frames)} different frames to {out}")


@data.command()
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
@click.option("--to", type=click.Choice(FORMATS), required=True, help="Format of what is written.")
@from_option
@species_option
@part_option
@group_option
@label_options
@unconverged_option
@debug_option
def split(
    files: Sequence[Path],
    out: Path,
    ratio: float,
    seed: int,
    to: str,
    file_format: str,
    species: str,
    part: str | None,
    group_by: str,
    labels: LabelNames,
    unconverged: Literal["leave-out", "keep"],
) -> None:
    """Split the frames of all files IN into train and valid below the new folder OUT.

    The draw is random by the seed; copies of one structure stay on one side.
    """
    from nepforge.data.datasets import split as split_files

    reading = _reading(file_format, species, labels, part, group_by, unconverged)
    parts = split_files(files, out, ratio, seed, to, reading=reading)
    click.echo(f"wrote {len(parts.train)} frames for training, {len(parts.valid)} for validation")


@data.command()
@inputs_argument
@out_argument
@to_option
@click.option(
    "--slice", metavar="START:STOP:STEP", help="Of the frames of each file, as in Python."
)
@click.option("--every", type=click.IntRange(min=1), help="Every nth frame of each file.")
@click.option("--energy", metavar="LOW:HIGH", help="eV/atom; either end may be left out.")
@click.option("--force", metavar="LOW:HIGH", help="Of the largest force, eV/Å.")
@click.option("--distance", metavar="LOW:HIGH", help="Of the shortest distance of two atoms, Å.")
@click.option("--elements", metavar="Hf,O", help="All of them are there.")
@click.option("--without", metavar="C,H", help="None of them is there.")
@click.option("--formula", multiple=True, help="One of these, in any multiple. May be repeated.")
@click.option(
    "--info",
    multiple=True,
    metavar="KEY=VALUE",
    help="Info key of XYZ and its text, number or range LOW:HIGH. May be repeated: keys must all "
    "hold, of one key one value.",
)
@click.option(
    "--farthest",
    type=click.IntRange(min=1),
    help="So many of the frames that are left, as different as can be, by NEP descriptors.",
)
@click.option("--model", type=click.Path(path_type=Path), help="NEP whose descriptors are taken.")
@click.option("--random", type=click.IntRange(min=1), help="So many of them by lot, by --seed.")
@seed_option
@from_option
@species_option
@part_option
@prefixed_label_options
@unconverged_option
@debug_option
def select(
    files: Sequence[Path],
    out: Path,
    to: str | None,
    model: Path | None,
    seed: int,
    file_format: str,
    species: str,
    part: str | None,
    labels: LabelNames,
    unconverged: Literal["leave-out", "keep"],
    **conditions: Any,
) -> None:
    """Write the frames of all files IN that fulfil every condition into OUT.

    The same keys stand in [data.select] of a recipe.
    """
    from nepforge.data.datasets import select as select_from_files

    given = {name: value for name, value in conditions.items() if value not in (None, ())}
    if not given:
        raise UsageError("no condition is given", hint="nepforge data select --help lists them")
    keys = {**given, **_lists(given)}
    reading = _reading(file_format, species, labels, part, unconverged=unconverged)
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
    """Descriptors of frames; torch is imported where they are asked for."""

    def describe(frames: Sequence[Frame]) -> FloatArray:
        from nepforge.evaluate.descriptors import frame_descriptors

        return frame_descriptors(frames, model)

    return describe


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
            raise UsageError(f'--species: "{symbol}" is no chemical symbol', hint="--species Hf,O")
    return Reading(part or "", file_format, symbols, group_by, say_notice, labels, unconverged)


def _findings_text(findings: Sequence[Finding]) -> str:
    from nepforge.ui.listings import columns

    return columns([[finding.level, finding.code, finding.text] for finding in findings])


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
