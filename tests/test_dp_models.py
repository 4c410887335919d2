"""dp_model.ckpt in infer, test, the calculator, convert and diff."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import ase
import attrs
import numpy as np
import pytest
from click.testing import CliRunner

from nepforge import Calculator, cli
from nepforge.data.formats.write import write_frames
from nepforge.data.frame import Frame
from nepforge.diff.weights import weight_differences
from nepforge.errors import DataError, ModelFileError
from nepforge.evaluate.inference import compare, infer
from nepforge.formats.convert import convert_model
from nepforge.formats.open_model import open_nep
from nepforge.formats.potential_file import DPModel, write_potential
from tests.models.potentials import DP_MODELS, dp_sample

EXACT = 1.0e-10
STEP = 1.0e-4  # Å
MakeFrame = Callable[..., Frame]
MODEL = DP_MODELS["dp-type-embedding"]
SAMPLE = dp_sample(MODEL)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_potential(tmp_path / "dp_model.ckpt", DPModel(MODEL, SAMPLE.parameters, SAMPLE.scaler))
    return tmp_path / "dp_model.ckpt"


def atoms_of(frame: Frame) -> ase.Atoms:
    return ase.Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.pbc)


def test_infer_says_what_training_says(path: Path, random_frame: MakeFrame) -> None:
    """Energies, forces and virial of frames of several sizes, atoms in their own order."""
    frames = [random_frame(1), random_frame(2, 5)]
    expected, batch = SAMPLE.predict(frames)
    found = infer(path, frames)
    forces = np.concatenate([entry.forces for entry in found])
    energies = np.concatenate([entry.energies for entry in found])
    ordered = batch.to_source_order
    np.testing.assert_allclose(forces, ordered(expected.forces), rtol=0, atol=EXACT)
    np.testing.assert_allclose(energies, ordered(expected.atomic_energy), rtol=0, atol=EXACT)
    np.testing.assert_allclose([e.virial for e in found], expected.virial, rtol=0, atol=EXACT)
    labelled = [entry.as_frame() for entry in found]
    errors = compare(infer(path, labelled)).metrics()
    assert errors["force_rmse"] == errors["virial_rmse"] == errors["atomic_energy_rmse"] == 0.0
    assert labelled[1].atomic_energy is found[1].energies


def test_unknown_elements_and_broken_positions_are_refused(
    path: Path, random_frame: MakeFrame
) -> None:
    """With the name of the frame."""
    frame = random_frame(1)
    with pytest.raises(DataError, match=r"random:1: .*has C, the model knows Hf, O"):
        infer(path, [attrs.evolve(frame, numbers=np.full(7, 6))])
    with pytest.raises(DataError, match=r"random:1: .*position of atom 0 is not finite"):
        infer(path, [attrs.evolve(frame, positions=np.full((7, 3), np.nan))])


def test_the_calculator_has_forces_and_stress_of_its_energy(
    path: Path, random_frame: MakeFrame
) -> None:
    """By central differences; a copy through pickle needs no file."""
    atoms = atoms_of(random_frame(3))
    calculator = pickle.loads(pickle.dumps(Calculator(path)))
    assert calculator.species == ("Hf", "O")
    atoms.calc = calculator
    energies = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.calc = calculator
        moved.positions[0, 1] += sign * STEP
        energies.append(moved.get_potential_energy())
    slope = (energies[0] - energies[1]) / (2 * STEP)
    assert atoms.get_forces()[0, 1] == pytest.approx(-slope, abs=1e-5)
    virial = SAMPLE.predict([random_frame(3)])[0].virial[0].numpy()
    stress = atoms.get_stress(voigt=False)
    np.testing.assert_allclose(stress, -virial / atoms.get_volume(), rtol=0, atol=EXACT)


def test_test_compares_with_labels(path: Path, random_frame: MakeFrame, tmp_path: Path) -> None:
    """Errors from the command as JSON."""
    write_frames(tmp_path / "a.xyz", "extxyz", [random_frame(seed) for seed in (1, 2)])
    arguments = ["test", str(path), str(tmp_path / "a.xyz"), "--json"]
    answer = CliRunner().invoke(cli.commands, arguments, prog_name="nepforge")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["force_rmse"] > 0.0


def test_no_other_layout_holds_a_deep_potential(path: Path, tmp_path: Path) -> None:
    """Refused before anything is written."""
    for use in (
        lambda: convert_model(path, tmp_path / "nep5.txt"),
        lambda: open_nep(path),
    ):
        with pytest.raises(ModelFileError, match="found a Deep Potential, expected a NEP model"):
            use()
    assert not (tmp_path / "nep5.txt").exists()


def test_weights_are_compared_layer_by_layer(path: Path, tmp_path: Path) -> None:
    """Under the names of the filter's layers."""
    parameters = SAMPLE.parameters.clone()
    parameters[-1] += 0.5
    other = tmp_path / "other.ckpt"
    write_potential(other, DPModel(MODEL, parameters, SAMPLE.scaler))
    found = weight_differences(path, other)
    assert [block.name for block in found] == [n for n, _ in SAMPLE.model.parameter_groups()]
    assert {block.name for block in found if block.difference} == {"bias"}
    assert found[-1].difference == pytest.approx(0.5)
