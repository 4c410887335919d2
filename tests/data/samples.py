"""A small file or folder of every data format, for the contract of readers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from nepforge.data.formats.write import write_frames
from nepforge.data.frame import Frame
from tests import vasp_files as vasp
from tests.contracts import DataSample

FILES = Path(__file__).parent / "files"
SPECIES = ("H", "Si")
MTP = """BEGIN_CFG
 Size
    2
 Supercell
    4.0 0.0 0.0
    0.0 5.0 0.0
    0.0 0.0 6.0
 AtomData:  id type       cartes_x      cartes_y      cartes_z           fx          fy          fz
             2    0       1.000000      2.500000      4.500000     0.1 -0.2 0.3
             1    1       0.000000      0.000000      0.000000    -0.1  0.2 -0.3
 Energy
       -10.5
 PlusStress:  xx          yy          zz          yz          xz          xy
     1.0     2.0     3.0     0.4     0.5     0.6
 Feature   EFS_by       VASP
END_CFG

BEGIN_CFG
 Size
    1
 AtomData:  id type cartes_x cartes_y cartes_z
             1    1 0 0 0
END_CFG
"""


def labelled_frames() -> list[Frame]:
    """Two frames of four atoms with every label, sorted by element."""
    rng = np.random.default_rng(3)
    return [
        Frame(
            numbers=np.array([1, 1, 14, 14]),
            positions=rng.uniform(0.0, 4.0, (4, 3)),
            cell=np.diag([4.0, 5.0, 6.0]) + rng.normal(0.0, 0.1, (3, 3)),
            energy=float(rng.normal(-10.0)),
            forces=rng.normal(size=(4, 3)),
            virial=(virial := rng.normal(size=(3, 3))) + virial.T,
        )
        for _ in range(2)
    ]


def _of_ase(name: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        atoms = bulk("Si")
        atoms.calc = SinglePointCalculator(atoms, energy=-8.5, forces=[[0, 0, 0.1], [0, 0, -0.1]])
        ase.io.write(folder / name, atoms)
        return folder / name

    return write


def _text(name: str, content: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_text(content)
        return folder / name

    return write


def _written(file_format: str, name: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        write_frames(folder / name, file_format, labelled_frames())
        return folder / name

    return write


def _run(folder: Path) -> Path:
    (folder / "300K").mkdir()
    (folder / "300K" / "OUTCAR").write_text(OUTCAR)
    return folder


OUTCAR = vasp.header() + vasp.step(1, -10.6) + vasp.step(2, -10.7) + vasp.END
MAKERS: dict[str, Callable[[Path], Path]] = {
    "ase-trajectory": _of_ase("a.traj"),
    "ase-database": _of_ase("a.db"),
    "ase-json": _of_ase("a.json"),
    "cif": _of_ase("a.cif"),
    "extxyz": _written("extxyz", "train.xyz"),
    "pwdata": _written("pwdata", "arrays"),
    "deepmd": _written("deepmd", "systems"),
    "outcar": _text("OUTCAR", OUTCAR),
    "mtp": _text("train.cfg", MTP),
    "runs": _run,
}
KEPT = {
    "poscar": "POSCAR",
    "vasprun": "vasprun.xml",
    "movement": "MOVEMENT",
    "lammps-dump": "slab.dump",
    "lammps-data": "masses.data",
    "atom.config": "bare_atom.config",
    "cp2k": "cp2k.out",
    "espresso": "vc_relax.pwo",
    "abinit": "datasets.abo",
    "abacus": "running_relax.log",
    "castep": "md.castep",
}


def data_sample(file_format: str, folder: Path) -> DataSample:
    """A sample of a format; it is made in `folder` unless tests/data/files has one.

    Raises:
        KeyError: The format has no sample: enter one above.
    """
    if file_format in KEPT:
        return DataSample(FILES / KEPT[file_format], file_format, SPECIES)
    path = MAKERS[file_format](folder)
    return DataSample(path, file_format, SPECIES, is_counted=file_format != "cif")
