"""`nepforge data check`: problems of data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from nepforge.commands.data.options import (
    files_argument,
    from_option,
    reading_options,
    unconverged_option,
)
from nepforge.commands.errors import answer_json, debug_option
from nepforge.commands.label_options import label_options
from nepforge.commands.options import json_option
from nepforge.errors import DataError

if TYPE_CHECKING:
    from nepforge.data.datasets import Reading
    from nepforge.data.doctor import Finding


@click.command()
@files_argument
@click.option(
    "--validation",
    multiple=True,
    type=click.Path(path_type=Path),
    help="File of the validation set. May be repeated.",
)
@click.option("--cutoff", type=click.FloatRange(min=0.0), help="Cutoff of the model, Å.")
@reading_options(
    click.option(
        "--species", default="", metavar="Hf,O", help="Species of the model and of LAMMPS types."
    ),
    from_option,
    label_options,
    unconverged_option,
)
@json_option
@debug_option
def check(
    files: Sequence[Path],
    validation: Sequence[Path],
    cutoff: float | None,
    as_json: bool,
    reading: Reading,
) -> None:
    """Check data for copies, leaks, missing labels, wrong signs and units, outliers.

    Folders with train/ and valid/ below them contribute to both sets. Every run does the same
    checks before training. Exit status 1 if there are errors.
    """
    import attrs

    from nepforge.data.datasets import load_sets
    from nepforge.data.doctor import examine

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


def _findings_text(findings: Sequence[Finding]) -> str:
    from nepforge.ui.listings import columns

    return columns([[finding.level, finding.code, finding.text] for finding in findings])
