"""The files that LAMMPS reads: a structure as data file, an MD run as input script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import ase
import ase.io
import numpy as np
from attrs import frozen

from nepforge.errors import StageError

DATA_FILE = "data.lammps"
SCRIPT_FILE = "in.lammps"
LOG_FILE = "log.lammps"
MODEL_FILE = "model.txt"
FINAL_DUMP = "final.dump"

NEIGHBOR_SKIN = 1.0  # Å: lists are rebuilt when an atom has moved half of it
THERMOSTAT_STEPS = 100  # damping time of the Nosé-Hoover thermostat, LAMMPS manual of fix nvt
BAROSTAT_STEPS = 1000  # damping time of the barostat, same page
LAMMPS_SEEDS = 900_000_000  # its random numbers take seeds below
FS_PER_PS = 1000.0

# Thermo keyword of LAMMPS -> our column, with the unit in the name where it is not ours.
THERMO_COLUMNS = {
    "step": "step",
    "atoms": "n_atoms",
    "time": "time_ps",
    "temp": "temperature",
    "pe": "potential_energy",
    "etotal": "total_energy",
    "press": "pressure_bar",
    "vol": "volume",
    "density": "density",
}


@frozen
class MdRun:
    """One molecular dynamics run, in the units of the recipe."""

    species: tuple[str, ...]  # LAMMPS types 1, 2, ... in this order
    replicate: tuple[int, int, int]
    ensemble: Literal["nve", "nvt", "npt"]
    temperature: float  # K; nve starts from it
    pressure: float  # bar, used by npt
    timestep: float  # fs
    steps: int
    thermo_every: int  # steps between two lines of thermodynamic output
    seed: int  # of the initial velocities
    precision: Literal["double", "mixed"] = "double"
    pair_style: str = "nepforge"
    model_file: str = MODEL_FILE


def write_data(path: Path, atoms: ase.Atoms, species: Sequence[str]) -> None:
    """Write a periodic structure as LAMMPS data file, types in the order of `species`.

    LAMMPS wants the first cell vector along x and the second in the xy plane; the structure is
    rotated into that frame.

    Raises:
        StageError: An element outside `species`, a non-periodic direction, or a cell that
            is flat or left-handed.
    """
    unknown = sorted(set(atoms.get_chemical_symbols()) - set(species))
    if unknown:
        raise StageError(
            f"the MD structure holds {', '.join(unknown)}, the model knows {', '.join(species)}",
            hint="choose another structure, or add the species to the recipe's data.species",
        )
    if not atoms.pbc.all() or not abs(atoms.cell.volume) > 0.0:
        raise StageError(
            "the MD structure is not periodic in all three directions",
            hint="give it a cell; for a molecule or a slab leave vacuum in it",
        )
    if not np.isfinite(atoms.positions).all():
        raise StageError("the MD structure has positions that are not finite")
    placed = atoms.copy()
    if placed.cell.handedness < 0:  # the same lattice, spanned by the opposite vectors
        placed.set_cell(-placed.cell.array)
    placed.wrap()
    ase.io.write(
        path, placed, format="lammps-data", specorder=list(species), masses=True, units="metal",
        atom_style="atomic",
    )  # fmt: skip


def md_script(run: MdRun) -> str:
    """The input script of an MD run; the same run gives the same bytes.

    It names only files beside it, so that `lmp -in in.lammps` in that folder repeats the run.
    """
    timestep = run.timestep / FS_PER_PS
    lines = [
        f"# NEP molecular dynamics ({run.ensemble}); to repeat it: lmp -in {SCRIPT_FILE}",
        "units metal",
        "atom_style atomic",
        "newton on",
        "boundary p p p",
        f"read_data {DATA_FILE}",
        f"replicate {' '.join(str(count) for count in run.replicate)}",
        f"pair_style {run.pair_style} {run.model_file}{_precision(run)}",
        f"pair_coeff * * {' '.join(run.species)}",
        f"neighbor {NEIGHBOR_SKIN!r} bin",
        "neigh_modify every 1 delay 0 check yes",
        f"velocity all create {run.temperature!r} {run.seed % LAMMPS_SEEDS + 1} mom yes rot no "
        "dist gaussian",
        f"timestep {timestep!r}",
        _integrator(run, timestep),
        f"thermo_style custom {' '.join(THERMO_COLUMNS)}",
        "thermo_modify format float %.12g flush yes",
        f"thermo {run.thermo_every}",
        f"run {run.steps}",
        f"write_dump all custom {FINAL_DUMP} id type xu yu zu vx vy vz modify sort id "
        "format float %.12g",
    ]
    return "\n".join(lines) + "\n"


def _precision(run: MdRun) -> str:
    """The pair style's keyword, omitted where it is the default."""
    return "" if run.precision == "double" else f" precision {run.precision}"


def _integrator(run: MdRun, timestep: float) -> str:
    """The fix that moves the atoms; times in ps."""
    if run.ensemble == "nve":
        return "fix integrate all nve"
    thermostat = f"temp {run.temperature!r} {run.temperature!r} {timestep * THERMOSTAT_STEPS:.12g}"
    if run.ensemble == "nvt":
        return f"fix integrate all nvt {thermostat}"
    barostat = f"aniso {run.pressure!r} {run.pressure!r} {timestep * BAROSTAT_STEPS:.12g}"
    return f"fix integrate all npt {thermostat} {barostat}"
