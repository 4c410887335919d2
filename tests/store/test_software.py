"""What enters a stage key and the ledger about the machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from getpass import getuser
from pathlib import Path

import pytest

from nepforge.store.software import numerics, pin_threads, software


def test_numerics_names_versions_threads_and_kernels() -> None:
    """A missing optional package counts as "none"."""
    found = numerics(("numpy", "no-such-package"), 2)
    assert found["no-such-package"] == "none"
    assert found["threads"] == 2
    assert found["cpu"] in ("avx512", "avx2", "other")
    assert (found["device"], found["dtype"]) == ("cpu", "float64")


def test_chosen_kernels_enter_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that makes torch take other kernels changes the numbers."""
    before = numerics((), 1)
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    assert numerics((), 1) != before


def test_software_names_no_host_user_or_path() -> None:
    """The ledger is published."""
    text = str(software(1))
    assert str(Path.home()) not in text
    assert str(Path(__file__).parents[2]) not in text
    names = {platform.node(), getuser()}
    assert not names & set(text.replace("'", " ").replace(",", " ").split())


def test_threads_are_pinned_for_libraries_loaded_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenMP, MKL and OpenBLAS read their variables when they are loaded."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "7")
    pin_threads(3)
    assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "3"
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"


def test_engine_imports_neither_torch_nor_numpy() -> None:
    """A run that finds everything in the cache stays fast, and threads are pinned in time."""
    program = (
        "import sys, nepforge.engine.walk; from nepforge.store.software import *; software(1); "
        "sys.exit(bool({'torch', 'numpy', 'mlflow'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
