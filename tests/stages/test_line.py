"""The stages from data to checked export, run one after the other on frames of a teacher model."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from nepforge.data.frame import Frame, load_frames, save_frames
from nepforge.errors import DataError, InterruptedRunError, StageError
from nepforge.evaluate import figures
from nepforge.events import EpochFinished, Event, Message
from nepforge.formats.convert import inspect
from nepforge.formats.open_model import open_nep
from nepforge.formats.potential_file import write_potential
from nepforge.models.nep.network import NEP
from nepforge.plan.tables import EvaluateTable, ExportTable, TrainTable
from nepforge.recipe.strict import read_table
from nepforge.recipe.tables import Export
from nepforge.stages import data, evaluate, export, train, verify
from nepforge.stages.context import StageContext
from nepforge.stages.evaluate import predict_set
from tests.conftest import random_model
from tests.formats.test_neighbor_counts import most_neighbors
from tests.stage_tables import data_table

MakeFrame = Callable[..., Frame]
SPECIES = ["Hf", "O"]
MODEL = {
    "kind": "nep",
    "cutoff": [4.5, 4.0],
    "n_max": [2, 2],
    "basis_size": [3, 3],
    "l_max": 3,
    "invariants": ["222"],
    "neurons": 6,
}
OPTIMIZER = {
    "kind": "lkf",
    "epochs": 3,
    "patience": None,
    "max_minutes": None,
    "batch_size": 4,
    "force_groups": 2,
    "kalman_lambda": 0.98,
    "kalman_nue": 0.9987,
    "block_size": 5120,
    "p0_weight": 1.0,
    "force_weights": None,
    "weights": {"energy": 30.0, "force": 1.0, "virial": 1.0, "atomic_energy": None},
}
ADAM: dict[str, Any] = {
    "kind": "adam",
    "epochs": 3,
    "patience": None,
    "max_minutes": None,
    "batch_size": 4,
    "learning_rate": [1.0e-2, 1.0e-4],
    "schedule_steps": 9,
    "decay_steps": 3,
    "weight_decay": 0.0,
    "prefactors": {"energy": [0.02, 1.0], "force": [1000.0, 1.0], "virial": [0.0, 0.0]},
    "force_weights": None,
    "weights": {"energy": 30.0, "force": 1.0, "virial": 0.0, "atomic_energy": None},
}
SNES: dict[str, Any] = {
    "kind": "snes",
    "epochs": 3,
    "patience": None,
    "max_minutes": None,
    "batch_size": 4,
    "population": 6,
    "sigma": 0.1,
    "lambda_1": 0.05,
    "lambda_2": 0.05,
    "force_weights": None,
    "weights": {"energy": 1.0, "force": 1.0, "virial": 0.1, "atomic_energy": None},
}
TRAIN_TABLE: dict[str, Any] = {
    "data": {"species": SPECIES},
    "model": MODEL,
    "optimizer": OPTIMIZER,
    "seed": 7,
    "threads": 1,
}
DP_MODEL: dict[str, Any] = {
    "kind": "dp",
    "cutoff": 4.5,
    "smooth_cutoff": 0.5,
    "embedding": [4, 8],
    "axis": 2,
    "fitting": [6],
    "type_embedding": 0,
}
EXPORT_TABLE = ExportTable(export=Export(layouts=("nep4", "nep5", "lammps")))
EVALUATE_TABLE = EvaluateTable(threads=1)


def train_table(**changes: Any) -> TrainTable:
    """TRAIN_TABLE with other tables in it."""
    return read_table(TrainTable, {**TRAIN_TABLE, **changes})


class Bench:
    """A folder for each stage, and the events of all of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Event] = []

    def context(self, stage: str) -> StageContext:
        """Of a new build: without a checkpoint."""
        shutil.rmtree(self.folder / stage / "state", ignore_errors=True)
        for part in ("out", "state"):
            (self.folder / stage / part).mkdir(parents=True, exist_ok=True)
        return StageContext(
            stage=stage,
            out=self.folder / stage / "out",
            state=self.folder / stage / "state",
            threads=1,
            emit=self.events.append,
            stopping=lambda: False,
        )

    def file(self, stage: str, name: str) -> Path:
        return self.folder / stage / "out" / name

    def metrics(self, stage: str) -> dict[str, float]:
        found: dict[str, float] = json.loads(self.file(stage, "metrics.json").read_text())
        return found

    def frames(self) -> dict[str, Path]:
        return {name: self.file("data", f"{name}.npz") for name in ("train", "valid")}


@pytest.fixture
def bench(random_frame: MakeFrame, tmp_path: Path) -> Bench:
    """Twelve frames labelled by a model, split as the data stage would."""
    made = Bench(tmp_path)
    teacher = random_model(NEP(("Hf", "O"), (4.5, 4.0), (2, 2), (3, 3), 3, (), 5), 4)
    frames = []
    for seed in range(12):
        frame = random_frame(seed, 6)
        found = predict_set(teacher, [frame]).prediction
        frames.append(
            attrs.evolve(
                frame,
                energy=6 * float(found["energy"][0]),
                forces=found["forces"],
                virial=6 * found["virial"][0],
                group="hot" if seed % 2 else "cold",
            )
        )
    made.context("data")
    save_frames(made.file("data", "train.npz"), frames[:9])
    save_frames(made.file("data", "valid.npz"), frames[9:])
    return made


def run_train(bench: Bench, **changes: Any) -> None:
    train.run(train_table(**changes), bench.frames(), bench.context("train"))


def run_export(bench: Bench, **changes: Any) -> dict[str, Path]:
    """Train, export, and give what verify gets."""
    run_train(bench, **changes)
    model = bench.file("train", "nep_model.ckpt")
    export.run(
        EXPORT_TABLE,
        {"model": model, "frames": bench.frames()["train"]},
        bench.context("export"),
    )
    files = {"nep4": "nep4.txt", "nep5": "nep5.txt", "lammps": "nep_to_lmps.txt"}
    exported = {layout: bench.file("export", name) for layout, name in files.items()}
    return {"model": model, "frames": bench.frames()["valid"], **exported}


def test_training_writes_model_history_and_plot(bench: Bench) -> None:
    """nep_model.ckpt, one line per epoch in both .dat files, loss.png, one event per epoch."""
    run_train(bench)
    assert open_nep(bench.file("train", "nep_model.ckpt")).trained.model.neurons == 6
    for name in ("epoch_train.dat", "epoch_valid.dat"):
        rows = np.loadtxt(bench.file("train", name))
        assert rows.shape == (3, 6)
        assert rows[:, 0].tolist() == [1, 2, 3]
    assert bench.file("train", "loss.png").stat().st_size > 1000
    assert [e.epoch for e in bench.events if isinstance(e, EpochFinished)] == [1, 2, 3]
    assert 1 <= bench.metrics("train")["best_epoch"] <= 3


@pytest.mark.parametrize("optimizer", [OPTIMIZER, ADAM, SNES], ids=lambda table: table["kind"])
@pytest.mark.parametrize("type_embedding", [0, 2])
def test_a_deep_potential_goes_through_the_same_stages(
    optimizer: dict[str, Any], type_embedding: int, bench: Bench
) -> None:
    """Trained by every optimizer, twice to the same bytes; evaluate finds its errors again."""
    model = {**DP_MODEL, "type_embedding": type_embedding}
    run_train(bench, model=model, optimizer=optimizer)
    first = bench.file("train", "dp_model.ckpt").read_bytes()
    run_train(bench, model=model, optimizer=optimizer)
    assert bench.file("train", "dp_model.ckpt").read_bytes() == first
    inputs = {"model": bench.file("train", "dp_model.ckpt"), **bench.frames()}
    evaluate.run(EVALUATE_TABLE, inputs, bench.context("evaluate"))
    for name in ("valid_energy_rmse", "valid_force_rmse", "valid_virial_rmse"):
        found, expected = bench.metrics("evaluate")[name], bench.metrics("train")[name]
        assert found == pytest.approx(expected, rel=1e-9)


def test_training_twice_gives_the_same_model_bytes(bench: Bench) -> None:
    """What a ledger entry promises: the same seed and threads, the same file."""
    run_train(bench)
    first = bench.file("train", "nep_model.ckpt").read_bytes()
    run_train(bench)
    assert bench.file("train", "nep_model.ckpt").read_bytes() == first
    run_train(bench, seed=8)
    assert bench.file("train", "nep_model.ckpt").read_bytes() != first


@pytest.mark.parametrize("optimizer", [ADAM, {**ADAM, "kind": "adamw"}, SNES])
def test_every_optimizer_trains_the_model(bench: Bench, optimizer: dict[str, Any]) -> None:
    """Its table is unpacked, and the same files and metrics come out."""
    run_train(bench, optimizer=optimizer)
    assert open_nep(bench.file("train", "nep_model.ckpt")).trained.model.neurons == 6
    metrics = bench.metrics("train")
    assert (metrics["epochs"], metrics["stopped_early"]) == (3, 0)
    assert not bench.file("train", "covariance.npz").exists()


def test_an_interrupted_training_leaves_the_same_covariance(bench: Bench) -> None:
    """It is that of the filter at the end, which a checkpoint restores bit for bit."""
    run_train(bench)
    straight = bench.file("train", "covariance.npz").read_bytes()
    steps = iter([False] * 4 + [True])
    ctx = attrs.evolve(bench.context("train"), stopping=lambda: next(steps))
    with pytest.raises(InterruptedRunError):
        train.run(train_table(), bench.frames(), ctx)
    bench.file("train", "covariance.npz").unlink()
    train.run(train_table(), bench.frames(), attrs.evolve(ctx, stopping=lambda: False))
    assert bench.file("train", "covariance.npz").read_bytes() == straight


def test_evaluation_judges_the_error_bars_of_a_filter(bench: Bench) -> None:
    """Every validation frame, and every force component of so small a set."""
    run_train(bench)
    names = {"model": "nep_model.ckpt", "covariance": "covariance.npz"}
    inputs = {key: bench.file("train", name) for key, name in names.items()}
    evaluate.run(EVALUATE_TABLE, {**inputs, **bench.frames()}, bench.context("evaluate"))
    report = json.loads(bench.file("evaluate", "calibration.json").read_text())
    assert (report["energy"]["count"], report["force"]["count"]) == (3, 3 * 6 * 3)
    assert bench.file("evaluate", "calibration.png").stat().st_size > 1000


@pytest.mark.parametrize("optimizer", [OPTIMIZER, ADAM, SNES], ids=lambda table: table["kind"])
def test_atomic_energies_and_force_weights_are_trained_on(
    bench: Bench, optimizer: dict[str, Any]
) -> None:
    """Their error is reported and falls."""
    weights = {**optimizer["weights"], "energy": 0.0, "atomic_energy": 10.0}
    table = {**optimizer, "weights": weights, "force_weights": {"O": 2.0}, "epochs": 6}
    if "prefactors" in table:
        table["prefactors"] = {**table["prefactors"], "atomic_energy": [1000.0, 1000.0]}
    for name, path in bench.frames().items():
        frames = load_frames(path)
        kinds = [np.where(frame.numbers == 72, 3.0, -3.0) for frame in frames]
        atomic = [
            np.sin(frame.positions[:, 0]) + kind for frame, kind in zip(frames, kinds, strict=True)
        ]
        save_frames(
            bench.file("data", f"{name}.npz"),
            [attrs.evolve(f, atomic_energy=a) for f, a in zip(frames, atomic, strict=True)],
        )
    run_train(bench, optimizer=table)
    lines = bench.file("train", "epoch_train.dat").read_text().splitlines()
    assert len(lines) == 7
    errors = [
        e.metrics["train_atomic_energy_rmse"] for e in bench.events if isinstance(e, EpochFinished)
    ]
    assert errors[-1] < errors[0]
    assert bench.metrics("train")["valid_atomic_energy_rmse"] > 0


def test_evaluation_reports_what_training_reported(bench: Bench) -> None:
    """The validation errors of the kept model, MAE below RMSE, errors by group, parity plots."""
    run_train(bench)
    inputs = {"model": bench.file("train", "nep_model.ckpt"), **bench.frames()}
    evaluate.run(EVALUATE_TABLE, inputs, bench.context("evaluate"))
    metrics = bench.metrics("evaluate")
    for name in ("energy", "force", "virial"):
        assert metrics[f"valid_{name}_rmse"] == bench.metrics("train")[f"valid_{name}_rmse"]
        assert metrics[f"valid_{name}_mae"] <= metrics[f"valid_{name}_rmse"]
    groups = json.loads(bench.file("evaluate", "groups.json").read_text())
    assert sorted(groups["train"]) == ["cold", "hot"]
    for name in ("energy", "forces", "virial"):
        assert bench.file("evaluate", f"parity_{name}.png").stat().st_size > 1000
    predicted = np.load(bench.file("evaluate", "predictions_valid.npz"))
    assert predicted["forces"].shape == (18, 3)


def test_exported_files_pass_the_check(bench: Bench) -> None:
    """Every layout, read by the core (and by calorine where installed), agrees to rounding."""
    inputs = run_export(bench)
    verify.run(EXPORT_TABLE, inputs, bench.context("verify"))
    metrics = bench.metrics("verify")
    assert {"nep4_core", "nep5_core", "lammps_core"} <= {
        name.removesuffix("_force_difference") for name in metrics
    }
    assert max(metrics.values()) < 1e-9


def test_checkpoint_and_exports_say_the_neighbours_of_the_training_data(bench: Bench) -> None:
    """Those that ASE finds, in every file of the run."""
    inputs = run_export(bench)
    frames = load_frames(bench.frames()["train"])
    expected = [most_neighbors(frames, cutoff) for cutoff in (4.5, 4.0)]
    for name in ("model", "nep4", "nep5", "lammps"):
        assert inspect(open_nep(inputs[name]))["neighbors"] == expected


def test_an_old_checkpoint_is_exported_with_the_counts_of_its_data(bench: Bench) -> None:
    """It holds none itself."""
    inputs = run_export(bench)
    expected = inputs["nep4"].read_bytes()
    old = attrs.evolve(open_nep(inputs["model"]).trained, neighbors=None)
    write_potential(inputs["model"], old)
    sources = {"model": inputs["model"], "frames": bench.frames()["train"]}
    export.run(EXPORT_TABLE, sources, bench.context("export"))
    assert inputs["nep4"].read_bytes() == expected


@pytest.mark.parametrize("layout", ["nep4", "nep5", "lammps"])
def test_a_file_with_one_wrong_number_fails_the_run(bench: Bench, layout: str) -> None:
    """A changed coefficient, or a changed bias of an element, is caught before any MD."""
    inputs = run_export(bench)
    lines = inputs[layout].read_text().splitlines()
    lines[-40] = f"{float(lines[-40]) + 0.01:.16e}"  # a descriptor coefficient
    inputs[layout].write_text("\n".join(lines) + "\n")
    with pytest.raises(StageError, match="differs from torch"):
        verify.run(EXPORT_TABLE, inputs, bench.context("verify"))


def test_data_stage_splits_the_shipped_set(tmp_path: Path) -> None:
    """191 frames become 153 + 38, the same ones for the same seed."""
    bench = Bench(tmp_path)
    source = Path(__file__).parents[2] / "recipes" / "data" / "hfo2_gpaw.xyz"
    data.run(data_table(), {"train.0": source}, bench.context("data"))
    first = bench.file("data", "valid.npz").read_bytes()
    data.run(data_table(), {"train.0": source}, bench.context("data"))
    assert bench.file("data", "valid.npz").read_bytes() == first
    metrics = bench.metrics("data")
    assert (metrics["n_train"], metrics["n_valid"], metrics["n_duplicates"]) == (153, 38, 0)


def test_data_stage_warns_of_copies(tmp_path: Path) -> None:
    """A file given twice: every structure is reported as occurring more than once."""
    bench = Bench(tmp_path)
    source = Path(__file__).parents[2] / "recipes" / "data" / "hfo2_gpaw.xyz"
    train = [{"name": f"train.{idx}", "format": "extxyz", "part": ""} for idx in (0, 1)]
    table = data_table(data={"files": {"train": train, "validation": []}})
    data.run(table, {"train.0": source, "train.1": source}, bench.context("data"))
    warnings = [e.text for e in bench.events if isinstance(e, Message) and e.level == "warning"]
    assert any("191 of the training frames are copies" in text for text in warnings)


def test_data_stage_refuses_an_element_that_the_recipe_lacks(tmp_path: Path) -> None:
    """species without Hf: the first frame that has it is named."""
    source = Path(__file__).parents[2] / "recipes" / "data" / "hfo2_gpaw.xyz"
    with pytest.raises(DataError, match=r"Hf.*hfo2_gpaw\.xyz:\d+"):
        data.run(
            data_table(data={"species": ["O"]}),
            {"train.0": source},
            Bench(tmp_path).context("data"),
        )


def isolated_atom(number: int = 8) -> Frame:
    """A single atom in a box, which no cutoff reaches across."""
    return Frame(
        numbers=np.array([number]),
        positions=np.zeros((1, 3)),
        cell=30.0 * np.eye(3),
        energy=-2.0,
        forces=np.zeros((1, 3)),
        virial=np.zeros((3, 3)),
        source=f"atom:{number}",
    )


@pytest.mark.parametrize("optimizer", [OPTIMIZER, ADAM, SNES], ids=lambda table: table["kind"])
@pytest.mark.parametrize("model", [MODEL, DP_MODEL], ids=lambda table: table["kind"])
def test_batches_without_any_neighbour_are_trained_on_and_evaluated(
    bench: Bench,
    optimizer: dict[str, Any],
    model: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch may hold nothing but an isolated atom, of training and of validation."""
    for module, figure in ((train, "loss_curves"), (figures, "parity"), (figures, "calibration")):
        monkeypatch.setattr(module, figure, lambda *_arguments, **_options: None)
    for name, path in bench.frames().items():
        frames = [*load_frames(path)[:2], isolated_atom()]
        save_frames(bench.file("data", f"{name}.npz"), frames)
    run_train(bench, optimizer={**optimizer, "batch_size": 1, "epochs": 1}, model=model)
    checkpoint = bench.file("train", f"{model['kind']}_model.ckpt")
    inputs = {"model": checkpoint, **bench.frames()}
    if bench.file("train", "covariance.npz").exists():
        inputs["covariance"] = bench.file("train", "covariance.npz")
    evaluate.run(EVALUATE_TABLE, inputs, bench.context("evaluate"))
    assert np.isfinite(bench.metrics("evaluate")["valid_force_rmse"])


def test_export_and_check_take_molecules_and_slabs(bench: Bench) -> None:
    """Calorine knows periodic cells alone; a molecule has none."""
    for name, path in bench.frames().items():
        molecule, slab, *frames = load_frames(path)
        others = [
            attrs.evolve(molecule, cell=np.zeros((3, 3)), pbc=(False, False, False), virial=None),
            attrs.evolve(slab, pbc=(True, True, False), virial=None),
        ]
        save_frames(bench.file("data", f"{name}.npz"), [*others, *frames])
    verify.run(EXPORT_TABLE, run_export(bench), bench.context("verify"))
    assert max(bench.metrics("verify").values()) < 1e-9


def test_a_species_without_atoms_has_no_share_of_the_common_bias(bench: Bench) -> None:
    """The text names the species that are there, without inf and nan."""
    run_train(bench, data={"species": [*SPECIES, "Si"]})
    inputs = {"model": bench.file("train", "nep_model.ckpt"), "frames": bench.frames()["train"]}
    export.run(EXPORT_TABLE, inputs, bench.context("export"))
    (text,) = [e.text for e in bench.events if isinstance(e, Message) and "one bias" in e.text]
    assert "for Hf:O = " in text
    assert "inf" not in text


@pytest.mark.parametrize("optimizer", [OPTIMIZER, ADAM, SNES], ids=lambda table: table["kind"])
def test_atomic_energies_alone_can_be_trained_on(bench: Bench, optimizer: dict[str, Any]) -> None:
    """Model, curves and parity plot of the only labels that there are."""
    for name, path in bench.frames().items():
        alone = [
            attrs.evolve(f, energy=None, forces=None, virial=None, atomic_energy=f.positions[:, 0])
            for f in load_frames(path)
        ]
        save_frames(bench.file("data", f"{name}.npz"), alone)
    weights = {"energy": 0.0, "force": 0.0, "virial": 0.0, "atomic_energy": 1.0}
    table = {**optimizer, "weights": weights}
    if "prefactors" in table:
        none = [0.0, 0.0]
        table["prefactors"] = {
            **dict.fromkeys(("energy", "force", "virial"), none),
            "atomic_energy": [1.0, 1.0],
        }
    run_train(bench, optimizer=table)
    assert np.loadtxt(bench.file("train", "epoch_valid.dat")).shape == (3, 7)
    inputs = {"model": bench.file("train", "nep_model.ckpt"), **bench.frames()}
    evaluate.run(EVALUATE_TABLE, inputs, bench.context("evaluate"))
    assert set(bench.metrics("evaluate")) == {
        f"{part}_atomic_energy_{error}" for part in ("train", "valid") for error in ("rmse", "mae")
    }
    assert bench.file("evaluate", "parity_atomic_energy.png").stat().st_size > 1000
