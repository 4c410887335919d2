"""Conversion and inspection of model files, predictions and errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from nepforge.data.frame import Frame
from nepforge.errors import DataError, UsageError
from nepforge.evaluate.inference import compare, infer, write_comparison
from nepforge.evaluate.radial_functions import plot_radial_functions, radial_curves
from nepforge.formats.convert import convert_model, inspect
from nepforge.formats.open_model import open_nep
from tests.nep_files import KINDS, NepFile, random_structure

TOKENS = {"nep3", "nep4", "nep5", "bias per species", "type-wise cutoffs", "zbl", "flexible zbl"}
LAYOUTS = {"nep5": "nep5.txt", "lammps": "nep_to_lmps.txt", "ckpt": "nep_model.ckpt"}


@pytest.fixture(params=sorted(TOKENS))
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return KINDS[request.param].write(tmp_path / "model.txt")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_conversion_and_back_is_exact(path: Path, layout: str, tmp_path: Path) -> None:
    """Text -> layout -> nep5 -> checkpoint keeps every bit; the name tells the layout."""
    first = open_nep(path).trained
    out = tmp_path / "out"
    out.mkdir()
    convert_model(path, out / LAYOUTS[layout])
    convert_model(out / LAYOUTS[layout], out / "b.txt", "nep5")
    convert_model(out / "b.txt", out / "c.ckpt")
    for name in (LAYOUTS[layout], "b.txt", "c.ckpt"):
        again = open_nep(out / name).trained
        assert again.model == first.model
        assert torch.equal(again.parameters, first.parameters)


def test_nep4_holds_for_one_composition(tmp_path: Path) -> None:
    """With its counts energies are right for it and forces for all; nep.in lies beside."""
    path = KINDS["bias per species"].write(tmp_path / "model.txt")
    with pytest.raises(UsageError, match="hold for one composition only"):
        convert_model(path, tmp_path / "nep4.txt")
    done = convert_model(path, tmp_path / "nep4.txt", counts={"Si": 4, "O": 4})
    assert "composition Si4 O4 only" in done.warnings[0]
    structure = random_structure(1)
    frame = Frame(structure.numbers, structure.positions, structure.cell)
    expected, found = (infer(model, [frame])[0] for model in (path, tmp_path / "nep4.txt"))
    assert found.energy == pytest.approx(expected.energy, abs=1e-10)
    np.testing.assert_array_equal(found.forces, expected.forces)
    assert (tmp_path / "nep.in").read_text().splitlines() == [
        "version 4",
        "type 2 Si O",
        "cutoff 4.5 3.5",
        "n_max 3 2",
        "basis_size 5 4",
        "l_max 4 2 1",
        "neuron 9",
    ]


def test_one_bias_needs_no_counts(tmp_path: Path) -> None:
    """A model read from nep4 is written back as nep4 without a question."""
    path = KINDS["nep4"].write(tmp_path / "model.txt")
    assert convert_model(path, tmp_path / "nep4.txt").warnings == ()


@pytest.mark.parametrize(
    ("out", "to", "counts", "words"),
    [
        ("model.txt", "nep5", {}, "exists"),
        ("new.txt", "", {}, "the name does not tell the layout"),
        ("new.txt", "nep3", {}, "not a layout"),
        ("nep4.txt", "", {"Hf": 1}, "do not fit the species Si, O"),
        ("nep4.txt", "", {"Si": 0}, "do not fit"),
    ],
)
def test_what_cannot_be_converted_is_refused(
    out: str, to: str, counts: dict[str, float], words: str, tmp_path: Path
) -> None:
    """Nothing is overwritten, nothing guessed."""
    path = KINDS["bias per species"].write(tmp_path / "model.txt")
    with pytest.raises(UsageError, match=words):
        convert_model(path, tmp_path / out, to, counts)


def test_a_nep_in_of_the_user_is_left_alone(tmp_path: Path) -> None:
    """And the user is told."""
    path = KINDS["nep4"].write(tmp_path / "model.txt")
    (tmp_path / "nep.in").write_text("generation 5\n")
    done = convert_model(path, tmp_path / "nep5.txt")
    assert "left as it is" in done.warnings[0]
    assert (tmp_path / "nep.in").read_text() == "generation 5\n"


def test_inspect_says_what_a_recipe_needs(path: Path) -> None:
    """Sizes as the recipe writes them, and the numbers that training may change."""
    facts = inspect(open_nep(path))
    assert facts["species"] == ["Si", "O"]
    assert facts["n_max"] == [3, 2]
    assert facts["invariants"] == ["222", "1111"]
    assert json.dumps(facts)
    n_coefficients = 4 * (4 * 6 + 3 * 5)
    network = (facts["n_descriptor"] + 2) * 9
    expected = {"nep3": (1, 1), "nep5": (2, 2), "lammps": (2, 2), "nep4": (2, 1)}
    n_networks, n_biases = expected[facts["layout"]]
    assert facts["n_parameters"] == n_networks * network + n_biases + n_coefficients


def test_radial_functions_are_drawn_to_the_cutoff_of_the_pair(tmp_path: Path) -> None:
    """g_n vanishes there; the figure is a PNG of the chosen species."""
    path = KINDS["type-wise cutoffs"].write(tmp_path / "model.txt")
    curves = radial_curves(open_nep(path).trained)
    distance, values = curves["Si", "O"]
    assert distance[-1] == 4.5
    assert values.shape == (4, len(distance))
    assert np.abs(values[:, -1]).max() == 0.0
    plot_radial_functions(open_nep(path), tmp_path / "g.png", ["O"])
    assert (tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")


def labelled_frames(path: Path) -> list[Frame]:
    """Three frames: labels of the model, forces 0.1 eV/Å off, and no virial."""
    frames = []
    for seed in range(3):
        structure = random_structure(seed)
        frame = Frame(structure.numbers, structure.positions, structure.cell, source=f"x:{seed}")
        found = infer(path, [frame])[0].as_frame()
        forces = found.forces + (0.1 if seed == 1 else 0.0)  # type: ignore[operator]
        virial = None if seed == 2 else found.virial
        frames.append(
            Frame(
                found.numbers, found.positions, found.cell, energy=found.energy, forces=forces,
                virial=virial, source=found.source,
            )
        )  # fmt: skip
    return frames


def test_errors_are_those_of_the_labels_that_exist(path: Path, tmp_path: Path) -> None:
    """Metrics, one row per frame in data order, and figures."""
    comparison = compare(infer(path, labelled_frames(path)))
    metrics = comparison.metrics()
    assert metrics["n_frames"] == 3
    assert metrics["energy_rmse"] == pytest.approx(0.0, abs=1e-12)
    assert metrics["force_rmse"] == pytest.approx(0.1 / np.sqrt(3.0), rel=1e-6)
    assert [row["source"] for row in comparison.rows] == ["x:0", "x:1", "x:2"]
    written = write_comparison(tmp_path / "test", comparison)
    assert {file.name for file in written} == {
        *("metrics.json", "frames.csv"),
        *("parity_energy.png", "parity_forces.png", "parity_virial.png"),
    }
    lines = (tmp_path / "test" / "frames.csv").read_text().splitlines()
    assert float(lines[2].split(",")[6]) == pytest.approx(0.1)
    assert lines[3].endswith(",")  # no virial


def test_frames_without_labels_cannot_be_compared(path: Path) -> None:
    """The message names the command that needs none."""
    structure = random_structure(1)
    with pytest.raises(DataError, match="none of the frames"):
        compare(infer(path, [Frame(structure.numbers, structure.positions, structure.cell)]))


def test_an_unknown_element_is_named_with_its_frame(tmp_path: Path) -> None:
    """So that one of many can be found."""
    path = NepFile(species=("Si",)).write(tmp_path / "nep.txt")
    structure = random_structure(1)
    frame = Frame(structure.numbers, structure.positions, structure.cell, source="a.xyz:7")
    with pytest.raises(DataError, match=r"a\.xyz:7: atom 1 is O"):
        infer(path, [frame])
