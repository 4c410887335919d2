"""Check pair_style nepforge/gpu on a device: the same numbers as the CPU style, and its speed.

    tools/check_gpu [--atoms N ...] [--model MODEL --data LAMMPS_DATA] [--ranks R] [--host]

Numbers: every golden model, then the potential that is timed on some thousand atoms, before and
after ten steps of NVE with lists built anew, in double and in mixed precision; and the same run
twice gives the same bits. Speed: NVE of growing cells, wall clock of LAMMPS's time loop. Without
--model the potential is a random one of the size of the HfO2 models (cutoff 6 Å, 80 neighbours, 100
neurons). Ranks share the devices of the machine.

Exit status: 0 all is well, 1 a difference, 2 no device or no CUDA in this build.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import ase
import numpy as np
from attrs import frozen
from lammps_cell import read_cell
from numpy.typing import NDArray
from random_potential import random_crystal, write_random_model

from nepforge.errors import NepforgeError
from nepforge.lammps.plugin import find_lammps
from nepforge.lammps.replication import replication
from nepforge.lammps.runner import run_lammps
from nepforge.lammps.script import (
    DATA_FILE,
    LOG_FILE,
    MODEL_FILE,
    SCRIPT_FILE,
    MdRun,
    md_script,
    write_data,
)

CPU, GPU, HOST = "nepforge", "nepforge/gpu", "nepforge/gpu/host"
PRECISIONS = ("double", "mixed")
TOLERANCE = {"double": 1.0e-10, "mixed": 1.0e-5}  # eV/Å and eV, at forces of the order of 1 eV/Å
EV = 1.602176634e6  # bar Å³, the unit of a stress of an atom
COLUMNS = ((slice(1, 4), 1.0), (slice(4, 5), 1.0), (slice(5, None), EV))  # force, energy, stress
GOLDEN = Path(__file__).resolve().parent.parent / "tests/golden"
SIZES = (96, 2592, 20736, 103_680, 1_048_576)  # atoms
PARITY_ATOMS = 2592
MD_STEPS = 10
ATOM_STEPS = 20_000_000  # of a timed run, where that is between the numbers of steps below
FEWEST_STEPS, MOST_STEPS = 20, 2000
TIMEOUT_SECONDS = 600.0
NO_DEVICE = 2
# lammps-MatPL (2026), matpl/nep/kk: 95.8 M atom-steps/s for 12 M atoms of HfO2 on 8 GPUs.
ANCHOR = 12.0e6  # atom-steps/s a device

PARITY_SCRIPT = """units metal
atom_style atomic
newton on
read_data {data}
replicate {replicate}
pair_style {style} {model} precision {precision}
pair_coeff * * {species}
neighbor 0.5 bin
neigh_modify every 3 delay 0 check no
velocity all create 300 7 loop geom
fix integrate all nve
compute energy all pe/atom
compute stress all stress/atom NULL virial
thermo_style custom step pe press
run {steps}
write_dump all custom dump id fx fy fz c_energy c_stress[*] modify sort id format float %.17g
"""


class NoDeviceError(Exception):
    """There is nothing to check; the text is LAMMPS's reason."""


@frozen
class Case:
    """A potential and a structure, as files in a folder."""

    name: str
    folder: Path
    species: tuple[str, ...]
    cell: ase.Atoms

    def write(self) -> None:
        write_data(self.folder / DATA_FILE, self.cell, self.species)


def main() -> int:
    """Run both checks; the exit status."""
    arguments = _arguments()
    style = HOST if arguments.host else GPU
    try:
        with tempfile.TemporaryDirectory() as name:
            return _check(arguments, style, Path(name))
    except NoDeviceError as error:
        print(f"nothing was checked: {error}")
        return NO_DEVICE
    except NepforgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--atoms", type=int, nargs="+", default=SIZES, help="sizes that are timed")
    parser.add_argument("--model", type=Path, help="NEP text file")
    parser.add_argument("--data", type=Path, help="LAMMPS data file, style atomic")
    parser.add_argument("--ranks", type=int, default=1, help="MPI processes")
    parser.add_argument("--host", action="store_true", help="the kernels on the CPU: slow, a trial")
    arguments = parser.parse_args()
    if (arguments.model is None) != (arguments.data is None):
        parser.error("give --model and --data together")
    return arguments


def _check(arguments: argparse.Namespace, style: str, folder: Path) -> int:
    timed = _timed_case(arguments, folder)
    golden = list(_golden_cases(folder))
    print(f"device: {_device(golden[0], style)}")
    differences = [
        _compare(case, style, precision, replicate, arguments.ranks)
        for case, replicate in [
            *((case, (1, 1, 1)) for case in golden),
            (timed, replication(timed.cell, min(PARITY_ATOMS, max(arguments.atoms)))),
        ]
        for precision in PRECISIONS
    ]
    best = _time(timed, style, arguments)
    print(f"\nfastest: {best / 1e6:.2f} M atom-steps/s with {arguments.ranks} rank(s)")
    print(
        f"anchor: {ANCHOR / 1e6:.0f} M atom-steps/s a card (lammps-MatPL, Kokkos, HfO2); "
        f"this is {best / ANCHOR:.2f} of it"
    )
    failed = differences.count(False)
    print(
        f"verdict: {failed} of {len(differences)} comparisons failed" if failed else "verdict: ok"
    )
    return 1 if failed else 0


def _timed_case(arguments: argparse.Namespace, folder: Path) -> Case:
    place = folder / "timed"
    place.mkdir()
    if arguments.model is None:
        species = write_random_model(place / MODEL_FILE, 2)
        case = Case("random", place, species, random_crystal(species))
    else:
        (place / MODEL_FILE).write_bytes(arguments.model.read_bytes())
        case = Case(arguments.model.name, place, *read_cell(arguments.data, arguments.model, None))
    case.write()
    return case


def _golden_cases(folder: Path) -> Iterator[Case]:
    """The first structure of every golden model."""
    numbers = dict(np.load(GOLDEN / "golden.npz"))
    for model in sorted(GOLDEN.glob("*.txt")):
        place = folder / model.stem
        place.mkdir()
        (place / MODEL_FILE).write_bytes(model.read_bytes())
        values = {key: numbers[f"{model.stem}.0.{key}"] for key in ("numbers", "positions", "cell")}
        atoms = ase.Atoms(values["numbers"], values["positions"], cell=values["cell"], pbc=True)
        species = tuple(model.read_text().split("\n", maxsplit=1)[0].split()[2:])
        case = Case(model.stem, place, species, atoms)
        case.write()
        yield case


def _device(case: Case, style: str) -> str:
    """What the style says it runs on."""
    text, _ = _run(case, style, "double", (1, 1, 1), ranks=1, steps=0)
    found = re.search(r"Pair style nepforge/gpu: NEP\d .* on (.*)", text)
    return found[1] if found else "unknown"


def _run(
    case: Case, style: str, precision: str, replicate: tuple[int, int, int], ranks: int, steps: int
) -> tuple[str, NDArray[np.float64]]:
    """Screen and dump of a run of the parity script."""
    script = PARITY_SCRIPT.format(
        data=DATA_FILE, model=MODEL_FILE, style=style, precision=precision, steps=steps,
        species=" ".join(case.species), replicate=" ".join(map(str, replicate)),
    )  # fmt: skip
    (case.folder / SCRIPT_FILE).write_text(script, encoding="utf-8")
    lammps = find_lammps()
    done = subprocess.run(
        [*lammps.command(ranks), "-in", SCRIPT_FILE, "-log", "none", "-nocite"],
        cwd=case.folder,
        env=lammps.environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    reason = re.search(r"(found no CUDA device|this build has no CUDA).*", done.stdout)
    if reason:
        raise NoDeviceError(reason[0])
    if done.returncode != 0:
        raise NepforgeError(f"{case.name}: LAMMPS ended with\n{done.stdout[-1000:]}{done.stderr}")
    return done.stdout, np.loadtxt(case.folder / "dump", skiprows=9, ndmin=2)


def _compare(
    case: Case, style: str, precision: str, replicate: tuple[int, int, int], ranks: int
) -> bool:
    """Whether the style agrees with the CPU style in double before and after some steps."""
    tolerance, worst, repeated = TOLERANCE[precision], 0.0, True
    for steps in (0, MD_STEPS):
        _, expected = _run(case, CPU, "double", replicate, 1, steps)
        _, found = _run(case, style, precision, replicate, ranks, steps)
        _, again = _run(case, style, precision, replicate, ranks, steps)
        # Rounding differences grow along a trajectory.
        growth = 1.0 if steps == 0 else 100.0
        for columns, unit in COLUMNS:
            scale = max(unit, float(np.abs(expected[:, columns]).max())) * growth
            difference = float(np.abs(found[:, columns] - expected[:, columns]).max()) / scale
            worst = max(worst, difference)
        repeated = repeated and bool(np.array_equal(found, again))
    good = worst <= tolerance and repeated
    n_atoms = len(case.cell) * int(np.prod(replicate))
    bits = "same bits twice" if repeated else "OTHER BITS IN A SECOND RUN"
    print(
        f"  {case.name:20s} {n_atoms:6d} atoms  {precision:6s}  difference {worst:.1e}, "
        f"at most {tolerance:.0e}; {bits}  {'ok' if good else 'FAILED'}"
    )
    return good


def _time(case: Case, style: str, arguments: argparse.Namespace) -> float:
    """Print a table of speeds; the best in atom-steps/s."""
    print(f"\n{'atoms':>9s} {'steps':>6s} {'precision':>9s} {'atom-steps/s':>13s} {'in pair':>8s}")
    best = 0.0
    for n_atoms in arguments.atoms:
        for precision in PRECISIONS:
            best = max(best, _speed(case, style, precision, n_atoms, arguments.ranks))
    print("for comparison, pair_style nepforge on one core:")
    _speed(case, CPU, "mixed", min(PARITY_ATOMS, max(arguments.atoms)), 1)
    return best


def _speed(case: Case, style: str, precision: str, n_atoms: int, ranks: int) -> float:
    """Atom-steps/s of an NVE run of about `n_atoms`, printed as a row of the table."""
    atom_steps = ATOM_STEPS if style == GPU else ATOM_STEPS // 100
    settings = MdRun(
        species=case.species,
        replicate=replication(case.cell, n_atoms),
        ensemble="nve",
        temperature=300.0,
        pressure=0.0,
        timestep=1.0,
        steps=min(MOST_STEPS, max(FEWEST_STEPS, atom_steps // n_atoms)),
        thermo_every=100,
        seed=1,
        precision=precision,
        pair_style=style,
    )
    (case.folder / LOG_FILE).unlink(missing_ok=True)
    (case.folder / SCRIPT_FILE).write_text(md_script(settings), encoding="utf-8")
    timing = run_lammps(
        find_lammps(),
        case.folder,
        ranks=ranks,
        timeout_seconds=TIMEOUT_SECONDS,
        stopping=lambda: False,
        watch=lambda _line: None,
    ).timing
    share = re.search(r"^Pair .*\| *([\d.]+)$", (case.folder / LOG_FILE).read_text(), re.MULTILINE)
    print(
        f"{timing.n_atoms:9d} {timing.steps:6d} {precision:>9s} {timing.atom_steps_per_s:13.3e} "
        f"{share[1] if share else '?':>7s}%"
    )
    return timing.atom_steps_per_s


if __name__ == "__main__":
    sys.exit(main())
