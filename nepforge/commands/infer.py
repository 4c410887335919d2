"""`nepforge infer`: predictions for structures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from nepforge.commands.errors import debug_option
from nepforge.commands.model_options import (
    from_option,
    load_frames,
    model_argument,
    part_option,
    species_option,
    threads_option,
    uncertainty_option,
)
from nepforge.errors import UsageError

if TYPE_CHECKING:
    from nepforge.evaluate.inference import Predicted


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
    "--output", type=click.Path(path_type=Path), help="Output file; default: the terminal."
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
    frames = load_frames(paths, file_format or named, species or symbols, part)
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
