"""Stage data: read the files of the recipe, examine them, split, find the energy baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from nepforge.data.doctor import DataSet, examine
from nepforge.data.formats.read import read_frames
from nepforge.data.frame import Frame, save_frames
from nepforge.data.frame_list import FRAMES_FILE, write_frame_list
from nepforge.data.labels.names import LabelNames
from nepforge.data.prepare import Split, composition, energy_baseline
from nepforge.data.select import Selected, select, select_by_conditions
from nepforge.data.short_names import short_names
from nepforge.data.unconverged import leave_out_unconverged
from nepforge.events import Message
from nepforge.plan.tables import DataFile, DataTable, ReadData, table_json
from nepforge.recipe.tables import Select
from nepforge.stages.checked_split import checked
from nepforge.stages.context import StageContext
from nepforge.stages.outputs import write_json, write_metrics

SELECTION = 1  # tells the random draw of [data.select] from that of the split


def run(table: DataTable, inputs: Mapping[str, Path], ctx: StageContext) -> None:
    """Write train.npz, valid.npz, frames.txt, report.json.

    Raises:
        DataError: A file cannot be read, or the doctor finds errors.
        UnfitDataError: The data do not hold what the recipe asks of them.
    """
    data = table.data
    notices: list[str] = []
    train = _read(data.files.train, data, inputs, notices.append)
    valid = _read(data.files.validation, data, inputs, notices.append)
    left_out: list[Frame] = []
    if data.unconverged != "keep":
        train, of_train = leave_out_unconverged(train)
        valid, of_valid = leave_out_unconverged(valid)
        left_out = [*of_train, *of_valid]
    selection: dict[str, Any] = {}
    if data.select is not None:
        chosen, of_validation = _select(train, valid, data.select, table.seed, ctx)
        train, valid = chosen.frames, of_validation.frames
        selection = {"train": chosen.left_out, "validation": of_validation.left_out}
    found = examine(DataSet(train, valid, data.species, notices=tuple(notices), left_out=left_out))
    split, findings = checked(table, inputs, train, valid, found)
    for finding in findings:
        ctx.emit(Message(finding.level, f"{finding.code}: {finding.text}", ctx.stage))
    save_frames(ctx.out / "train.npz", split.train)
    save_frames(ctx.out / "valid.npz", split.valid)
    write_frame_list(ctx.out / FRAMES_FILE, split)
    report = _report(split, data.species, data.energy_baseline)
    report["findings"] = [attrs.asdict(finding) for finding in findings]
    if selection:
        report["left_out_by_selection"] = selection
    write_json(ctx.out / "report.json", report)
    write_metrics(ctx.out, _metrics(split))


def _read(
    files: Sequence[DataFile],
    data: ReadData,
    inputs: Mapping[str, Path],
    notice: Callable[[str], None],
) -> list[Frame]:
    """The frames of data.train or data.validation."""
    named = (*data.files.train, *data.files.validation)
    file_names = short_names(inputs[file.name] for file in named)
    labels = table_json(data.labels, given=True) or {}
    frames = []
    for file in files:
        path = inputs[file.name]
        frames += read_frames(
            path,
            file.format,
            file.part,
            group_by=data.group_by or "",
            species=data.species,
            label=file_names[path],
            notice=notice,
            labels=LabelNames(**labels),
        )
    return frames


def _select(
    train: Sequence[Frame], valid: Sequence[Frame], keys: Select, seed: int, ctx: StageContext
) -> tuple[Selected, Selected]:
    """What [data.select] leaves. Places and draws are of the training frames: validation frames
    are left out by what they are alone."""
    from nepforge.evaluate.descriptors import frame_descriptors  # noqa: PLC0415 (torch)

    given = table_json(keys, given=True)
    rng = np.random.default_rng([seed, SELECTION])
    of_train = select(train, given, rng, frame_descriptors)
    of_valid = select_by_conditions(valid, given)
    for name, selected in (("train", of_train), ("validation", of_valid)):
        if selected.frames:
            text = (
                f"data.{name}: selected {len(selected.frames)} of {selected.n_read} frames; left "
                f"out: {selected.reasons()}"
            )
            ctx.emit(Message("info", text, ctx.stage))
    return of_train, of_valid


def _report(
    split: Split, species: Sequence[str], given_baseline: Sequence[float] | None
) -> dict[str, Any]:
    """Everything a reader wants to know about the data before trusting the errors."""
    baseline = given_baseline or energy_baseline(split.train, species).tolist()
    formulas: dict[str, int] = {}
    for counts in composition([*split.train, *split.valid], species):
        formula = "".join(f"{s}{n}" for s, n in zip(species, counts, strict=True) if n)
        formulas[formula] = formulas.get(formula, 0) + 1
    return {
        "energy_baseline_ev": dict(zip(species, baseline, strict=True)),
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
