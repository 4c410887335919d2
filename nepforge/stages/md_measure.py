"""Runs of one benchmark: every size with every setting that LAMMPS and the machine offer."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

import ase
from attrs import frozen

from nepforge.errors import StageError
from nepforge.events import StageProgress
from nepforge.lammps.plugin import Lammps, find_deepmd_lammps
from nepforge.lammps.replication import replication
from nepforge.lammps.runner import LammpsResult, run_lammps
from nepforge.lammps.script import (
    DATA_FILE,
    FINAL_DUMP,
    LOG_FILE,
    MODEL_FILE,
    SCRIPT_FILE,
    MdRun,
    md_script,
    write_data,
)
from nepforge.recipe.tables import MdBenchmark
from nepforge.stages.context import StageContext
from nepforge.stages.machine import n_cores
from nepforge.stages.md import SECONDS_PER_MINUTE
from nepforge.stages.md_advice import (
    CPU_STYLE,
    DEEPMD_STYLE,
    GPU_STYLE,
    NAMES,
    Measurement,
    Precision,
    Setting,
)

LOGS = "logs"
MIN_STEPS = 10
DEEPMD_SHARE = 0.01  # of the atom-steps: a Deep Potential is some hundred times slower
DEEPMD_MIN_STEPS = 2
SAME_ENERGY = 1.0e-4  # eV/atom, between settings and sizes at the first step


@frozen
class Bench:
    """Runs LAMMPS in the folder of the stage, one measurement after the other."""

    settings: MdBenchmark
    species: tuple[str, ...]
    seed: int
    cell: ase.Atoms  # replicated to each size
    models: Mapping[str, Path]  # "model", and "deepmd_model" where the recipe names one
    lammps: Lammps
    ctx: StageContext

    def measure(self) -> tuple[list[Measurement], list[str]]:
        """All measurements, those on the CPU first, and a sentence for what could not be measured.

        Raises:
            StageError: The CPU could not be measured, or a setting gives another energy.
            InterruptedRunError: The run was stopped.
        """
        self._write_files()
        measurements: list[Measurement] = []
        notes: list[str] = []
        for style, settings in self._settings_of_styles().items():
            n_done = 0
            try:
                for one in self._of_style(style, settings):
                    measurements.append(one)
                    n_done = one.n_atoms
            except StageError as error:
                if style == CPU_STYLE:
                    raise
                beyond = f" beyond {n_done} atoms" if n_done else ""
                notes.append(f"{NAMES[style]} was not measured{beyond}: {_reason(error)}")
        _refuse_other_energies(measurements)
        return measurements, notes

    def _write_files(self) -> None:
        """What every run reads."""
        (self.ctx.out / LOGS).mkdir()
        write_data(self.ctx.out / DATA_FILE, self.cell, self.species)
        shutil.copyfile(self.models["model"], self.ctx.out / MODEL_FILE)
        if "deepmd_model" in self.models:
            shutil.copyfile(self.models["deepmd_model"], self.ctx.out / self._deepmd_file)

    @property
    def _deepmd_file(self) -> str:
        """DeePMD-kit tells the kind of a model by the ending of its name."""
        return f"deepmd_model{self.models['deepmd_model'].suffix}"

    def _settings_of_styles(self) -> dict[str, list[Setting]]:
        most = self.settings.cores or n_cores()
        shapes = [
            (ranks, threads)
            for ranks, threads in product(self.settings.ranks, self.settings.threads)
            if ranks * threads <= most
        ]
        if not shapes:
            raise StageError(
                f"every combination of ranks and threads needs more than {most} cores",
                hint="add 1 to md_benchmark's ranks and threads, or set its key cores",
            )
        precisions = self.settings.precision
        shapes_on_gpu = [(ranks, 1) for ranks in dict.fromkeys(ranks for ranks, _ in shapes)]
        offered: tuple[tuple[str, Sequence[tuple[int, int]], Sequence[Precision]], ...] = (
            (CPU_STYLE, shapes, precisions),
            (GPU_STYLE, shapes_on_gpu, precisions),
            (DEEPMD_STYLE, shapes, ["double"]),
        )
        return {
            style: [
                Setting(style, ranks, threads, precision)
                for (ranks, threads), precision in product(of_style, kinds)
            ]
            for style, of_style, kinds in offered
        }

    def _of_style(self, style: str, settings: Sequence[Setting]) -> Iterator[Measurement]:
        """Small sizes first; StageError where one cannot be run."""
        if style == DEEPMD_STYLE and "deepmd_model" not in self.models:
            raise StageError("the recipe names no md_benchmark.deepmd_model")
        replications = {replication(self.cell, n_atoms) for n_atoms in self.settings.atoms}
        runs = list(product(sorted(replications, key=math.prod), settings))
        for number, (counts, setting) in enumerate(runs):
            n_atoms = len(self.cell) * math.prod(counts)
            text = f"{n_atoms} atoms, {setting.label}"
            self.ctx.emit(StageProgress(self.ctx.stage, number, len(runs), "run", text))
            yield self._one(setting, counts, self._steps(style, n_atoms))

    def _steps(self, style: str, n_atoms: int) -> int:
        wanted = self.settings.atom_steps / n_atoms
        if style != DEEPMD_STYLE:
            return max(MIN_STEPS, int(wanted))
        if DEEPMD_SHARE * wanted < DEEPMD_MIN_STEPS:
            raise StageError("atom_steps / 100 is less than two steps, and it is slow")
        return int(DEEPMD_SHARE * wanted)

    def _one(self, setting: Setting, counts: tuple[int, int, int], steps: int) -> Measurement:
        """One run of LAMMPS, of which the log is kept."""
        is_ours = setting.pair_style != DEEPMD_STYLE
        run = MdRun(
            species=self.species,
            replicate=counts,
            ensemble="npt",
            temperature=self.settings.temperature,
            pressure=self.settings.pressure,
            timestep=self.settings.timestep,
            steps=steps,
            thermo_every=steps,
            seed=self.seed,
            precision=setting.precision,
            pair_style=setting.pair_style,
            model_file=MODEL_FILE if is_ours else self._deepmd_file,
        )
        out = self.ctx.out
        (out / SCRIPT_FILE).write_text(md_script(run), encoding="utf-8")
        try:
            result = run_lammps(
                self.lammps if is_ours else find_deepmd_lammps(),
                out,
                ranks=setting.ranks,
                threads=setting.threads,
                timeout_seconds=self.settings.timeout_minutes * SECONDS_PER_MINUTE,
                stopping=self.ctx.stopping,
                watch=lambda _line: None,
            )
        finally:
            if (out / LOG_FILE).exists():
                n_atoms = len(self.cell) * math.prod(counts)
                (out / LOG_FILE).rename(out / LOGS / f"{n_atoms}-{setting.slug}.log")
            for name in (SCRIPT_FILE, FINAL_DUMP):
                (out / name).unlink(missing_ok=True)
        return _measurement(setting, run, result)


def _reason(error: StageError) -> str:
    """One line; for an error of LAMMPS its own message without the place in its source."""
    text = error.message.splitlines()[0].rpartition("ERROR: ")[2]
    return text.partition(" (")[0]


def _measurement(setting: Setting, run: MdRun, result: LammpsResult) -> Measurement:
    timing = result.timing
    return Measurement(
        setting=setting,
        n_atoms=timing.n_atoms,
        steps=timing.steps,
        timestep=run.timestep,
        seconds=timing.seconds,
        atom_steps_per_s=timing.atom_steps_per_s,
        atom_steps_per_cpu_s=timing.atom_steps_per_cpu_s,
        potential_energy=float(result.thermo["potential_energy"][0]) / timing.n_atoms,
    )


def _refuse_other_energies(measurements: Sequence[Measurement]) -> None:
    """The speed of a wrong result means nothing."""
    of_nep = [one for one in measurements if one.setting.pair_style != DEEPMD_STYLE]
    first = of_nep[0]
    for one in of_nep:
        if not abs(one.potential_energy - first.potential_energy) < SAME_ENERGY:
            raise StageError(
                f"{one.label}: starts from {one.potential_energy:.9g} eV/atom, "
                f"{first.label} from {first.potential_energy:.9g} eV/atom",
                hint="run `nepforge doctor`; the pair style is not built for this machine",
            )
