"""Stage data: read the files of the recipe, report duplicates, split, find the energy baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nepforge.data.frame import Frame, frame_digest, label_digest, save_frames
from nepforge.data.neighbors import type_indices
from nepforge.data.prepare import (
    Split,
    composition,
    energy_baseline,
    split_by_fraction,
    split_given,
)
from nepforge.data.readers import read_frames
from nepforge.errors import DataError
from nepforge.events import Message
from nepforge.stages.context import StageContext
from nepforge.stages.outputs import write_json, write_metrics


def run(table: Mapping[str, Any], inputs: Mapping[str, Path], ctx: StageContext) -> None:
    """Write train.npz, valid.npz, report.json, frames.txt."""
    data = table["data"]
    given = _read(data["files"]["train"], inputs, data["group_by"])
    if data["files"]["validation"]:
        valid = _read(data["files"]["validation"], inputs, data["group_by"])
        split = split_given(given, valid)
    else:
        rng = np.random.default_rng(table["seed"])
        split = split_by_fraction(given, data["validation"], rng)
    _check(split, data["species"])
    _warn(split, ctx)
    save_frames(ctx.out / "train.npz", split.train)
    save_frames(ctx.out / "valid.npz", split.valid)
    _write_frames(ctx.out / "frames.txt", split)
    write_json(ctx.out / "report.json", _report(split, data["species"]))
    write_metrics(ctx.out, _metrics(split))


def _write_frames(path: Path, split: Split) -> None:
    """One line a frame: set, digest of structure, digest of labels, source; for comparing runs."""
    path.write_text(
        "".join(
            f"{name} {frame_digest(frame)} {label_digest(frame)} {frame.source}\n"
            for name, frames in (("train", split.train), ("valid", split.valid))
            for frame in frames
        ),
        encoding="utf-8",
    )


def _read(
    files: Sequence[Mapping[str, str]], inputs: Mapping[str, Path], group_by: str | None
) -> list[Frame]:
    frames = []
    for file in files:
        frames += read_frames(inputs[file["name"]], file["format"], file["part"], group_by or "")
    return frames


def _check(split: Split, species: Sequence[str]) -> None:
    """Refuse frames that no label or no species of the model describes."""
    for frame in (*split.train, *split.valid):
        type_indices(frame, species)
        if frame.energy is None and frame.forces is None and frame.virial is None:
            raise DataError(
                f"{frame.source}: has no energy, no forces and no virial",
                hint="take the frame out, or check the names of its labels "
                "(energy=, forces, stress= or virial=)",
            )


def _warn(split: Split, ctx: StageContext) -> None:
    if split.duplicates:
        example = " = ".join(split.duplicates[0][:3])
        text = f"{len(split.duplicates)} structures occur more than once, e.g. {example}"
        ctx.emit(Message("warning", text, ctx.stage))
    if split.removed:
        text = (
            f"{len(split.removed)} validation frames are copies of training frames and were left "
            f"out, e.g. {split.removed[0]}"
        )
        ctx.emit(Message("warning", text, ctx.stage))
    frames = (*split.train, *split.valid)
    for name in ("energy", "forces", "virial"):
        n_missing = sum(getattr(frame, name) is None for frame in frames)
        if n_missing:
            text = f"{n_missing} of {len(frames)} frames have no {name}"
            ctx.emit(Message("info" if name == "virial" else "warning", text, ctx.stage))


def _report(split: Split, species: Sequence[str]) -> dict[str, Any]:
    """Everything a reader wants to know about the data before trusting the errors."""
    baseline = energy_baseline(split.train, species)
    formulas: dict[str, int] = {}
    for counts in composition([*split.train, *split.valid], species):
        formula = "".join(f"{s}{n}" for s, n in zip(species, counts, strict=True) if n)
        formulas[formula] = formulas.get(formula, 0) + 1
    return {
        "energy_baseline_ev": dict(zip(species, baseline.tolist(), strict=True)),
        "compositions": formulas,
        "duplicates": split.duplicates,
        "left_out_of_validation": split.removed,
        "train": [frame.source for frame in split.train],
        "valid": [frame.source for frame in split.valid],
    }


def _metrics(split: Split) -> dict[str, float]:
    metrics: dict[str, float] = {
        "n_duplicates": sum(len(group) - 1 for group in split.duplicates),
        "n_left_out": len(split.removed),
    }
    for name, frames in (("train", split.train), ("valid", split.valid)):
        metrics[f"n_{name}"] = len(frames)
        forces = [frame.forces for frame in frames if frame.forces is not None]
        if forces:
            rms = float(np.sqrt(np.mean(np.concatenate(forces) ** 2)))
            metrics[f"{name}_force_rms"] = rms  # eV/Å, of the labels
    return metrics
