"""Shared facts of the tests: where reference data lie, small random structures, small models."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from nepforge.data.frame import Frame
from nepforge.formats.potential_file import NEPModel
from nepforge.models.nep.network import NEP

SPECIES = ("Hf", "O")
NUMBERS = {"Hf": 72, "O": 8}


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data beside the repository; tests that need it skip without it."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the reference data (folder `shared` beside the repository) are not here")
    return folder


@pytest.fixture
def hangup() -> Iterator[None]:
    """SIGHUP as a terminal has it, for this process and its children: tests may run under nohup."""
    earlier = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, earlier)


@pytest.fixture
def random_frame() -> Callable[..., Frame]:
    """Make a small skewed periodic cell with every label, from a seed."""

    def make(seed: int, n_atoms: int = 7, *, labels: bool = True) -> Frame:
        rng = np.random.default_rng(seed)
        cell = 4.4 * np.eye(3) + rng.normal(0.0, 0.25, (3, 3))
        grid = np.stack(np.meshgrid(*[np.arange(2)] * 3), axis=-1).reshape(-1, 3) / 2.0
        fractional = rng.permutation(grid)[:n_atoms] + rng.normal(0.0, 0.04, (n_atoms, 3))
        numbers = rng.choice([72, 8], n_atoms)
        numbers[:2] = (8, 72)
        virial = rng.normal(0.0, 1.0, (3, 3))
        return Frame(
            numbers=numbers.astype(np.int64),
            positions=fractional @ cell,
            cell=cell,
            energy=float(rng.normal(-8.0 * n_atoms, 0.2)) if labels else None,
            forces=rng.normal(0.0, 1.0, (n_atoms, 3)) if labels else None,
            virial=virial + virial.T if labels else None,
            source=f"random:{seed}",
        )

    return make


def random_model(model: NEP, seed: int) -> NEPModel:
    """A model whose energies, forces and second derivatives are all of the order of one."""
    rng = torch.Generator().manual_seed(seed)
    parameters = model.initial_parameters([-3.0, -5.0], rng)
    q_scaler = 0.02 * torch.rand(model.n_descriptor, generator=rng, dtype=torch.float64)
    return NEPModel(model, parameters, q_scaler)
