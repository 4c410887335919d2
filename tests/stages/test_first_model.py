"""What training starts from: random numbers, or a model file that fits the recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch

from nepforge.data.frame import Frame, save_frames
from nepforge.data.prepare import energy_baseline
from nepforge.errors import ModelFileError
from nepforge.formats.neighbor_counts import NeighborCounts
from nepforge.formats.nep_txt import write_nep5
from nepforge.formats.open_model import open_nep
from nepforge.formats.potential_file import NEPModel, write_potential
from nepforge.models.nep.zbl import ZBL
from nepforge.recipe.strict import read_table
from nepforge.recipe.tables import NEPModelTable
from nepforge.stages import train
from nepforge.stages.context import StageContext
from nepforge.stages.evaluate import predict_set
from nepforge.stages.first_model import first_baseline, first_model, nep_from_table
from nepforge.train.training_set import FrameSet
from tests.conftest import random_model
from tests.formats.test_neighbor_counts import most_neighbors
from tests.stages.test_line import MODEL, OPTIMIZER, SPECIES, train_table

MakeFrame = Callable[..., Frame]
TYPE_WISE = {**MODEL, "cutoff": [[4.5, 4.0], [4.2, 3.8]], "zbl": 2.4}
ROW = [0.5, 1.5, 0.1, 1.0, 0.2, 2.0, 0.3, 3.0, 0.4, 4.0]


def nep_table(table: dict[str, Any]) -> NEPModelTable:
    return read_table(NEPModelTable, table)


def teacher(table: dict[str, Any]) -> NEPModel:
    return random_model(nep_from_table(SPECIES, nep_table(table)), 5)


def labelled(trained: NEPModel, random_frame: MakeFrame, n_frames: int = 12) -> list[Frame]:
    """Frames with the energies, forces and virials of a model."""
    frames = [random_frame(seed) for seed in range(n_frames)]
    found = predict_set(trained, frames).prediction
    ends = np.cumsum([frame.n_atoms for frame in frames])
    return [
        attrs.evolve(
            frame,
            energy=float(found["energy"][idx]) * frame.n_atoms,
            forces=found["forces"][ends[idx] - frame.n_atoms : ends[idx]],
            virial=found["virial"][idx] * frame.n_atoms,
        )
        for idx, frame in enumerate(frames)
    ]


@pytest.mark.parametrize(
    ("zbl", "expected"),
    [
        (None, None),
        (2.0, ZBL(1.0, 2.0)),
        ({"outer": 2.0, "inner": None, "factor": 0.65}, ZBL(1.0, 2.0, 0.65)),
        ({"outer": 2.0, "inner": 0.5, "factor": None}, ZBL(0.5, 2.0)),
        ([ROW, ROW, ROW], ZBL(rows=(tuple(ROW),) * 3)),
    ],
)
def test_every_form_of_zbl_in_the_recipe_makes_a_model(zbl: object, expected: ZBL | None) -> None:
    """A number is the outer cutoff, half of it the inner one."""
    assert nep_from_table(SPECIES, nep_table({**MODEL, "zbl": zbl})).zbl == expected


def test_sizes_that_no_formula_has_are_refused() -> None:
    """With what was found."""
    with pytest.raises(ModelFileError, match=r"\[model\] of the recipe: found ZBL from 2 to 4"):
        nep_from_table(SPECIES, attrs.evolve(nep_table(TYPE_WISE), zbl=4.0))


def test_training_learns_with_zbl_and_type_wise_cutoffs(
    random_frame: MakeFrame, tmp_path: Path
) -> None:
    """The repulsion is part of every prediction: forces of the teacher are learnt beside it."""
    trained = teacher(TYPE_WISE)
    frames = labelled(trained, random_frame)
    result = run_training(tmp_path, frames, {**TYPE_WISE, "start_from": None}, {})
    assert result.model == trained.model
    baseline = first_baseline(train_table(), frames)
    start = first_model(
        trained.model, None, FrameSet.build(frames, trained.model), torch.Generator(), baseline
    )
    before, after = (predict_set(m, frames).errors.report("x") for m in (start, result))
    assert after["x_force_rmse"] < 0.7 * before["x_force_rmse"]


def test_output_biases_begin_with_the_baseline(random_frame: MakeFrame) -> None:
    """Given, or mean atomic energies where these are trained on, or least squares."""
    frames = [
        attrs.evolve(frame, atomic_energy=np.where(frame.numbers == 72, -12.0, -5.0))
        for frame in (random_frame(seed) for seed in range(4))
    ]
    weights = {**OPTIMIZER["weights"], "atomic_energy": 1.0}
    atomic = train_table(optimizer={**OPTIMIZER, "weights": weights})
    given = train_table(data={"species": SPECIES, "energy_baseline": [-10.0, -4.0]})
    assert first_baseline(given, frames) == [-10.0, -4.0]
    assert first_baseline(atomic, frames) == [-12.0, -5.0]
    fitted = first_baseline(train_table(), frames)
    np.testing.assert_array_equal(fitted, energy_baseline(frames, SPECIES))
    model = nep_from_table(SPECIES, nep_table(TYPE_WISE))
    rng = torch.Generator().manual_seed(1)
    start = first_model(model, None, FrameSet.build(frames, model), rng, fitted)
    assert isinstance(start, NEPModel)
    torch.testing.assert_close(model.views(start.parameters).bias, -torch.tensor(fitted).double())


def run_training(
    folder: Path, frames: list[Frame], model: dict[str, Any], inputs: dict[str, Path]
) -> NEPModel:
    for name in ("out", "state"):
        (folder / name).mkdir()
    save_frames(folder / "frames.npz", frames)
    ctx = StageContext("train", folder / "out", folder / "state", 1, lambda _: None, lambda: False)
    sources = {"train": folder / "frames.npz", "valid": folder / "frames.npz", **inputs}
    train.run(train_table(model=model), sources, ctx)
    return open_nep(folder / "out" / "nep_model.ckpt").trained


@pytest.mark.parametrize("layout", ["nep5.txt", "nep_model.ckpt"])
def test_a_perfect_start_is_kept(layout: str, random_frame: MakeFrame, tmp_path: Path) -> None:
    """Energies of another zero cost nothing: the output biases move, nothing else needs to."""
    trained = teacher(TYPE_WISE)
    frames = [
        attrs.evolve(f, energy=(f.energy or 0.0) + 100.0 * f.n_atoms)
        for f in labelled(trained, random_frame)
    ]
    path = tmp_path / layout
    if layout == "nep5.txt":
        write_nep5(path, trained, NeighborCounts(50, 50))
    else:
        write_potential(path, trained)
    result = run_training(
        tmp_path, frames, {**TYPE_WISE, "start_from": "start_from"}, {"start_from": path}
    )
    errors = predict_set(result, frames).errors.report("x")
    assert errors["x_energy_rmse"] < 1e-8
    assert errors["x_force_rmse"] < 1e-8
    assert torch.equal(result.q_scaler, trained.q_scaler)


@pytest.mark.parametrize("said", [NeighborCounts(9999, 1), NeighborCounts(1, 9999), None])
def test_a_model_trained_further_records_the_most_that_it_ever_met(
    said: NeighborCounts | None, random_frame: MakeFrame, tmp_path: Path
) -> None:
    """In the training of its start or in its own."""
    trained = attrs.evolve(teacher(TYPE_WISE), neighbors=said)
    path = tmp_path / "nep_model.ckpt"
    write_potential(path, trained)
    frames = [random_frame(seed) for seed in range(2)]
    result = run_training(
        tmp_path, frames, {**TYPE_WISE, "start_from": "start_from"}, {"start_from": path}
    )
    own = NeighborCounts(*(most_neighbors(frames, cutoff) for cutoff in (4.5, 4.0)))
    assert result.neighbors == own.or_more(said)


def test_a_first_model_of_other_sizes_is_refused(random_frame: MakeFrame, tmp_path: Path) -> None:
    """Before any training."""
    trained = teacher(MODEL)
    path = tmp_path / "nep_model.ckpt"
    write_potential(path, trained)
    wanted = nep_from_table(SPECIES, nep_table({**MODEL, "neurons": 7}))
    frames = FrameSet.build([random_frame(1)], wanted)
    with pytest.raises(ModelFileError, match=r"nep_model\.ckpt: does not fit .*neurons is 6"):
        first_model(wanted, path, frames, torch.Generator(), [0.0, 0.0])
