"""Stage: the speed of npt runs with the exported model over sizes, ranks, threads and precision.

Writes benchmark.json (every measurement, advice, what could not be measured), speed.png, logs/
(LAMMPS's own, which hold the input scripts), timing.json (speeds by name), the model, data.lammps,
and metrics.json with the energy that all measurements start from. Speeds are no metrics: they
differ from build to build.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from nepforge.events import Message
from nepforge.lammps.plugin import find_lammps
from nepforge.plan.tables import MdBenchmarkTable
from nepforge.plots.speed import SpeedCurve, speed_against_size
from nepforge.stages.context import StageContext
from nepforge.stages.machine import n_cores
from nepforge.stages.md_advice import Measurement, advice, busy_note
from nepforge.stages.md_cell import read_structure
from nepforge.stages.md_measure import Bench
from nepforge.stages.outputs import write_json, write_metrics


def run(table: MdBenchmarkTable, inputs: Mapping[str, Path], ctx: StageContext) -> None:
    """Measure every size with every setting.

    Args:
        table: Of the stage.
        inputs: "model", the exported text file; the cell as for the md stage; "deepmd_model" where
            the recipe names one.
        ctx: Where to write.

    Raises:
        StageError: The structure does not fit the model, LAMMPS failed on the CPU, no setting fits
            the cores, or one gives another energy than the first.
        InterruptedRunError: The run was stopped.
    """
    structure = table.md_benchmark.structure
    bench = Bench(
        settings=table.md_benchmark,
        species=table.species,
        seed=table.seed,
        cell=read_structure(structure, inputs).repeat(structure.replicate),
        models=inputs,
        lammps=find_lammps(),
        ctx=ctx,
    )
    measurements, notes = bench.measure()
    lines, notes = advice(measurements), [*busy_note(measurements), *notes]
    content = {
        "machine": {"processor": _processor(), "cores": n_cores()},
        "measurements": [one.to_json() for one in measurements],
        "advice": lines,
        "notes": notes,
    }
    write_json(ctx.out / "benchmark.json", content)
    write_json(ctx.out / "timing.json", {one.label: one.atom_steps_per_s for one in measurements})
    write_metrics(ctx.out, {"potential_energy": measurements[0].potential_energy})
    speed_against_size(ctx.out / "speed.png", _curves(measurements))
    for text in [*lines, *notes]:
        ctx.emit(Message("info", text, ctx.stage))


def _processor() -> str:
    """The name of the processor, "" where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _curves(measurements: Sequence[Measurement]) -> list[SpeedCurve]:
    """One curve per setting, in the order of measuring."""
    of_setting = {
        setting: [one for one in measurements if one.setting == setting]
        for setting in dict.fromkeys(one.setting for one in measurements)
    }
    return [
        SpeedCurve(
            label=setting.label,
            family=f"{setting.pair_style} {setting.ranks} {setting.threads}",
            is_mixed=setting.precision == "mixed",
            n_atoms=[one.n_atoms for one in ones],
            atom_steps_per_s=[one.atom_steps_per_s for one in ones],
            ns_per_day=[one.ns_per_day for one in ones],
        )
        for setting, ones in of_setting.items()
    ]
