"""Measure the pair style: NVE of a replicated cell.

    tools/bench_md.py --model MODEL --data LAMMPS_DATA --atoms N [--precision mixed]
                      [--ranks R] [--threads T] [--json]

Prints the speed of LAMMPS's time loop, setup excluded. CPU seconds are user plus system time of the
loop, as LAMMPS itself accounts for them: loop wall clock times its "% CPU use".
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from itertools import permutations, product
from pathlib import Path

import ase
import ase.io
import numpy as np
from ase.data import atomic_masses, atomic_numbers

from nepforge.errors import NepforgeError, UsageError
from nepforge.lammps.plugin import find_lammps
from nepforge.lammps.runner import Timing, run_lammps
from nepforge.lammps.script import (
    DATA_FILE,
    MODEL_FILE,
    SCRIPT_FILE,
    MdRun,
    md_script,
    write_data,
)
from nepforge.native import NativeModel

ATOM_STEPS = 1_000_000  # of a run when --steps is not given: several seconds
MIN_STEPS = 20
TEMPERATURE = 300.0  # K
TIMESTEP = 1.0  # fs
TIMEOUT_SECONDS = 600.0
MASS_TOLERANCE = 0.05  # amu, between a mass of the data file and that of the element
MAX_ORDERS = 5040  # of species on types that are tried when nothing names them


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
    parser.add_argument("--model", type=Path, required=True, help="NEP text file")
    parser.add_argument("--data", type=Path, required=True, help="LAMMPS data file, style atomic")
    parser.add_argument("--atoms", type=int, required=True, help="replicate to about this many")
    parser.add_argument("--species", nargs="+", help="of types 1, 2, ...; else found out")
    parser.add_argument("--precision", choices=["double", "mixed"], default="double")
    parser.add_argument("--ranks", type=int, default=1, help="MPI processes")
    parser.add_argument("--threads", type=int, default=1, help="OpenMP threads of each rank")
    parser.add_argument("--steps", type=int, help=f"default: {ATOM_STEPS} atom-steps")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    return parser.parse_args()


def _bench(arguments: argparse.Namespace) -> dict[str, str | int | float]:
    atoms = _read_types(arguments.data)
    model = NativeModel(arguments.model)
    species = arguments.species or _find_species(arguments.data, atoms, model)
    types = atoms.numbers
    if len(species) < types.max():
        raise UsageError(
            f"--species names {len(species)} species, the data have {types.max()} types"
        )
    atoms.numbers = [atomic_numbers[species[kind - 1]] for kind in types]
    replicate = _replication(atoms, arguments.atoms)
    n_atoms = len(atoms) * int(np.prod(replicate))
    settings = MdRun(
        species=tuple(species),
        replicate=replicate,
        ensemble="nve",
        temperature=TEMPERATURE,
        pressure=0.0,
        timestep=TIMESTEP,
        steps=arguments.steps or max(MIN_STEPS, ATOM_STEPS // n_atoms),
        thermo_every=100,
        seed=1,
        precision=arguments.precision,
    )
    timing = _run(settings, atoms, arguments)
    return {
        "atoms": timing.n_atoms,
        "steps": timing.steps,
        "precision": arguments.precision,
        "ranks": arguments.ranks,
        "threads": arguments.threads,
        "seconds": timing.seconds,
        "cpu_seconds": timing.cpu_seconds,
        "atom_steps_per_s": timing.atom_steps_per_s,
        "atom_steps_per_cpu_s": timing.atom_steps_per_cpu_s,
    }


def _run(settings: MdRun, atoms: ase.Atoms, arguments: argparse.Namespace) -> Timing:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / MODEL_FILE).write_bytes(arguments.model.read_bytes())
        write_data(folder / DATA_FILE, atoms, settings.species)
        (folder / SCRIPT_FILE).write_text(md_script(settings), encoding="utf-8")
        return run_lammps(
            find_lammps(),
            folder,
            ranks=arguments.ranks,
            threads=arguments.threads,
            timeout_seconds=TIMEOUT_SECONDS,
            stopping=lambda: False,
            watch=lambda _line: None,
        ).timing


def _read_types(path: Path) -> ase.Atoms:
    """The structure with LAMMPS types in the place of atomic numbers."""
    same = {kind: kind for kind in range(1, len(atomic_masses))}
    try:
        atoms = ase.io.read(path, format="lammps-data", atom_style="atomic", Z_of_type=same)
    except Exception as error:  # whatever ASE stumbles over
        raise UsageError(f"{path}: not readable as LAMMPS data of style atomic: {error}") from error
    atoms.pbc = True
    return atoms


def _find_species(path: Path, types: ase.Atoms, model: NativeModel) -> list[str]:
    """Species of the types: from the masses, else the order with the smallest forces."""
    masses = _masses(path)
    if masses:
        return [_element_of(mass, model.species) for mass in masses]
    n_types = int(types.numbers.max())
    orders = [list(order) for order in permutations(model.species, n_types)]
    if not 0 < len(orders) <= MAX_ORDERS:
        raise UsageError(f"{path}: has no masses and {n_types} types; give --species")

    def rms_force(order: Sequence[str]) -> float:
        numbers = [atomic_numbers[order[kind - 1]] for kind in types.numbers]
        forces = model.evaluate(numbers, types.positions, types.cell.array).forces
        return float(np.sqrt(np.mean(forces**2)))

    return min(orders, key=rms_force)


def _masses(path: Path) -> list[float]:
    """The Masses section of a data file, in the order of the types; empty when there is none."""
    lines = [line.split("#")[0].split() for line in path.read_text().splitlines()]
    if ["Masses"] not in lines:
        return []
    found: dict[int, float] = {}
    for words in lines[lines.index(["Masses"]) + 1 :]:
        if words and not words[0].isdigit():
            break
        if words:
            found[int(words[0])] = float(words[1])
    return [found[kind] for kind in sorted(found)]


def _element_of(mass: float, species: tuple[str, ...]) -> str:
    for symbol in species:
        if abs(atomic_masses[atomic_numbers[symbol]] - mass) < MASS_TOLERANCE:
            return symbol
    raise UsageError(f"a mass of {mass} amu is none of {', '.join(species)}; give --species")


def _replication(atoms: ase.Atoms, n_wanted: int) -> tuple[int, int, int]:
    """The counts that come nearest to `n_wanted` atoms, then to a cube."""
    lengths = atoms.cell.lengths()
    wanted = max(1.0, n_wanted / len(atoms))
    edge = (wanted * np.prod(lengths)) ** (1 / 3)
    ranges = [range(1, int(2 * edge / length) + 2) for length in lengths]

    def badness(counts: tuple[int, ...]) -> tuple[float, float]:
        edges = np.array(counts) * lengths
        return abs(np.prod(counts) - wanted), float(edges.max() / edges.min())

    first, second, third = min(product(*ranges), key=badness)
    return first, second, third


if __name__ == "__main__":
    sys.exit(main())
