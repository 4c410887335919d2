"""The md_benchmark stage: what it measures, what it advises, how it treats what is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from nepforge.data.frame import Frame, save_frames
from nepforge.errors import StageError
from nepforge.events import Event
from nepforge.plan.kinds import KINDS
from nepforge.plan.tables import MdBenchmarkTable
from nepforge.stages.context import StageContext
from nepforge.stages.md_advice import DEEPMD_STYLE, Measurement, Setting, advice, busy_note
from nepforge.stages.md_benchmark import run
from tests.nep_files import KINDS as NEP_KINDS
from tests.nep_files import SPECIES, random_structure
from tests.stage_tables import benchmark_table


def table(**changes: Any) -> MdBenchmarkTable:
    benchmark: dict[str, Any] = {
        "structure": {"from": "data", "index": 0, "replicate": [1, 1, 1]},
        "atoms": [16, 60, 65],
        "atom_steps": 320,
        "temperature": 100.0,
        "pressure": 0.0,
        "timestep": 0.2,
        "ranks": [1, 2],
        "threads": [1, 2],
        "precision": ["double", "mixed"],
        "cores": 1,
        "deepmd_model": None,
        "timeout_minutes": 1.0,
    }
    return benchmark_table(SPECIES, seed=7, **(benchmark | changes))


def measured(folder: Path, **changes: Any) -> tuple[Path, list[Event]]:
    """The output folder of a stage that ran, and what it said."""
    made = random_structure()
    save_frames(folder / "frames.npz", [Frame(made.numbers, made.positions, made.cell)])
    model = NEP_KINDS["zbl"].write(folder / "nep.txt")
    (folder / "out").mkdir()
    events: list[Event] = []
    context = StageContext("md_benchmark", folder / "out", folder, 1, events.append, lambda: False)
    run(table(**changes), {"model": model, "frames": folder / "frames.npz"}, context)
    return folder / "out", events


@pytest.mark.lammps
def test_every_size_is_measured_with_every_setting_that_has_cores(tmp_path: Path) -> None:
    """Equal sizes once; speeds in files that are volatile, the energy as metric."""
    out, _ = measured(tmp_path)
    content = json.loads((out / "benchmark.json").read_text())
    on_cpu = [one for one in content["measurements"] if one["pair_style"] == "nepforge"]
    assert [(one["atoms"], one["precision"], one["steps"]) for one in on_cpu] == [
        (16, "double", 20), (16, "mixed", 20), (64, "double", 10), (64, "mixed", 10),
    ]  # fmt: skip
    assert all(one["ranks"] == one["threads"] == 1 for one in on_cpu)
    assert all(one["atom_steps_per_s"] > 0.0 < one["ns_per_day"] for one in on_cpu)
    assert list(json.loads((out / "metrics.json").read_text())) == ["potential_energy"]
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files >= {"logs/16-nepforge-1x1-double.log", "speed.png", "timing.json"}
    steady = {"metrics.json", "model.txt", "data.lammps"}
    assert {Path(name).parts[0] for name in files - steady} == {
        pattern.split("/")[0].replace("*.png", "speed.png")
        for pattern in KINDS["md_benchmark"].volatile
    }


@pytest.mark.lammps
def test_what_is_not_installed_is_said_not_to_be_measured(tmp_path: Path) -> None:
    """Without a Deep Potential in the recipe there is none; a GPU is measured or explained."""
    out, events = measured(tmp_path, atoms=[16], precision=["double"])
    content = json.loads((out / "benchmark.json").read_text())
    assert any(note.startswith("DP by DeePMD-kit was not measured: ") for note in content["notes"])
    has_gpu = any(one["pair_style"] == "nepforge/gpu" for one in content["measurements"])
    assert has_gpu != any(note.startswith("GPU was not measured: ") for note in content["notes"])
    told = [event.text for event in events if hasattr(event, "level")]
    assert told == [*content["advice"], *content["notes"]]


@pytest.mark.lammps
def test_settings_beyond_the_cores_are_refused_when_none_is_left(tmp_path: Path) -> None:
    """The message names the number of cores."""
    with pytest.raises(StageError, match="needs more than 1 cores"):
        measured(tmp_path, ranks=[2])


DOUBLE = Setting("nepforge", 1, 1, "double")
MIXED = Setting("nepforge", 1, 1, "mixed")
GPU = Setting("nepforge/gpu", 1, 1, "mixed")


def speed(setting: Setting, n_atoms: int, atom_steps_per_s: float) -> Measurement:
    return Measurement(setting, n_atoms, 10, 1.0, 1.0, atom_steps_per_s, 1.0e5, -1.0)


def test_advice_joins_sizes_with_the_same_best_setting() -> None:
    """The manual's picture: a CPU for small systems, a GPU from some size on."""
    speeds = {96: (2.0e5, 3.0e5, 1.0e5), 768: (2e5, 3.2e5, 1e6), 2592: (2e5, 3e5, 2.04e6)}
    measurements = [
        speed(setting, n_atoms, values[idx])
        for idx, setting in enumerate((DOUBLE, MIXED, GPU))
        for n_atoms, values in speeds.items()
    ]
    assert advice(measurements) == [
        "96 atoms: CPU, 1 rank x 1 thread, mixed (300000 atom-steps/s)",
        "768 to 2592 atoms: GPU, 1 rank x 1 thread, mixed (1000000 to 2040000 atom-steps/s)",
    ]


def test_advice_takes_the_first_of_equally_fast_settings_and_no_deep_potential() -> None:
    """Within 5 % is noise."""
    other = attrs.evolve(DOUBLE, pair_style=DEEPMD_STYLE)
    one = [speed(DOUBLE, 96, 9.6e4), speed(MIXED, 96, 1.0e5), speed(other, 96, 9.0e9)]
    assert advice(one) == ["96 atoms: CPU, 1 rank x 1 thread, double (96000 atom-steps/s)"]


def test_a_busy_machine_is_told() -> None:
    """Two threads with the CPU time of one had half of their cores."""
    threads = attrs.evolve(DOUBLE, threads=2)
    assert busy_note([speed(DOUBLE, 96, 0.99e5), speed(threads, 96, 1.9e5)]) == []
    (note,) = busy_note([speed(threads, 96, 1.0e5)])
    assert note.startswith("The machine was busy: LAMMPS had 50 % of the cores")
