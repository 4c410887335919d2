"""Stage: molecular dynamics with the exported model in LAMMPS.

Writes in.lammps, data.lammps and the model beside them (so that the folder can be run again by
hand), log.lammps, thermo.csv, final.xyz (the last structure), md.png, metrics.json (physics) and
timing.json (speed).
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path

import ase.io
import numpy as np
from numpy.typing import NDArray

from nepforge.data.frame import FloatArray
from nepforge.errors import StageError
from nepforge.events import Message, StageProgress
from nepforge.lammps.plugin import find_lammps
from nepforge.lammps.runner import LammpsResult, ThermoLine, Timing, run_lammps
from nepforge.lammps.script import (
    DATA_FILE,
    FINAL_DUMP,
    MODEL_FILE,
    SCRIPT_FILE,
    THERMO_COLUMNS,
    MdRun,
    md_script,
    write_data,
)
from nepforge.plan.tables import MdTable
from nepforge.plots.curves import MdColumn, md_curves
from nepforge.recipe.tables import Md
from nepforge.stages.context import StageContext
from nepforge.stages.md_cell import read_structure
from nepforge.units import BAR_PER_GPA

N_THERMO_LINES = 500  # in a run, about: enough for the plots, cheap to write
EQUILIBRATION = 0.5  # leading fraction of the run that the means leave out
MEANS = ("temperature", "pressure_bar", "density")  # columns whose means are metrics

# Beyond these a run has left physics, and the numbers after it mean nothing.
MAX_TEMPERATURE = 10.0  # in units of the temperature of the recipe ...
MAX_TEMPERATURE_MARGIN = 2000.0  # ... plus this many K
MAX_ENERGY_CHANGE = 2.0  # eV/atom, of the potential energy between two lines of output

SECONDS_PER_MINUTE = 60.0


def run(table: MdTable, inputs: Mapping[str, Path], ctx: StageContext) -> None:
    """Run one [[md]] table.

    Args:
        table: Of the stage.
        inputs: "model", the exported text file; the cell is in "frames" (frame `structure.index`)
            or in "structure" (a file of the ASE format `structure.format`).
        ctx: Where to write.

    Raises:
        StageError: The structure does not fit the model, LAMMPS failed, atoms were lost, or the
            energy or temperature blew up; the message has the step.
        InterruptedRunError: The run was stopped.
    """
    md = table.md
    lammps = find_lammps()
    settings = _settings(table)
    shutil.copyfile(inputs["model"], ctx.out / MODEL_FILE)
    write_data(ctx.out / DATA_FILE, read_structure(md.structure, inputs), settings.species)
    (ctx.out / SCRIPT_FILE).write_text(md_script(settings), encoding="utf-8")
    watch = _Watch(settings, ctx)
    result = run_lammps(
        lammps,
        ctx.out,
        ranks=md.ranks,
        threads=md.threads or 1,
        timeout_seconds=md.timeout_minutes * SECONDS_PER_MINUTE,
        stopping=ctx.stopping,
        watch=watch,
    )
    _write_thermo(ctx.out / "thermo.csv", result)
    _write_final(ctx.out, settings)
    _write_json(ctx.out / "metrics.json", _metrics(settings, result))
    _write_json(ctx.out / "timing.json", _timing(result.timing, md))
    _plot(ctx.out / "md.png", settings, result)
    speed = result.timing.atom_steps_per_cpu_s
    ctx.emit(Message("info", f"{speed:.3g} atom-steps per CPU second", ctx.stage))


def _settings(table: MdTable) -> MdRun:
    md = table.md
    return MdRun(
        species=table.species,
        replicate=md.structure.replicate,
        ensemble=md.ensemble,
        temperature=md.temperature,
        pressure=md.pressure or 0.0,
        timestep=md.timestep,
        steps=md.steps,
        thermo_every=max(1, md.steps // N_THERMO_LINES),
        seed=table.seed,
        precision=md.precision,
    )


class _Watch:
    """Follows the thermodynamic output: reports progress, stops a run that has left physics."""

    def __init__(self, settings: MdRun, ctx: StageContext) -> None:
        self._settings = settings
        self._ctx = ctx
        self._energy: float | None = None  # potential, of the line before, eV
        self._max_temperature = MAX_TEMPERATURE * settings.temperature + MAX_TEMPERATURE_MARGIN

    def __call__(self, line: ThermoLine) -> None:
        step = int(line["step"])
        strange = [name for name, value in line.items() if not math.isfinite(value)]
        if strange:
            raise _blow_up(step, f"{', '.join(strange)} is not finite")
        temperature, energy = line["temperature"], line["potential_energy"]
        if temperature > self._max_temperature:
            raise _blow_up(step, f"the temperature is {temperature:.0f} K")
        most = MAX_ENERGY_CHANGE * line["n_atoms"]
        if self._energy is not None and abs(energy - self._energy) > most:
            raise _blow_up(
                step, f"the potential energy went from {self._energy:.6g} to {energy:.6g} eV"
            )
        self._energy = energy
        text = f"{temperature:.0f} K, {line['pressure_bar'] / BAR_PER_GPA:.2f} GPa"
        self._ctx.emit(StageProgress(self._ctx.stage, step, self._settings.steps, "step", text))


def _blow_up(step: int, what: str) -> StageError:
    return StageError(
        f"MD blew up at step {step}: {what}",
        hint="check the model's errors for such structures, try a shorter timestep, or train on "
        "frames near the ones that it met",
    )


def is_late(steps: FloatArray, n_steps: int) -> NDArray[np.bool_]:
    """Which samples count for means: those after the equilibration."""
    late: NDArray[np.bool_] = steps >= EQUILIBRATION * n_steps
    return late


def _metrics(settings: MdRun, result: LammpsResult) -> dict[str, float]:
    """Means over the later part of the run; for nve also the drift of the total energy.

    The drift is the slope of a straight line through all samples, in eV/atom/ps.
    """
    thermo = result.thermo
    late = is_late(thermo["step"], settings.steps)
    n_atoms = result.timing.n_atoms
    metrics: dict[str, float] = {
        "n_atoms": n_atoms,
        "steps": settings.steps,
        **{f"{name}_mean": float(thermo[name][late].mean()) for name in MEANS},
    }
    if settings.ensemble == "nve" and len(thermo["step"]) > 1:
        slope = np.polyfit(thermo["time_ps"], thermo["total_energy"] / n_atoms, 1)[0]
        metrics["energy_drift"] = float(slope)
    return metrics


def _timing(timing: Timing, md: Md) -> dict[str, float]:
    return {
        "ranks": md.ranks,
        "threads": md.threads or 1,
        "seconds": timing.seconds,
        "cpu_seconds": timing.cpu_seconds,
        "atom_steps_per_s": timing.atom_steps_per_s,
        "atom_steps_per_cpu_s": timing.atom_steps_per_cpu_s,
    }


def _write_json(path: Path, content: Mapping[str, float]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _write_thermo(path: Path, result: LammpsResult) -> None:
    """Columns of THERMO_COLUMNS; eV, K, bar, Å³, g/cm³."""
    names = list(THERMO_COLUMNS.values())
    rows = zip(*(result.thermo[name] for name in names), strict=True)
    lines = [",".join(names), *(",".join(f"{value:.12g}" for value in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_final(folder: Path, settings: MdRun) -> None:
    """The last structure with its velocities, in the frame that LAMMPS turned the cell to."""
    dump = folder / FINAL_DUMP
    atoms = ase.io.read(
        dump, format="lammps-dump-text", specorder=list(settings.species), units="metal"
    )
    dump.unlink()
    ase.io.write(folder / "final.xyz", atoms, format="extxyz")


def _plot(path: Path, settings: MdRun, result: LammpsResult) -> None:
    """Temperature, energy and pressure against time, with what the ensemble holds constant."""
    thermo, n_atoms = result.thermo, result.timing.n_atoms
    controlled = settings.ensemble in ("nvt", "npt")
    energy = "total_energy" if settings.ensemble == "nve" else "potential_energy"
    label = "Total energy" if settings.ensemble == "nve" else "Potential energy"
    columns = [
        MdColumn(
            "Temperature", "K", thermo["temperature"], settings.temperature if controlled else None
        ),
        MdColumn(label, "eV/atom", thermo[energy] / n_atoms),
        MdColumn(
            "Pressure",
            "GPa",
            thermo["pressure_bar"] / BAR_PER_GPA,
            settings.pressure / BAR_PER_GPA if settings.ensemble == "npt" else None,
        ),
    ]
    md_curves(path, thermo["time_ps"], columns, is_late(thermo["step"], settings.steps))
