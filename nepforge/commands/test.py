"""`nepforge test`: a model against labelled structures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from nepforge.commands.errors import debug_option
from nepforge.commands.label_options import label_options
from nepforge.commands.model_options import (
    from_option,
    load_labelled_frames,
    model_argument,
    part_option,
    species_option,
    threads_option,
    uncertainty_option,
)
from nepforge.commands.options import json_option
from nepforge.errors import UsageError

if TYPE_CHECKING:
    from nepforge.data.frame import Frame
    from nepforge.data.labels.names import LabelNames


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
        frames = load_labelled_frames(data, file_format, species, part, labels)
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
