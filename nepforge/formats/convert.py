"""Conversion of model files and a summary of one: `nepforge convert`, `nepforge inspect`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from nepforge.errors import UsageError
from nepforge.formats.fine_tune import zbl_words
from nepforge.formats.gpumd_settings import ZBL_FILE, settings_files
from nepforge.formats.neighbor_counts import DENSEST
from nepforge.formats.nep_file import CHECKPOINT, NEPFile
from nepforge.formats.nep_txt import LAYOUTS
from nepforge.formats.open_model import open_nep
from nepforge.formats.potential_file import NEPModel, write_potential

LAYOUT_WORDS = {
    "nep3": "NEP3, one network for all species",
    "nep4": "NEP4 of GPUMD, one output bias for all species",
    "nep5": "NEP5, one output bias per species",
    "lammps": "NEP4 with one output bias per species (nep_to_lmps.txt)",
    CHECKPOINT: "nep_model.ckpt of nepforge, one output bias per species",
}
GPUMD_LAYOUTS = {"nep4": 4, "nep5": 5}  # -> version in nep.in


@frozen
class Converted:
    """The files written, and warnings for their user."""

    written: tuple[Path, ...]
    warnings: tuple[str, ...]


def convert_model(
    source: Path, out: Path, to: str = "", counts: Mapping[str, float] = {}
) -> Converted:
    """Write a model in another layout; all numbers are kept with 17 digits.

    Args:
        source: nep_model.ckpt, GPUMD's nep.txt (nep3, nep4, nep5) or the LAMMPS layout.
        out: A new file. nep.in for GPUMD (and zbl.in of a flexible ZBL) is written beside it for
            the layouts nep4 and nep5.
        to: nep4, nep5, lammps or ckpt; told by the name of `out` when empty.
        counts: Number of atoms of each species in the structures meant, for nep4 alone: its one
            output bias gives right total energies for that composition only.

    Raises:
        ModelFileError: The source is missing, damaged, or of a kind that is not evaluated.
        UsageError: `out` exists, its layout is not told, or `counts` are needed or do not fit.
    """
    layout = _output_layout(out, to)
    found = open_nep(source)
    if out.exists():
        raise UsageError(f"{out}: exists", hint="name a new file")
    warnings: list[str] = []
    if layout == CHECKPOINT:
        write_potential(out, found.trained)
        return Converted((out,), ())
    composition = [1.0] * found.trained.model.n_types
    if layout == "nep4" and not _one_bias(found.trained):
        composition = _composition(found, counts)
        warnings.append(_nep4_warning(found, composition))
    if found.trained.neighbors is None:
        warnings.append(_counts_warning(source, found))
    LAYOUTS[layout][1](out, found.trained, found.trained.counts, composition)
    written = [out]
    if layout in GPUMD_LAYOUTS:
        files = settings_files(found.trained.model, GPUMD_LAYOUTS[layout])
        written += _write_settings(out.parent, files, warnings)
        if found.trained.model.zbl is not None and ZBL_FILE not in files:
            warnings += _foreign_table(out.parent / ZBL_FILE)
    return Converted(tuple(written), tuple(warnings))


def _write_settings(folder: Path, files: Mapping[str, str], warnings: list[str]) -> list[Path]:
    """Write all of the files or, where one of the user is in the way, none."""
    taken = [
        path
        for path, text in ((folder / name, text) for name, text in files.items())
        if path.exists() and path.read_bytes() != text.encode()
    ]
    if taken:
        warnings.append(f"{' and '.join(map(str, taken))} exists and was left as it is")
        return []
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files]


def _foreign_table(path: Path) -> list[str]:
    return [f"{path} exists: GPUMD takes ZBL from it, not from the model"] * path.exists()


def _counts_warning(source: Path, found: NEPFile) -> str:
    counts = found.trained.counts
    return (
        f"{source} has no neighbour counts: {counts.radial} and {counts.angular} were written, "
        f"those of {DENSEST} atoms/Å³; GPUMD reserves memory for 1.25 times as many"
    )


def _output_layout(out: Path, to: str) -> str:
    known = (*LAYOUTS, CHECKPOINT)
    if to:
        if to not in known:
            raise UsageError(f'"{to}" is not a layout, expected one of {", ".join(known)}')
        return to
    if out.suffix == ".ckpt":
        return CHECKPOINT
    by_name = {name: layout for layout, (name, _) in LAYOUTS.items()}
    if out.name in by_name:
        return by_name[out.name]
    raise UsageError(
        f"{out}: the name does not tell the layout", hint=f"--to {' or --to '.join(known)}"
    )


def _one_bias(trained: NEPModel) -> bool:
    biases = trained.model.views(trained.parameters).bias
    return bool((biases == biases[0]).all())


def _composition(found: NEPFile, counts: Mapping[str, float]) -> list[float]:
    species = found.trained.model.species
    example = ",".join(f"{symbol}={32 * (idx + 1)}" for idx, symbol in enumerate(species))
    if not counts:
        raise UsageError(
            "nep4 has one output bias for all species, so total energies hold for one composition "
            "only, which is not given",
            hint=f"give it with --counts {example}, or keep a bias per species with --to nep5",
        )
    unknown = [symbol for symbol in counts if symbol not in species]
    if unknown or not 0 < sum(counts.values()) < math.inf or min(counts.values()) < 0:
        raise UsageError(
            f"counts {dict(counts)} do not fit the species {', '.join(species)}",
            hint=f"--counts {example}",
        )
    return [float(counts.get(symbol, 0.0)) for symbol in species]


def _nep4_warning(found: NEPFile, composition: Sequence[float]) -> str:
    pairs = zip(found.trained.model.species, composition, strict=True)
    text = " ".join(f"{symbol}{count:g}" for symbol, count in pairs)
    return (
        f"total energies hold for the composition {text} only; forces and virials hold for all. "
        "--to nep5 has no such limit"
    )


def inspect(found: NEPFile) -> dict[str, Any]:
    """Kind, species, sizes and a few numbers of a model, as JSON; lengths in Å, energies in eV."""
    model, trained = found.trained.model, found.trained
    weights = model.views(trained.parameters)
    counts = trained.neighbors
    n_biases = model.n_types if found.layout in ("nep5", "lammps", CHECKPOINT) else 1
    return {
        "layout": found.layout,
        "kind": LAYOUT_WORDS[found.layout],
        "species": list(model.species),
        "cutoff": [list(pair) for pair in model.cutoffs]
        if isinstance(model.cutoff[0], tuple)
        else list(model.cutoff),
        "n_max": list(model.n_max),
        "basis_size": list(model.basis_size),
        "l_max": model.l_max,
        "invariants": list(model.invariants),
        "neurons": model.neurons,
        "zbl": "none" if model.zbl is None else f"{model.zbl.kind}, {zbl_words(model.zbl)}",
        "n_descriptor": model.n_descriptor,
        "n_parameters": _n_free(found, n_biases),
        "output_bias": dict(zip(model.species, weights.bias.tolist(), strict=True)),
        "q_scaler": [float(trained.q_scaler.min()), float(trained.q_scaler.max())],
        "neighbors": None if counts is None else [counts.radial, counts.angular],
    }


def _n_free(found: NEPFile, n_biases: int) -> int:
    """Numbers that training may change: a shared network or bias counts once."""
    model = found.trained.model
    n_networks = 1 if found.layout == "nep3" else model.n_types
    return n_networks * (model.n_network - 1) + n_biases + sum(model.coefficient_sizes)
