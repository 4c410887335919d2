"""Error bars from a training to the user: infer, test and the calculator agree."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.calculators.calculator import PropertyNotImplementedError
from click.testing import CliRunner, Result

import nepforge
from nepforge import cli
from tests.small_run import make_workspace, run_recipe

SAME = 1.0e-12  # relative


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("run")
    return run_recipe(make_workspace(folder)).folder


@pytest.fixture
def folder(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a model, its covariance and labelled structures."""
    monkeypatch.chdir(tmp_path)
    for name in ("nep_model.ckpt", "covariance.npz"):
        shutil.copyfile(run / "train" / name, tmp_path / name)
    shutil.copyfile(run.parents[2] / "data" / "few.xyz", tmp_path / "few.xyz")
    return tmp_path


def command(*arguments: str) -> Result:
    return CliRunner().invoke(cli.commands, list(arguments), prog_name="nepforge")


def test_a_run_judges_its_error_bars(run: Path) -> None:
    """calibration.json and calibration.png of the validation set, where their size is fitted."""
    report = json.loads((run / "evaluate" / "calibration.json").read_text())
    assert report["energy"]["count"] == 3
    assert report["force"]["count"] == 3 * 12 * 3
    assert 0.4 < report["force"]["within_1_std"] < 0.95
    assert (run / "evaluate" / "calibration.png").stat().st_size > 1000


def test_infer_test_and_the_calculator_agree(folder: Path) -> None:
    """As JSON, in extended XYZ that ASE reads, in frames.csv, and as properties of a calculator."""
    answer = command("infer", "nep_model.ckpt", "few.xyz", "--uncertainty", "--format", "json")
    expected = json.loads(answer.stdout)["structures"]
    for format_options in (("--format", "extxyz", "--output", "out.xyz"), ()):
        arguments = ("infer", "nep_model.ckpt", "few.xyz", "--uncertainty", *format_options)
        answer = command(*arguments)
        assert answer.exit_code == 0, answer.output
    assert "energy std (eV)" in answer.stdout
    calculator = nepforge.Calculator("nep_model.ckpt", uncertainty=True)
    for atoms, entry in zip(ase.io.read("out.xyz", ":"), expected, strict=True):
        assert min(map(min, entry["forces_std"])) > 0.0
        assert atoms.info["energy_std"] == pytest.approx(entry["energy_std"], rel=SAME)
        np.testing.assert_allclose(atoms.arrays["forces_std"], entry["forces_std"], rtol=SAME)
        found = calculator.get_property("forces_std", atoms)
        np.testing.assert_allclose(found, entry["forces_std"], rtol=SAME)
        assert calculator.get_property("energy_std", atoms) == pytest.approx(
            entry["energy_std"], rel=SAME
        )
    answer = command("test", "nep_model.ckpt", "few.xyz", "--uncertainty", "--output", "report")
    assert "force error bars: " in answer.stdout
    table = np.genfromtxt(folder / "report" / "frames.csv", delimiter=",", names=True)
    means = [entry["energy_std"] / 12 for entry in expected]
    np.testing.assert_allclose(table["energy_std"], means, rtol=SAME)
    assert (folder / "report" / "calibration.png").exists()
    metrics = json.loads((folder / "report" / "metrics.json").read_text())
    assert 0.0 < metrics["force_within_1_std"] < metrics["force_within_2_std"] <= 1.0


def test_the_calculator_finds_error_bars_only_when_asked(folder: Path) -> None:
    """They are kept until the atoms move, are not found with the energy, and survive a copy."""
    atoms = ase.io.read(folder / "few.xyz")
    calculator = nepforge.Calculator("nep_model.ckpt", uncertainty=True)
    energy = calculator.get_property("energy", atoms)
    assert "forces_std" not in calculator.results
    first = calculator.get_property("energy_std", atoms)
    forces = calculator.get_property("forces_std", atoms)
    assert {"energy", "energy_std", "forces_std"} <= set(calculator.results)
    atoms.positions[0, 0] += 0.1
    assert calculator.get_property("energy", atoms) != energy
    assert "energy_std" not in calculator.results
    assert calculator.get_property("energy_std", atoms) != first
    atoms.positions[0, 0] -= 0.1
    copied = calculator.__reduce__()[0](*calculator.__reduce__()[1])
    np.testing.assert_allclose(copied.get_property("forces_std", atoms), forces, rtol=1e-9)
    with pytest.raises(PropertyNotImplementedError):
        nepforge.Calculator("nep_model.ckpt").get_property("energy_std", atoms)


def test_a_model_without_covariance_is_told_what_to_do(folder: Path) -> None:
    """As from Adam, or a checkpoint moved away from its covariance."""
    (folder / "covariance.npz").unlink()
    for name in ("infer", "test"):
        answer = command(name, "nep_model.ckpt", "few.xyz", "--uncertainty")
        assert answer.exit_code != 0
        assert "this model has no covariance" in answer.output
        assert 'optimizer.kind = "lkf"' in answer.output
        assert command(name, "nep_model.ckpt", "few.xyz").exit_code == 0
