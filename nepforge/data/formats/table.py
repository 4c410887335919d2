"""The formats of labelled structures: one row each.

A row names its functions, `module:function` in this package, and imports them when they are asked
for: checking a recipe needs names and marks alone. `mark` and `names` are compared in the order
of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from nepforge.data.formats.losses import Losses
    from nepforge.data.formats.options import ReadOptions
    from nepforge.data.frame import Frame

    Reader = Callable[[Path, ReadOptions], list[Frame]]
    Writer = Callable[[Path, Sequence[Frame], str, Losses], None]


@frozen
class Layout:
    """A folder that holds a file like one of `marks` is read as a whole, `files` of it.

    Both are shell patterns; marks are compared without the suffix of a compression.
    """

    marks: tuple[str, ...]
    files: tuple[str, ...]  # below the leaf


@frozen
class Format:
    """How one format is recognised, read and written."""

    name: str
    program: str  # shown to users
    read: str  # (path, options) -> frames
    names: tuple[str, ...] = ()  # shell patterns of file names, lower case, uncompressed
    mark: str = ""  # regular expression that the first lines match
    is_binary: bool = False  # its bytes are not text
    run_names: tuple[str, ...] = ()  # usual names of outputs in a tree of runs
    layout: Layout | None = None  # None for a format of files
    write: str = ""  # (path, frames, part, losses); "" where it is only read
    suffixes: tuple[str, ...] = ()  # of a written file that imply this format
    pwmlff_names: tuple[str, ...] = ()  # what PWMLFF and MatPL call it
    any_unit: bool = False  # labels may be in any unit, given by the user

    def reader(self) -> Reader:
        reader: Reader = _function(self.read)
        return reader

    def writer(self) -> Writer:
        writer: Writer = _function(self.write)
        return writer


_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_POSCAR = (  # title, scale, three vectors
    rf"\A.*\n[ \t]*{_NUMBER}[ \t]*\n(?:[ \t]*{_NUMBER}(?:[ \t]+{_NUMBER}){{2}}[ \t]*\n){{3}}"
)
RUNS = "runs"  # a tree of folders with the outputs of runs
_ROWS = (
    Format(
        name="ase-trajectory",
        program="ASE",
        read="ase_files:read_trajectory",
        names=("*.traj",),
        mark=r"\A- of UlmASE-Trajectory",
        is_binary=True,
    ),
    Format(
        name="ase-database",
        program="ASE",
        read="ase_files:read_database",
        names=("*.db",),
        mark=r"\ASQLite format 3\x00",
        is_binary=True,
    ),
    Format(
        name="extxyz",
        program="extended XYZ",
        read="extxyz.read:read_extxyz",
        names=("*.xyz", "*.extxyz"),
        mark=r"(?i)\A\s*\d+\s*\n.*\b(properties|lattice)\s*=",
        write="extxyz.write:write_part",
        suffixes=(".xyz", ".extxyz"),
        pwmlff_names=("extxyz",),
    ),
    Format(
        name="poscar",
        program="VASP",
        read="vasp.poscar:read_poscar",
        names=("*.vasp", "*poscar*", "*contcar*"),
        mark=_POSCAR,
        pwmlff_names=("vasp/poscar",),
    ),
    Format(
        name="outcar",
        program="VASP",
        read="vasp.outcar:read_outcar",
        names=("*outcar*",),
        mark=r"\A *vasp\.\d",
        run_names=("OUTCAR", "OUTCAR[._-]*", "*[._-]OUTCAR"),
        pwmlff_names=("vasp/outcar",),
    ),
    Format(
        name="vasprun",
        program="VASP",
        read="vasp.vasprun:read_vasprun",
        names=("*vasprun*.xml",),
        mark=r"^<modeling>",
        run_names=("vasprun*.xml", "*[._-]vasprun.xml"),
        pwmlff_names=("vasp/xml",),
    ),
    Format(
        name="movement",
        program="PWmat",
        read="pwmat:read_movement",
        names=("*movement*",),
        mark=r"\A\s*\d+\s*atoms\s*,\s*Iteration",
        run_names=("MOVEMENT", "MOVEMENT[._-]*", "*[._-]MOVEMENT"),
        pwmlff_names=("pwmat/movement",),
    ),
    Format(
        name="lammps-dump",
        program="LAMMPS",
        read="lammps.dump:read_dump",
        names=("*.dump", "dump.*", "*.lammpstrj"),
        mark=r"\AITEM: (TIMESTEP|UNITS)",
        pwmlff_names=("lammps/dump",),
    ),
    Format(
        name="lammps-data",
        program="LAMMPS",
        read="lammps.data_file:read_data",
        names=("*.lmp", "*.data", "data.*"),
        mark=r"^\s*\d+\s+atom types",
        pwmlff_names=("lammps/lmp",),
    ),
    Format(
        name="atom.config",
        program="PWmat",
        read="pwmat:read_movement",
        names=("*.config",),
        mark=r"(?i)\A\s*\d+\s*(atoms)?\s*\n\s*lattice\b(?!\s*=)",
        pwmlff_names=("pwmat/config",),
    ),
    Format(
        name="mtp",
        program="MTP",
        read="mtp:read_mtp",
        names=("*.cfg",),
        mark=r"\A\s*BEGIN_CFG",
    ),
    Format(
        name="cp2k",
        program="CP2K",
        read="cp2k.read:read_cp2k",
        mark=r"^ CP2K\| ",
        pwmlff_names=("cp2k/md", "cp2k/scf"),
    ),
    Format(
        name="espresso",
        program="Quantum ESPRESSO",
        read="espresso.read:read_espresso",
        names=("*.pwo",),
        mark=r"^ *Program PWSCF",
    ),
    Format(
        name="abinit",
        program="ABINIT",
        read="abinit.read:read_abinit",
        names=("*.abo",),
        mark=r"^\.Version +\S+ +of ABINIT",
    ),
    Format(
        name="abacus",
        program="ABACUS",
        read="abacus:read_abacus",
        names=("running_*.log",),
        mark=r"^ *(WELCOME TO ABACUS|ABACUS v\d)",
        run_names=(
            *("running_scf.log", "running_md.log", "running_relax.log"),
            "running_cell-relax.log",
        ),
    ),
    Format(
        name="castep",
        program="CASTEP",
        read="castep.read:read_castep",
        names=("*.castep",),
        mark=r"CASTEP version",
    ),
    Format(
        name="cif",
        program="CIF",
        read="cif:read_cif",
        names=("*.cif",),
        mark=r"\A(\s*#.*\n)*\s*data_",
    ),
    Format(
        name="ase-json",
        program="ASE",
        read="ase_files:read_ase_json",
        names=("*.json",),
        mark=r'\A\s*\{"1": ?\{',
    ),
    Format(
        name="pwdata",
        program="pwdata",
        read="pwdata:read_pwdata",
        layout=Layout(marks=("energies.npy", "position.npy"), files=("*.npy",)),
        write="pwdata:write_pwdata",
        any_unit=True,
        pwmlff_names=("pwmlff/npy",),
    ),
    Format(
        name="deepmd",
        program="DeePMD",
        read="deepmd.read:read_deepmd",
        layout=Layout(marks=("type.raw",), files=("*.raw", "nopbc", "set.*/*.npy")),
        write="deepmd.write:write_deepmd",
        any_unit=True,
        pwmlff_names=("deepmd/npy", "deepmd/raw"),
    ),
)
_RUN_NAMES = tuple(pattern for row in _ROWS for pattern in row.run_names)
FORMATS = (
    *_ROWS,
    Format(name=RUNS, program="", read="runs:read_runs", layout=Layout(_RUN_NAMES, files=())),
)

BY_NAME = {row.name: row for row in FORMATS}
OF_FILES = tuple(row for row in FORMATS if row.layout is None)
LAYOUTS = {row.name: row.layout for row in FORMATS if row.layout is not None}
OF_RUNS = tuple(
    row for row in FORMATS if row.run_names
)  # of several in a folder, the first is read
BY_PWMLFF_NAME = {name: row.name for row in FORMATS for name in row.pwmlff_names}
WRITTEN = tuple(row.name for row in FORMATS if row.write)
PROGRAMS = tuple(dict.fromkeys(row.program for row in FORMATS if row.program))


@cache
def _function(place: str) -> Any:
    module, name = place.split(":")
    return getattr(import_module(f"nepforge.data.formats.{module}"), name)
