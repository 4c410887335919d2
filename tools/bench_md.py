"""Measure the pair style: NVE of a replicated cell.

    tools/bench_md.py --model MODEL --data LAMMPS_DATA --atoms N [--precision mixed]
                      [--ranks R] [--threads T] [--json] [--nep-cpu]
    tools/bench_md.py --potential random:4 --atoms N ...

Prints the speed of LAMMPS's time loop, setup excluded. CPU seconds are user plus system time of the
loop, as LAMMPS itself accounts for them: loop wall clock times its "% CPU use". Memory is that of
all ranks beyond what a run of the cell alone takes. What an atom-step needs and what the machine
could do are counted and measured by tools/roofline.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import ase
import numpy as np
import psutil
from attrs import evolve
from lammps_cell import read_cell
from random_potential import random_crystal, write_random_model
from roofline import roofline

from nepforge.errors import NepforgeError, UsageError
from nepforge.formats.nep_file import NEPFile
from nepforge.formats.nep_txt import write_nep4
from nepforge.formats.open_model import open_nep
from nepforge.lammps.plugin import find_lammps
from nepforge.lammps.replication import replication
from nepforge.lammps.runner import Timing, run_lammps
from nepforge.lammps.script import (
    DATA_FILE,
    LOG_FILE,
    MODEL_FILE,
    SCRIPT_FILE,
    MdRun,
    md_script,
    write_data,
)

ATOM_STEPS = 1_000_000  # of a run when --steps is not given: several seconds
MIN_STEPS = 20
TEMPERATURE = 300.0  # K
TIMESTEP = 1.0  # fs
TIMEOUT_SECONDS = 600.0
RANDOM = "random:"
MOST_SPECIES = 32
BYTES_PER_KIB = 1024
CELL_STEPS = 1000  # of the run of the cell: long enough to look at its memory
NEP_CPU_ATOMS = 2592


def main() -> int:
    """Run the benchmark; the last line is one JSON object under --json."""
    arguments = _arguments()
    try:
        report = _bench(arguments)
    except NepforgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if arguments.json:
        print(json.dumps(report))
    else:
        print(
            f"{report['atoms']} atoms, {report['steps']} steps: "
            f"{report['atom_steps_per_cpu_s']:.0f} atom-steps per CPU second"
        )
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="NEP text file")
    parser.add_argument("--data", type=Path, help="LAMMPS data file, style atomic")
    parser.add_argument("--potential", help="random:N, a random model of N species and a crystal")
    parser.add_argument("--atoms", type=int, required=True, help="replicate to about this many")
    parser.add_argument("--species", nargs="+", help="of types 1, 2, ...; else found out")
    parser.add_argument("--precision", choices=["double", "mixed"], default="double")
    parser.add_argument("--ranks", type=int, default=1, help="MPI processes")
    parser.add_argument("--threads", type=int, default=1, help="OpenMP threads of each rank")
    parser.add_argument("--steps", type=int, help=f"default: {ATOM_STEPS} atom-steps")
    parser.add_argument("--nep-cpu", action="store_true", help="measure NEP_CPU too, by calorine")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    arguments = parser.parse_args()
    given = arguments.potential or (arguments.model and arguments.data)
    if not given or (arguments.potential and arguments.model):
        parser.error("give --model with --data, or --potential")
    return arguments


def _bench(arguments: argparse.Namespace) -> dict[str, str | int | float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / MODEL_FILE
        if arguments.potential:
            species = write_random_model(model, _n_random_species(arguments.potential))
            cell = random_crystal(species)
        else:
            model.write_bytes(arguments.model.read_bytes())
            species, cell = read_cell(arguments.data, arguments.model, arguments.species)
        return _measure(arguments, folder, species, cell)


def _n_random_species(potential: str) -> int:
    count = potential.removeprefix(RANDOM)
    if (
        not potential.startswith(RANDOM)
        or not count.isdigit()
        or not 1 <= int(count) <= MOST_SPECIES
    ):
        raise UsageError(
            f"--potential {potential}: expected random:N with 1 to {MOST_SPECIES} species"
        )
    return int(count)


def _measure(
    arguments: argparse.Namespace, folder: Path, species: tuple[str, ...], cell: ase.Atoms
) -> dict[str, str | int | float]:
    write_data(folder / DATA_FILE, cell, species)
    counts = replication(cell, arguments.atoms)
    n_atoms = len(cell) * int(np.prod(counts))
    settings = MdRun(
        species=species,
        replicate=(1, 1, 1),
        ensemble="nve",
        temperature=TEMPERATURE,
        pressure=0.0,
        timestep=TIMESTEP,
        steps=CELL_STEPS,
        thermo_every=100,
        seed=1,
        precision=arguments.precision,
    )
    _, memory_of_cell = _run(settings, folder, arguments)
    steps = arguments.steps or max(MIN_STEPS, ATOM_STEPS // n_atoms)
    timing, memory = _run(evolve(settings, replicate=counts, steps=steps), folder, arguments)
    n_more = n_atoms - len(cell)
    report: dict[str, str | int | float] = {
        "atoms": timing.n_atoms,
        "steps": timing.steps,
        "precision": arguments.precision,
        "ranks": arguments.ranks,
        "threads": arguments.threads,
        "seconds": timing.seconds,
        "cpu_seconds": timing.cpu_seconds,
        "atom_steps_per_s": timing.atom_steps_per_s,
        "atom_steps_per_cpu_s": timing.atom_steps_per_cpu_s,
        "memory_bytes_per_atom": max(0, memory - memory_of_cell) / n_more if n_more else 0.0,
    }
    text = open_nep(folder / MODEL_FILE)
    report |= roofline(cell, text.trained.model, arguments.precision, timing.atom_steps_per_cpu_s)
    if arguments.nep_cpu:
        speed = _nep_cpu_speed(text, folder, cell)
        report["nep_cpu_atom_steps_per_cpu_s"] = speed
        report["times_nep_cpu"] = timing.atom_steps_per_cpu_s / speed
    return report


class _Memory:
    """Asked often while LAMMPS runs; keeps the most memory in bytes that all ranks have had."""

    def __init__(self) -> None:
        self.most = 0

    def __call__(self) -> bool:
        ranks = [one for one in psutil.Process().children(recursive=True) if one.name() == "lmp"]
        self.most = max(self.most, sum(_peak_memory(rank.pid) for rank in ranks))
        return False  # never stop


def _peak_memory(pid: int) -> int:
    """VmHWM of a process, 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    kib = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return BYTES_PER_KIB * sum(kib)


def _run(settings: MdRun, folder: Path, arguments: argparse.Namespace) -> tuple[Timing, int]:
    """Timing of the loop, and the most memory of all ranks in bytes."""
    (folder / LOG_FILE).unlink(missing_ok=True)
    (folder / SCRIPT_FILE).write_text(md_script(settings), encoding="utf-8")
    memory = _Memory()
    result = run_lammps(
        find_lammps(),
        folder,
        ranks=arguments.ranks,
        threads=arguments.threads,
        timeout_seconds=TIMEOUT_SECONDS,
        stopping=memory,
        watch=lambda _line: None,
    )
    return result.timing, memory.most


def _nep_cpu_speed(text: NEPFile, folder: Path, cell: ase.Atoms) -> float:
    """Atom-steps a CPU second of NEP_CPU as calorine compiles it, its neighbour search included."""
    from calorine.calculators import CPUNEP  # noqa: PLC0415 - only when asked for

    atoms = cell.repeat(replication(cell, NEP_CPU_ATOMS))
    shares = [1.0] * len(text.trained.model.species)  # of a bias that does not matter here
    write_nep4(folder / "nep4.txt", text.trained, text.trained.counts, shares)
    atoms.calc = CPUNEP(str(folder / "nep4.txt"))
    atoms.get_forces()
    atoms.rattle(1.0e-3)
    begin = time.process_time()
    atoms.get_forces()
    return len(atoms) / (time.process_time() - begin)


if __name__ == "__main__":
    sys.exit(main())
