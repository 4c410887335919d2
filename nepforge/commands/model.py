"""`nepforge infer`, `test`, `convert` and `inspect`: use and change model files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from nepforge.commands.errors import debug_option
from nepforge.commands.label_options import label_options
from nepforge.commands.options import json_option, say_notice
from nepforge.errors import UsageError

if TYPE_CHECKING:
    from nepforge.data.frame import Frame
    from nepforge.data.labels.names import LabelNames
    from nepforge.evaluate.inference import Predicted

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


@click.command()
@model_argument
@click.argument("structures", nargs=-1, required=True, metavar="STRUCTURES... [FORMAT [Hf O]]")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "extxyz", "json"]),
    default="table",
    show_default=True,
    help="Output format.",
)
@click.option(
    "--output", type=click.Path(path_type=Path), help="Write to this file, not to the terminal."
)
@from_option
@species_option
@part_option
@uncertainty_option
@threads_option
@debug_option
def infer(
    model: Path,
    structures: Sequence[str],
    output_format: str,
    output: Path | None,
    file_format: str,
    species: str,
    part: str | None,
    uncertainty: bool,
    threads: int,
) -> None:
    """Predict energy, forces and stress of STRUCTURES, which need no labels.

    MODEL is nep_model.ckpt, GPUMD's nep.txt, nep_to_lmps.txt or dp_model.ckpt; structures come in
    every format that `nepforge data` reads. As in PWMLFF, a format and the elements of LAMMPS types
    may follow: `infer MODEL 0.lammpstrj lammps/dump Hf O`. With --uncertainty each energy and force
    comes with its standard deviation: extxyz has energy_std and forces_std.
    """
    from nepforge.evaluate.inference import infer as run_model

    if output_format == "extxyz" and output is None:
        raise UsageError("extended XYZ needs an output file", hint="--output predicted.xyz")
    if output is not None and output.exists():
        raise UsageError(f"{output}: exists", hint="name a new file")
    paths, named, symbols = _as_in_pwmlff(structures)
    frames = _frames(paths, file_format or named, species or symbols, part)
    predicted = run_model(model, frames, threads=threads, uncertainty=uncertainty)
    if output_format == "extxyz" and output is not None:
        from nepforge.data.formats.write import write_predictions

        bars = [entry.bars for entry in predicted if entry.bars is not None]
        write_predictions(output, [entry.as_frame() for entry in predicted], bars)
    else:
        text = _json_text(predicted) if output_format == "json" else _table_text(predicted)
        if output is None:
            click.echo(text)
            return
        output.write_text(text + "\n", encoding="utf-8")
    click.echo(f"wrote {len(predicted)} structures to {output}")


def _as_in_pwmlff(words: Sequence[str]) -> tuple[list[Path], str, str]:
    """Files, format and elements of `0.lammpstrj lammps/dump Hf O`."""
    from nepforge.data.formats.table import BY_PWMLFF_NAME

    for idx, word in enumerate(words[1:], start=1):
        if word in BY_PWMLFF_NAME and not Path(word).exists():
            return [Path(name) for name in words[:idx]], word, ",".join(words[idx + 1 :])
    return [Path(name) for name in words], "", ""


def _frames(
    paths: Sequence[Path],
    file_format: str,
    species: str,
    part: str | None,
) -> list[Frame]:
    from nepforge.data.datasets import Reading, load

    symbols = tuple(word.strip() for word in species.split(",")) if species else ()
    return load(paths, Reading(part or "", file_format, symbols, notice=say_notice))


def _labelled_frames(
    paths: Sequence[Path], file_format: str, species: str, part: str | None, labels: LabelNames
) -> list[Frame]:
    """As `_frames`, without those whose labels did not converge."""
    from nepforge.data.datasets import Reading, load

    symbols = tuple(word.strip() for word in species.split(",")) if species else ()
    given = Reading(part or "", file_format, symbols, "", say_notice, labels, "leave-out")
    return load(paths, given)


def _table_text(predicted: Sequence[Predicted]) -> str:
    import numpy as np

    from nepforge.ui.listings import columns

    head = ["structure", "atoms", "energy (eV)", "eV/atom", "largest force (eV/Å)", "P (GPa)"]
    rows = []
    for entry in predicted:
        stress = entry.stress_gpa
        rows.append(
            [
                entry.frame.source,
                str(entry.frame.n_atoms),
                f"{entry.energy:.6f}",
                f"{entry.energy / entry.frame.n_atoms:.6f}",
                f"{float(np.linalg.norm(entry.forces, axis=1).max()):.6f}",
                "-" if stress is None else f"{-float(np.trace(stress)) / 3.0:.4f}",
            ]
        )
        if entry.bars is not None:
            largest = float(np.linalg.norm(entry.bars.forces, axis=1).max())
            rows[-1] += [f"{entry.bars.energy:.6f}", f"{largest:.6f}"]
    if rows and len(rows[0]) > len(head):
        head += ["energy std (eV)", "largest force std (eV/Å)"]
    return columns([head, *rows])


def _json_text(predicted: Sequence[Predicted]) -> str:
    """Energies in eV, forces in eV/Å, virial in eV, stress in GPa (ASE sign)."""
    structures: list[dict[str, Any]] = []
    for entry in predicted:
        stress, bars = entry.stress_gpa, entry.bars
        structures.append(
            {
                "source": entry.frame.source,
                "energy": entry.energy,
                "energies": entry.energies.tolist(),
                "forces": entry.forces.tolist(),
                "virial": entry.virial.tolist(),
                "stress_gpa": None if stress is None else stress.tolist(),
            }
        )
        if bars is not None:
            structures[-1] |= {"energy_std": bars.energy, "forces_std": bars.forces.tolist()}
    return json.dumps({"v": 1, "structures": structures})


@click.command()
@model_argument
@click.argument("data", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for metrics.json, frames.csv, parity and calibration plots.",
)
@from_option
@species_option
@part_option
@uncertainty_option
@threads_option
@label_options
@json_option
@debug_option
def test(
    model: Path,
    data: Sequence[Path],
    output: Path | None,
    file_format: str,
    species: str,
    part: str | None,
    uncertainty: bool,
    threads: int,
    as_json: bool,
    labels: LabelNames,
) -> None:
    """Compare MODEL with the labels of DATA: errors, parity plots, a table of frames.

    Energies and virials are per atom. Missing labels and frames whose electronic steps did
    not converge are left out. With --uncertainty the errors are also compared with the predicted
    standard deviations.

    `nepforge test nep_test.json` takes model and data from an input of PWMLFF or MatPL and writes
    into the folder test_result.
    """
    from nepforge.evaluate.inference import compare, write_comparison
    from nepforge.evaluate.inference import infer as run_model

    if data:
        frames = _labelled_frames(data, file_format, species, part, labels)
    else:
        model, frames = _named_in(model, species)
        output = output or Path("test_result")
    predicted = run_model(model, frames, threads=threads, uncertainty=uncertainty)
    comparison = compare(predicted)
    metrics = comparison.metrics()
    if as_json:
        click.echo(json.dumps({"v": 1, **metrics}))
    else:
        click.echo(_metrics_text(metrics))
    if output is not None:
        written = write_comparison(output, comparison)
        click.echo(f"wrote {', '.join(map(str, written))}", err=as_json)


def _named_in(path: Path, species: str) -> tuple[Path, list[Frame]]:
    """Model and frames that an input of PWMLFF names; folders are read whole."""
    from nepforge.data.datasets import Reading, load_sets
    from nepforge.recipe.from_nep_json import comparison_input
    from nepforge.recipe.json_input import is_json

    if not is_json(path):
        raise UsageError(
            f"{path}: has no data to compare with", hint=f"nepforge test {path} DATA..."
        )
    named = comparison_input(path)
    symbols = tuple(species.split(",")) if species else ()
    sets = load_sets(named.files, (), Reading("", named.file_format, symbols))
    return named.model, list(sets.frames)


def _metrics_text(metrics: dict[str, float]) -> str:
    from nepforge.quantities import QUANTITIES
    from nepforge.ui.listings import columns

    rows = [["", "RMSE", "MAE", ""]]
    for one in QUANTITIES:
        if one.metric in metrics:
            errors = [metrics[f"{one.name}_{error}"] for error in ("rmse", "mae")]
            values = [f"{one.shown_factor * error:.4g}" for error in errors]
            rows.append([one.words, *values, one.shown_unit])
    text = f"{metrics['n_frames']:.0f} frames\n{columns(rows)}"
    judged = [
        f"{name} error bars: {metrics[f'{name}_within_1_std']:.1%} of the errors within one "
        f"standard deviation, {metrics[f'{name}_within_2_std']:.1%} within two"
        for name in ("energy", "force")
        if f"{name}_within_1_std" in metrics
    ]
    return "\n".join([text, *judged])


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=click.Choice(["nep4", "nep5", "lammps", "ckpt"]),
    help="Layout of OUT; default: told by a name like nep5.txt, nep_to_lmps.txt or X.ckpt.",
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


@click.command()
@model_argument
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw the radial functions."
)
@click.option(
    "--species", default="", metavar="Hf,O", help="Species in the figure; default: the first few."
)
@json_option
@debug_option
def inspect(model: Path, plot: Path | None, species: str, as_json: bool) -> None:
    """Show kind, species, cutoffs and sizes of MODEL, as a recipe would write them."""
    from nepforge.formats.convert import inspect as facts_of
    from nepforge.formats.open_model import open_nep

    opened = open_nep(model)
    facts = facts_of(opened)
    if as_json:
        click.echo(json.dumps({"v": 1, **facts}))
    else:
        click.echo(_facts_text(facts))
    if plot is not None:
        from nepforge.evaluate.radial_functions import plot_radial_functions

        plot_radial_functions(opened, plot, [word for word in species.split(",") if word])
        click.echo(f"wrote {plot}", err=as_json)


def _counts_text(counts: Sequence[int] | None) -> str:
    """Largest numbers of neighbours in training."""
    return "not recorded" if counts is None else "{} radial, {} angular".format(*counts)


def _facts_text(facts: dict[str, Any]) -> str:
    from nepforge.ui.listings import columns

    biases = ", ".join(f"{symbol} {-bias:.6g}" for symbol, bias in facts["output_bias"].items())
    low, high = facts["q_scaler"]
    rows = [["kind", facts["kind"]]]
    for name in ("species", "cutoff", "n_max", "basis_size", "l_max", "invariants", "neurons"):
        rows.append([name, json.dumps(facts[name])])
    rows += [
        ["zbl", facts["zbl"]],
        ["descriptors", str(facts["n_descriptor"])],
        ["parameters", str(facts["n_parameters"])],
        ["energy of species", f"{biases} eV (minus the output bias)"],
        ["q_scaler", f"{low:.4g} to {high:.4g}"],
        ["most neighbors", _counts_text(facts["neighbors"])],
    ]
    return columns(rows)
