"""nepforge deviation: the spread of a committee on structures."""

from __future__ import annotations

import json
from pathlib import Path

import ase
import ase.io
import attrs
import numpy as np
import pytest
from click.testing import CliRunner

from nepforge.cli import commands
from nepforge.models.nep.native import NativeModel
from tests.nep_files import KINDS, random_structure


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Three models and a file of two structures."""
    paths = [
        attrs.evolve(KINDS["nep4"], seed=seed).write(tmp_path / f"m{seed}.txt")
        for seed in (1, 2, 3)
    ]
    frames = [
        ase.Atoms(made.numbers, positions=made.positions, cell=made.cell, pbc=True)
        for made in (random_structure(1), random_structure(2))
    ]
    ase.io.write(tmp_path / "two.xyz", frames, format="extxyz")
    return [*map(str, paths), str(tmp_path / "two.xyz")]


def test_deviation_is_the_spread_of_the_models(files: list[str]) -> None:
    """Both structures, against the models evaluated one by one."""
    done = CliRunner().invoke(commands, ["deviation", *files, "--json"])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert len(lines) == 2
    atoms = ase.io.read(files[-1], 1)
    results = [
        NativeModel(path).evaluate(atoms.numbers, atoms.positions, atoms.cell.array)
        for path in files[:-1]
    ]
    forces = np.array([result.forces for result in results])
    spread = np.sqrt(((forces - forces.mean(axis=0)) ** 2).sum(axis=2).mean(axis=0))
    assert lines[1]["max_force"] == pytest.approx(spread.max())
    assert lines[1]["min_force"] == pytest.approx(spread.min())
    assert lines[1]["mean_force"] == pytest.approx(spread.mean())
    assert lines[1]["energy"] == pytest.approx(np.std([r.energies.mean() for r in results]))


def test_the_table_has_a_line_for_each_structure(files: list[str]) -> None:
    """A header and two rows."""
    done = CliRunner().invoke(commands, ["deviation", *files])
    assert done.exit_code == 0, done.output
    assert "max force (eV/Å)" in done.output
    assert len(done.output.splitlines()) >= 3


def test_one_model_is_refused(files: list[str]) -> None:
    """There is nothing to compare it with."""
    done = CliRunner().invoke(commands, ["deviation", files[0], files[-1]])
    assert done.exit_code == 2
    assert "two or more models" in done.output
