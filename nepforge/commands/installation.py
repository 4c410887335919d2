"""Checks of this installation, as `nepforge doctor` reports them."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from attrs import frozen

import nepforge
from nepforge.errors import NepforgeError
from nepforge.lammps.plugin import find_lammps
from nepforge.models.nep import native
from nepforge.shared_disk.durable import probe_writable
from nepforge.shared_disk.locks import hold
from nepforge.shared_disk.mounts import file_system, is_shared_by_machines
from nepforge.store.software import cpu_class, package_version

Verdict = Literal["ok", "warning", "problem"]

PACKAGES = ("torch", "numpy", "ase", "vesin", "lammps", "mlflow", "calorine")
COMPILERS = ("c++", "g++", "clang++")
LONGEST_CHECK = 120.0  # s
_ASK_LAMMPS = "plugin list\n"
_PAIR_STYLE = "pair style plugin nepforge"  # in its answer
_ASK_MODULE = """
from lammps import lammps
print("has it:", lammps(cmdargs=["-screen", "none", "-log", "none"]).has_style("pair", "nepforge"))
"""


@frozen
class Check:
    """One line of the report."""

    subject: str
    verdict: Verdict
    text: str


def checks(workspace: Path) -> Iterator[Check]:
    """Run all checks, quick ones first."""
    for subject, look in (
        ("nepforge", _versions),
        ("packages", _packages),
        ("processor", _processor),
        ("compiler", _compiler),
        ("workspace", lambda: _workspace(workspace)),
        ("C++ core", _core),
        ("torch", _torch),
        ("LAMMPS", _lammps),
        ("in Python", _lammps_module),
        ("MLflow", _mlflow),
    ):
        verdict, text = _guarded(look)
        yield Check(subject, verdict, text)


def _guarded(look: Callable[[], tuple[Verdict, str]]) -> tuple[Verdict, str]:
    try:
        return look()
    except NepforgeError as error:
        return "problem", f"{error.message}; {error.hint}" if error.hint else error.message
    except (OSError, ImportError, subprocess.SubprocessError) as error:
        return "problem", f"{type(error).__name__}: {error}"


def _versions() -> tuple[Verdict, str]:
    return "ok", f"{nepforge.__version__} on Python {platform.python_version()}"


def _packages() -> tuple[Verdict, str]:
    found = {name: package_version(name) for name in PACKAGES}
    missing = [name for name, version in found.items() if version == "none"]
    text = ", ".join(f"{name} {version}" for name, version in found.items())
    if missing == ["calorine"]:
        return "warning", f"{text}: without calorine, exported files are read by our own core only"
    return ("problem" if missing else "ok"), text


def _processor() -> tuple[Verdict, str]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return "ok", f"{usable} cores, {cpu_class()} kernels; a run uses the threads of its recipe"


def _compiler() -> tuple[Verdict, str]:
    for name in COMPILERS:
        if shutil.which(name):
            return "ok", _output([name, "--version"]).splitlines()[0]
    return "warning", "no C++ compiler; needed only to install nepforge from source"


def _workspace(folder: Path) -> tuple[Verdict, str]:
    with tempfile.TemporaryDirectory(prefix=".doctor-", dir=folder) as scratch:
        probe_writable(Path(scratch))
        with hold(Path(scratch) / "test.lock", timeout=1.0):
            pass
        shared = is_shared_by_machines(Path(scratch))
        scope = "between machines" if shared else "between processes of this machine"
        return "ok", f"{folder}: writable, on {file_system(folder) or 'a disk'}, locks {scope}"


def _core() -> tuple[Verdict, str]:
    built_for, installed = native.built_for_lammps(), package_version("lammps")
    kernels = ", ".join(native.instruction_sets())
    if built_for != installed:
        return "problem", f"built for LAMMPS {built_for}, but {installed} is here; install again"
    return "ok", f"kernels {kernels}; built for LAMMPS {built_for}"


def _torch() -> tuple[Verdict, str]:
    code = "import torch; print(torch.__version__, torch.cuda.is_available())"
    version, cuda = _output([sys.executable, "-c", code]).split()
    gpu = "a CUDA device is present, training uses the CPU" if cuda == "True" else "CPU"
    return "ok", f"{version}, {gpu}"


def _lammps() -> tuple[Verdict, str]:
    lammps = find_lammps()
    command = [*lammps.command(ranks=2), "-log", "none"]
    if _PAIR_STYLE not in _output(command, lammps.environment(), _ASK_LAMMPS):
        return "problem", f"LAMMPS does not load the pair style from {lammps.plugins}"
    return "ok", f"{package_version('lammps')} on 2 MPI ranks loads our pair style"


def _lammps_module() -> tuple[Verdict, str]:
    remedy = f"export LD_LIBRARY_PATH={find_lammps().mpi_libraries} before Python starts"
    try:
        answer = _output([sys.executable, "-c", _ASK_MODULE])
    except NepforgeError as error:
        return "problem", f"from lammps import lammps: {error.message}; {remedy}"
    if "has it: True" not in answer:
        return "problem", "from lammps import lammps: it does not load the pair style"
    return "ok", "from lammps import lammps: it finds MPI and our pair style"


def _mlflow() -> tuple[Verdict, str]:
    _output([sys.executable, "-c", "import nepforge.mlflow_mirror.writer"])
    return "ok", f"{package_version('mlflow')} can be imported"


def _output(command: list[str], environ: Mapping[str, str] = os.environ, text: str = "") -> str:
    """Output of a command given `text` on stdin; its last line if it fails."""
    answer = subprocess.run(
        command,
        input=text,
        env=dict(environ),
        capture_output=True,
        text=True,
        timeout=LONGEST_CHECK,
        check=False,
    )
    if answer.returncode != 0:
        words = (answer.stderr or answer.stdout).strip().splitlines() or ["no output"]
        raise NepforgeError(f"{Path(command[0]).name} failed: {words[-1]}")
    return answer.stdout
