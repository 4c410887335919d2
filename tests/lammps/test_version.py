"""One LAMMPS: the pair style is compiled for the version that is installed."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMES = ("lammps", "lammps[mpi]")


def _version(requirements: list[str]) -> str:
    """Of the distribution lammps, in any of the ways to require it exactly."""
    (found,) = (line.partition("==")[2] for line in requirements if line.split("==")[0] in NAMES)
    return found


def test_the_build_and_the_installation_require_the_same_lammps() -> None:
    """pyproject.toml cannot refer to itself; C++ takes the version from the headers it finds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    constraints = (ROOT / "tools" / "constraints.txt").read_text(encoding="utf-8")
    wanted = _version(project["project"]["dependencies"])
    assert _version(project["build-system"]["requires"]) == wanted
    assert _version(constraints.splitlines()) == wanted
