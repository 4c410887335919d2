"""`nepforge inspect`: what is in a model file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from nepforge.commands.errors import debug_option
from nepforge.commands.model_options import (
    model_argument,
)
from nepforge.commands.options import json_option

if TYPE_CHECKING:
    pass


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
