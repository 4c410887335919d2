"""LAMMPS as the module `lammps`, through ASE, and by `mpirun lmp`, without preparations."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nepforge.lammps import mpi_library
from nepforge.lammps.mpi_library import MPI_LIBRARY, load_mpi_library
from nepforge.models.nep.native import NativeModel
from tests.lammps_pair.running import PAIR, PREAMBLE, standard
from tests.nep_files import KINDS

BIN = Path(sys.executable).parent
BARE = {"PATH": f"{BIN}:/usr/bin:/bin", "OMP_NUM_THREADS": "1"}  # an activated environment
TIME_LIMIT = 240.0  # s

WITH_ASE = """
import json
import ase.build
import numpy as np
from ase.calculators.lammpslib import LAMMPSlib
from lammps import lammps

instance = lammps(cmdargs=["-screen", "none", "-log", "none"])
found = [instance.has_style("pair", name) for name in ("nepforge", "nepforge/gpu", "nep", "pwmlff")]
instance.close()

import nepforge
atoms = ase.build.bulk("SiO", "zincblende", a=4.6) * (2, 2, 1)
atoms.rattle(0.1, seed=1)
results = []
for calculator in (
    LAMMPSlib(lmpcmds=["pair_style nepforge nep.txt", "pair_coeff * * Si O"],
              atom_types={"Si": 1, "O": 2}, log_file="log.lammps"),
    nepforge.Calculator("nep.txt"),
):
    atoms.calc = calculator
    values = [[atoms.get_potential_energy()], atoms.get_forces(), atoms.get_stress()]
    results.append(np.concatenate([np.ravel(value) for value in values]))
print("ANSWER", json.dumps([found, float(np.abs(results[0] - results[1]).max())]))
"""


@pytest.mark.lammps
def test_the_module_finds_mpi_and_the_pair_styles(tmp_path: Path) -> None:
    """No variable says where they are; ASE's LAMMPSlib gives the numbers of our calculator."""
    KINDS["nep4"].write(tmp_path / "nep.txt")
    done = subprocess.run(
        [sys.executable, "-c", WITH_ASE], cwd=tmp_path, env={"PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=TIME_LIMIT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")][-1]
    found, difference = json.loads(answer.removeprefix("ANSWER "))
    assert found == [True] * 4
    assert difference < 1.0e-8  # eV, eV/Å, eV/Å³; LAMMPS has other digits of its units


@pytest.mark.lammps
@pytest.mark.parametrize("ranks", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 4))])
def test_mpirun_of_the_environment_runs_lmp(ranks: int, tmp_path: Path) -> None:
    """`mpirun -np N lmp -in in.lammps`, as manuals write it, in an activated environment."""
    made = standard(tmp_path)
    script = PREAMBLE + "replicate 2 2 2\n" + PAIR.format(species="Si O")
    (tmp_path / "in.lammps").write_text(script + "thermo_style custom step pe\nrun 0\n")
    done = subprocess.run(
        ["mpirun", "-np", str(ranks), "lmp", "-in", "in.lammps"], cwd=tmp_path, env=BARE,
        capture_output=True, text=True, timeout=TIME_LIMIT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"with {ranks} MPI tasks" in done.stdout
    energy = float(done.stdout.split("Step ")[1].splitlines()[1].split()[1])
    cell = NativeModel(tmp_path / "nep.txt").evaluate(made.numbers, made.positions, made.cell)
    assert energy == pytest.approx(8 * cell.energies.sum(), rel=1.0e-6)  # digits of the log


def loaded(monkeypatch: pytest.MonkeyPatch, folders: list[Path], known: bool) -> list[str]:
    """What would be loaded along LD_LIBRARY_PATH, in a process that has MPI already or not."""
    paths: list[str] = []
    monkeypatch.setattr(mpi_library, "_is_loaded", lambda: known)
    monkeypatch.setattr(ctypes, "CDLL", paths.append)
    monkeypatch.setenv("LD_LIBRARY_PATH", os.pathsep.join(map(str, ["", *folders])))
    load_mpi_library()
    return paths


@pytest.mark.skipif(sys.platform != "linux", reason="only the wheel for Linux needs it")
def test_the_mpi_library_is_the_first_along_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for `lmp`: that of a cluster goes before that of pip; none is loaded beside another."""
    folders = [tmp_path / name for name in ("empty", "cluster", "pip")]
    for folder in folders:
        folder.mkdir()
        if folder.name != "empty":
            (folder / MPI_LIBRARY).touch()
    assert loaded(monkeypatch, folders, known=False) == [str(tmp_path / "cluster" / MPI_LIBRARY)]
    assert loaded(monkeypatch, folders, known=True) == []
    assert loaded(monkeypatch, folders[:1], known=False) == []
