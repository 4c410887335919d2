"""The md stage: what it writes, that it repeats, how it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase
import ase.io
import numpy as np
import pytest

from nepforge.data.frame import Frame, save_frames
from nepforge.errors import DataError, InterruptedRunError, NepforgeError, StageError
from nepforge.events import Event, StageProgress
from nepforge.plan.tables import MdTable
from nepforge.stages.context import StageContext
from nepforge.stages.md import run
from tests.nep_files import KINDS, SPECIES, random_structure
from tests.stage_tables import md_table

pytestmark = pytest.mark.lammps

STEPS = 60
REPEATABLE = (
    "in.lammps", "data.lammps", "model.txt", "thermo.csv", "final.xyz", "metrics.json",
)  # fmt: skip
MakeContext = Callable[..., tuple[StageContext, list[Event]]]


@pytest.fixture
def make_context(tmp_path: Path) -> MakeContext:
    def make(name: str = "out", stop: bool = False) -> tuple[StageContext, list[Event]]:
        out = tmp_path / name
        out.mkdir()
        events: list[Event] = []
        context = StageContext("md:test", out, tmp_path, 1, events.append, lambda: stop)
        return context, events

    return make


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    made = random_structure()
    frames = [Frame(made.numbers, made.positions, made.cell)] * 2
    save_frames(tmp_path / "frames.npz", frames)
    return {"model": KINDS["zbl"].write(tmp_path / "nep.txt"), "frames": tmp_path / "frames.npz"}


def table(species: Any = SPECIES, **changes: Any) -> MdTable:
    md: dict[str, Any] = {
        "name": "test",
        "structure": {"from": "data", "index": 1, "replicate": [2, 2, 1]},
        "ensemble": "nve",
        "temperature": 100.0,
        "pressure": None,
        "timestep": 0.2,
        "steps": STEPS,
        "ranks": 1,
        "threads": None,
        "precision": "double",
        "timeout_minutes": 1.0,
    }
    return md_table(species, seed=2**50, **(md | changes))


def test_nve_writes_a_folder_that_can_be_run_again(
    make_context: MakeContext, inputs: dict[str, Path]
) -> None:
    """Script, data, model, log, thermodynamics, structure, plot, physics and speed."""
    context, events = make_context()
    run(table(), inputs, context)
    written = {path.name for path in context.out.iterdir()}
    assert written == {*REPEATABLE, "log.lammps", "md.png", "timing.json"}
    metrics = json.loads((context.out / "metrics.json").read_text())
    assert metrics["n_atoms"] == 32
    assert metrics["steps"] == STEPS
    assert abs(metrics["energy_drift"]) < 0.02  # eV/atom/ps over 12 fs
    timing = json.loads((context.out / "timing.json").read_text())
    cpu_seconds = timing["cpu_seconds"]  # 0 where LAMMPS prints 0.0 % for a run of milliseconds
    per_cpu_second = 32 * STEPS / cpu_seconds if cpu_seconds else 0.0
    assert timing["atom_steps_per_cpu_s"] == pytest.approx(per_cpu_second)
    assert timing["atom_steps_per_s"] == pytest.approx(32 * STEPS / timing["seconds"])
    progress = [event for event in events if isinstance(event, StageProgress)]
    assert [progress[0].done, progress[-1].done, progress[-1].total] == [0, STEPS, STEPS]


def test_thermo_csv_has_a_line_for_each_sample(
    make_context: MakeContext, inputs: dict[str, Path]
) -> None:
    """Columns carry their names, times are in ps, and nve keeps its total energy."""
    context, _ = make_context()
    run(table(), inputs, context)
    thermo = np.genfromtxt(context.out / "thermo.csv", delimiter=",", names=True)
    assert len(thermo) == STEPS + 1
    assert thermo["time_ps"][-1] == pytest.approx(STEPS * 0.2e-3)
    assert thermo["temperature"][0] == pytest.approx(100.0)
    assert np.ptp(thermo["total_energy"]) / 32 < 1.0e-3


def test_final_structure_has_velocities(make_context: MakeContext, inputs: dict[str, Path]) -> None:
    """final.xyz holds every atom with its element and the temperature of the last sample."""
    context, _ = make_context()
    run(table(), inputs, context)
    atoms = ase.io.read(context.out / "final.xyz")
    thermo = np.genfromtxt(context.out / "thermo.csv", delimiter=",", names=True)
    assert sorted(set(atoms.get_chemical_symbols())) == sorted(SPECIES)
    measured = atoms.get_temperature() * len(atoms) / (len(atoms) - 1)  # LAMMPS: 3N - 3
    assert measured == pytest.approx(thermo["temperature"][-1], rel=1.0e-4)


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_same_run_gives_the_same_bytes(
    ranks: int, make_context: MakeContext, inputs: dict[str, Path]
) -> None:
    """Everything but the log, the plot and the times repeats bit for bit."""
    first, _ = make_context("first")
    second, _ = make_context("second")
    for context in (first, second):
        run(table(ranks=ranks), inputs, context)
    for name in REPEATABLE:
        assert (first.out / name).read_bytes() == (second.out / name).read_bytes(), name


@pytest.mark.parametrize(("ensemble", "pressure"), [("nvt", None), ("npt", 1.0e4)])
def test_thermostat_and_barostat_run(
    ensemble: str, pressure: float | None, make_context: MakeContext, inputs: dict[str, Path]
) -> None:
    """Means come without a drift; only npt changes the volume."""
    context, _ = make_context()
    run(table(ensemble=ensemble, pressure=pressure), inputs, context)
    metrics = json.loads((context.out / "metrics.json").read_text())
    assert set(metrics) == {
        "n_atoms", "steps", "temperature_mean", "pressure_bar_mean", "density_mean",
    }  # fmt: skip
    thermo = np.genfromtxt(context.out / "thermo.csv", delimiter=",", names=True)
    assert (np.ptp(thermo["volume"]) > 0.0) == (ensemble == "npt")


def test_structure_can_come_from_a_file(
    make_context: MakeContext, inputs: dict[str, Path], tmp_path: Path
) -> None:
    """A structure file in a format of ASE."""
    made = random_structure()
    atoms = ase.Atoms(made.numbers, made.positions, cell=made.cell, pbc=True)
    ase.io.write(tmp_path / "cell.cif", atoms)
    context, _ = make_context()
    structure = {"file": "structure", "format": "cif", "replicate": [1, 1, 1]}
    given = {"model": inputs["model"], "structure": tmp_path / "cell.cif"}
    run(table(structure=structure, steps=2), given, context)
    assert json.loads((context.out / "metrics.json").read_text())["n_atoms"] == 8


def test_a_run_without_steps_reports_its_first_sample(
    make_context: MakeContext, inputs: dict[str, Path]
) -> None:
    """One step is enough for means and for a plot."""
    context, _ = make_context()
    run(table(steps=1), inputs, context)
    assert json.loads((context.out / "metrics.json").read_text())["steps"] == 1


def test_a_run_that_blows_up_stops_with_its_step(
    make_context: MakeContext, inputs: dict[str, Path]
) -> None:
    """A time step far too long ends the stage, not only LAMMPS."""
    context, _ = make_context()
    with pytest.raises(StageError, match=r"MD blew up at step \d+|LAMMPS failed .* step \d+"):
        run(table(timestep=50.0, steps=5000), inputs, context)


def test_a_stopped_run_is_an_interruption(
    make_context: MakeContext, inputs: dict[str, Path]
) -> None:
    """Ctrl-C ends LAMMPS and the stage says so."""
    context, _ = make_context(stop=True)
    with pytest.raises(InterruptedRunError, match="LAMMPS was stopped"):
        run(table(steps=10_000_000), inputs, context)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"structure": {"from": "data", "index": 2, "replicate": [1, 1, 1]}}, StageError,
         "structure.index: got 2, there are 2 training frames"),
        ({"timeout_minutes": 0.005, "steps": 10_000_000}, StageError, "ran longer than"),
    ],
    ids=["index", "time limit"],
)  # fmt: skip
def test_bad_tables_are_refused(
    changes: dict[str, Any],
    error: type[NepforgeError],
    words: str,
    make_context: MakeContext,
    inputs: dict[str, Path],
) -> None:
    """The message says what was found and what would work."""
    context, _ = make_context()
    with pytest.raises(error, match=words):
        run(table(**changes), inputs, context)


def test_a_species_missing_from_the_model_is_named(
    make_context: MakeContext, inputs: dict[str, Path]
) -> None:
    """The structure is checked before LAMMPS starts."""
    context, _ = make_context()
    with pytest.raises(StageError, match="holds O, the model knows Si"):
        run(table(species=["Si"]), inputs, context)


def test_an_unreadable_structure_file_is_named(
    make_context: MakeContext, inputs: dict[str, Path], tmp_path: Path
) -> None:
    """The path and the format are in the message."""
    (tmp_path / "cell.vasp").write_text("nothing\n")
    context, _ = make_context()
    structure = {"file": "structure", "format": "vasp", "replicate": [1, 1, 1]}
    given = {"model": inputs["model"], "structure": tmp_path / "cell.vasp"}
    with pytest.raises(DataError, match=r"cell\.vasp: not readable as vasp"):
        run(table(structure=structure), given, context)


def test_a_damaged_model_stops_the_stage(
    make_context: MakeContext, inputs: dict[str, Path]
) -> None:
    """The line of the model file reaches the user through LAMMPS."""
    inputs["model"].write_text("nep4 2 Si O\n")
    context, _ = make_context()
    with pytest.raises(StageError, match=r"model\.txt:2: the file ends here"):
        run(table(), inputs, context)
