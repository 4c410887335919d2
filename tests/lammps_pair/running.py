"""Small LAMMPS runs of the pair style for the tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
from attrs import frozen

from nepforge.data.frame import FloatArray
from nepforge.lammps.plugin import find_lammps
from tests.nep_files import KINDS, NUMBERS, Structure, random_structure

TIME_LIMIT = 60.0  # s


@frozen(eq=False)
class Output:
    """What a LAMMPS run left behind."""

    status: int
    text: str  # screen
    atoms: FloatArray  # rows of the dump, [n_atoms, n_columns]

    def value(self, name: str) -> float:
        """A number that the script printed as `name = value`."""
        lines = [line for line in self.text.splitlines() if line.startswith(f"{name} = ")]
        return float(lines[-1].split(" = ")[1])


def write_data(path: Path, structure: Structure, types: list[int], n_types: int) -> None:
    """A LAMMPS data file of a structure."""
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = structure.cell.tolist()
    header = [
        "",
        f"{len(types)} atoms",
        f"{n_types} atom types",
        f"0.0 {lx!r} xlo xhi",
        f"0.0 {ly!r} ylo yhi",
        f"0.0 {lz!r} zlo zhi",
        f"{xy!r} {xz!r} {yz!r} xy xz yz",
        "\nAtoms # atomic\n",
    ]
    rows = [
        f"{idx + 1} {kind} {x!r} {y!r} {z!r}"
        for idx, (kind, (x, y, z)) in enumerate(
            zip(types, structure.positions.tolist(), strict=True)
        )
    ]
    path.write_text("\n".join([*header, *rows]) + "\n")


PREAMBLE = """
units metal
atom_style atomic
newton on
read_data data.lmp
mass * 20.0
"""
PAIR = """
pair_style nepforge nep.txt
pair_coeff * * {species}
"""
REPORT = """
neighbor 0.5 bin
compute energy all pe/atom
compute stress all stress/atom NULL virial
compute centroid all centroid/stress/atom NULL virial
thermo_style custom step pe pxx pyy pzz pxy pxz pyz vol
run {steps}
variable energy equal pe
variable pressure equal press
variable volume equal vol
print "energy = $(pe:%.17g)"
print "pxx = $(pxx:%.17g)"
print "pxy = $(pxy:%.17g)"
write_dump all custom dump id fx fy fz c_energy c_stress[*] c_centroid[*] &
    modify sort id format float %.17g
"""


def run(
    folder: Path, script: str, ranks: int = 1, threads: int = 1, time_limit: float = TIME_LIMIT
) -> Output:
    """What LAMMPS makes of a script in `folder`."""
    (folder / "in.lmp").write_text(script)
    (folder / "dump").unlink(missing_ok=True)
    lammps = find_lammps()
    done = subprocess.run(
        [*lammps.command(ranks), "-in", "in.lmp", "-log", "none", "-nocite"],
        cwd=folder,
        env=lammps.environment(threads),
        capture_output=True,
        text=True,
        timeout=time_limit,
        check=False,
    )
    atoms = np.zeros((0, 0))
    if (folder / "dump").exists():
        atoms = np.loadtxt(folder / "dump", skiprows=9, ndmin=2)
    return Output(done.returncode, done.stdout + done.stderr, atoms)


def types_of(structure: Structure, order: tuple[int, ...]) -> list[int]:
    """1-based LAMMPS types when type t is the element with atomic number order[t - 1]."""
    return [order.index(number) + 1 for number in structure.numbers.tolist()]


def standard(folder: Path, kind: str = "nep4", seed: int = 1) -> Structure:
    """Model and data file of one small structure in `folder`."""
    KINDS[kind].write(folder / "nep.txt")
    structure = random_structure(seed)
    write_data(folder / "data.lmp", structure, types_of(structure, NUMBERS), 2)
    return structure


def simple(species: str = "Si O", steps: int = 0) -> str:
    """A script that evaluates the structure of `standard` and dumps per-atom values."""
    return PREAMBLE + PAIR.format(species=species) + REPORT.format(steps=steps)
