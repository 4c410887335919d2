"""One row per kind of label, and everything that iterates over the rows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import attrs

from nepforge.data.batch import Batch
from nepforge.data.frame import Frame
from nepforge.models.potential import Prediction
from nepforge.quantities import ATOMIC_ENERGY, ENERGY, FORCE, QUANTITIES, VIRIAL
from nepforge.train.jacobians import JACOBIANS

ROOT = Path(__file__).parent.parent


def test_a_toy_quantity_arrives_everywhere() -> None:
    """In a process of its own, whose table has one row more from the start."""
    plugin = ("-p", "tests.toy_quantity", "-p", "no:cacheprovider", "-q")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "tests/toy_quantity_checks.py"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_row_has_its_jacobian_and_its_fields() -> None:
    """What a row names exists in frames, batches and predictions."""
    assert JACOBIANS.keys() == {quantity.name for quantity in QUANTITIES}
    for record in (Frame, Batch, Prediction):
        names = {attribute.name for attribute in attrs.fields(record)}
        assert {quantity.field for quantity in QUANTITIES} <= names


def test_a_symmetric_tensor_has_six_independent_components() -> None:
    """The others are their mirror images."""
    counts = [one.n_independent for one in (ENERGY, FORCE, VIRIAL, ATOMIC_ENERGY)]
    assert counts == [1, 3, 6, 1]
