"""Measured speeds of molecular dynamics, and the best setting at each size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from statistics import median
from typing import Any, Literal

from attrs import frozen

CPU_STYLE, GPU_STYLE, DEEPMD_STYLE = "nepforge", "nepforge/gpu", "deepmd"
NAMES = {CPU_STYLE: "CPU", GPU_STYLE: "GPU", DEEPMD_STYLE: "DP by DeePMD-kit"}
EQUAL_SPEED = 0.05  # a setting that is so little slower than the fastest counts as equal
IDLE_SHARE = 0.85  # of the cores that a run asks for
NS_PER_FS = 1.0e-6
SECONDS_PER_DAY = 86400.0


Precision = Literal["double", "mixed"]


@frozen
class Setting:
    """How a size is run."""

    pair_style: str
    ranks: int
    threads: int
    precision: Precision

    @property
    def label(self) -> str:
        """ "CPU, 2 ranks x 1 thread, mixed"."""
        shape = f"{_counted(self.ranks, 'rank')} x {_counted(self.threads, 'thread')}"
        return f"{NAMES[self.pair_style]}, {shape}, {self.precision}"

    @property
    def slug(self) -> str:
        """ "nepforge-2x1-mixed", in file names."""
        style = self.pair_style.replace("/", "-")
        return f"{style}-{self.ranks}x{self.threads}-{self.precision}"


@frozen
class Measurement:
    """One run."""

    setting: Setting
    n_atoms: int
    steps: int
    timestep: float  # fs
    seconds: float  # wall clock of the time loop
    atom_steps_per_s: float
    atom_steps_per_cpu_s: float  # of all ranks and threads; 0 when too short to tell
    potential_energy: float  # eV/atom at the first step

    @property
    def label(self) -> str:
        return f"{self.n_atoms} atoms, {self.setting.label}"

    @property
    def ns_per_day(self) -> float:
        return self.steps * self.timestep * NS_PER_FS / self.seconds * SECONDS_PER_DAY

    @property
    def share_of_cores(self) -> float:
        """CPU time over the time of the cores that the setting asks for; 1 on an idle machine."""
        n_cores = self.setting.ranks * self.setting.threads
        return self.atom_steps_per_s / max(self.atom_steps_per_cpu_s, 1.0) / n_cores

    def to_json(self) -> dict[str, Any]:
        """For benchmark.json."""
        return {
            "atoms": self.n_atoms,
            "setting": self.setting.label,
            "pair_style": self.setting.pair_style,
            "ranks": self.setting.ranks,
            "threads": self.setting.threads,
            "precision": self.setting.precision,
            "steps": self.steps,
            "seconds": self.seconds,
            "atom_steps_per_s": self.atom_steps_per_s,
            "atom_steps_per_cpu_s": self.atom_steps_per_cpu_s,
            "ns_per_day": self.ns_per_day,
        }


def advice(measurements: Sequence[Measurement]) -> list[str]:
    """One sentence per range of sizes with the same best setting of NEP."""
    sizes = sorted({one.n_atoms for one in measurements})
    best = [_best([one for one in measurements if one.n_atoms == size]) for size in sizes]
    lines = []
    for setting, group in groupby(best, key=lambda one: one.setting):
        ones = list(group)
        atoms = _range([float(one.n_atoms) for one in ones])
        speed = _range([float(f"{one.atom_steps_per_s:.3g}") for one in ones])
        lines.append(f"{atoms} atoms: {setting.label} ({speed} atom-steps/s)")
    return lines


def busy_note(measurements: Sequence[Measurement]) -> list[str]:
    """A warning when other programs used the cores: wall-clock speeds mean little then."""
    on_cpu = [one for one in measurements if one.setting.pair_style == CPU_STYLE]
    share = median(one.share_of_cores for one in on_cpu)
    if share >= IDLE_SHARE:
        return []
    return [
        f"The machine was busy: LAMMPS had {100.0 * share:.0f} % of the cores it asked for. "
        "Measure again when nothing else runs."
    ]


def _best(measurements: Sequence[Measurement]) -> Measurement:
    """The first that is within EQUAL_SPEED of the fastest."""
    of_nep = [one for one in measurements if one.setting.pair_style != DEEPMD_STYLE]
    enough = (1.0 - EQUAL_SPEED) * max(one.atom_steps_per_s for one in of_nep)
    return next(one for one in of_nep if one.atom_steps_per_s >= enough)


def _range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
