"""Training and test inputs of PWMLFF and MatPL become recipes; nothing of them is lost silently."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nepforge.errors import DataError, UsageError
from nepforge.recipe.from_nep_json import comparison_input, recipe_from_json
from nepforge.recipe.json_input import is_json
from nepforge.recipe.load import load_recipe
from nepforge.recipe.pwmlff_names import IGNORED, OTHERS, nepforge_command
from nepforge.recipe.tables import AdamOptimizer, DPModelTable, LKFOptimizer, NEPModelTable, Recipe

FIRST = {"model_type": "NEP", "atom_type": [8, 72], "max_neigh_num": 100}  # of the manual


def leaf(folder: Path) -> None:
    """Arrays of pwdata, as far as their names go."""
    folder.mkdir(parents=True)
    np.save(folder / "energies.npy", np.zeros(1))


def translated(folder: Path, content: dict[str, Any]) -> tuple[Recipe, str, tuple[str, ...]]:
    """The recipe of an input with one folder of data beside it, its text and the warnings."""
    if not (folder / "pwdata").exists():
        leaf(folder / "pwdata" / "a" / "train")
        leaf(folder / "pwdata" / "a" / "valid")
        (folder / "train.xyz").write_text("frames")
        (folder / "valid.xyz").write_text("others")
    (folder / "nep.json").write_text(json.dumps(content, indent=2))
    done = recipe_from_json(folder / "nep.json", "x")
    (folder / "recipe.toml").write_text(done.text)
    return load_recipe(folder / "recipe.toml").recipe, done.text, done.warnings


def test_the_first_input_of_the_manual_becomes_a_recipe(tmp_path: Path) -> None:
    """Sizes of PWMLFF 2024.5, species as written, train/ and valid/ of the folder, LKF."""
    content = {**FIRST, "datasets_path": ["./pwdata/a/"]}
    recipe, text, warnings = translated(tmp_path, content)
    model = recipe.model
    assert isinstance(model, NEPModelTable)
    assert recipe.data.species == ("O", "Hf")
    assert len(recipe.data.train) == 1
    assert recipe.data.validation == recipe.data.train
    assert (model.cutoff, model.n_max, model.basis_size) == ((6.0, 6.0), (4, 4), (12, 12))
    assert (model.l_max, model.invariants, model.neurons) == (4, ("222", "1111"), 100)
    assert isinstance(recipe.optimizer, LKFOptimizer)
    assert recipe.optimizer.weights.virial == 0.0
    assert recipe.md == ()
    assert f"#   max_neigh_num 100: ignored, {IGNORED['max_neigh_num']}\n" in text
    assert warnings == ()


def test_every_setting_of_the_filter_with_the_same_meaning_is_used(tmp_path: Path) -> None:
    """And one with another meaning is said not to be."""
    optimizer = {
        "optimizer": "LKF",
        "epochs": 7,
        "batch_size": 4,
        "block_size": 2048,
        "kalman_lambda": 0.97,
        "kalman_nue": 0.99,
        "nselect": 24,
        "groupsize": 6,
        "train_virial": True,
        "train_energy": False,
        "train_ei": True,
        "p0_weight": 0.01,
        "pre_fac_force": 2.0,
        "print_freq": 10,
    }
    content = {**FIRST, "train_data": "train.xyz", "format": "extxyz", "optimizer": optimizer}
    recipe, text, _ = translated(tmp_path, {**content, "seed": 2023})
    found = recipe.optimizer
    assert isinstance(found, LKFOptimizer)
    assert (found.epochs, found.batch_size, found.block_size) == (7, 4, 2048)
    assert (found.kalman_lambda, found.kalman_nue, found.force_groups) == (0.97, 0.99, 4)
    weights = found.weights
    assert (weights.energy, weights.virial, weights.atomic_energy) == (0.0, 1.0, 1.0)
    assert recipe.seed == 2023
    assert recipe.data.validation == pytest.approx(0.2)
    assert recipe.model.neurons == 40  # MatPL's, which has train_data
    for key in ("p0_weight", "pre_fac_force", "print_freq"):
        assert f"#   optimizer.{key} {optimizer[key]}: ignored, " in text


def test_adam_takes_its_rates_and_prefactors(tmp_path: Path) -> None:
    """Errors that are not trained have prefactors of zero."""
    optimizer = {
        "optimizer": "ADAM",
        "epochs": 3,
        "learning_rate": 0.002,
        "stop_lr": 1e-6,
        "stop_step": 1000,
        "decay_step": 50,
        "start_pre_fac_etot": 0.05,
        "end_pre_fac_force": 2,
        "kalman_nue": 0.9987,
        "max_norm": 5.0,
    }
    content = {**FIRST, "train_data": ["train.xyz"], "valid_data": ["valid.xyz"]}
    recipe, text, warnings = translated(tmp_path, {**content, "optimizer": optimizer})
    found = recipe.optimizer
    assert isinstance(found, AdamOptimizer)
    assert (found.epochs, found.batch_size) == (3, 1)
    assert found.learning_rate == (0.002, 1e-6)
    assert (found.schedule_steps, found.decay_steps) == (1000, 50)
    assert found.prefactors.energy == (0.05, 1.0)
    assert found.prefactors.force == (1000.0, 2.0)
    assert found.prefactors.virial == (0.0, 0.0)
    assert "optimizer.kalman_nue 0.9987: ignored, for another model or optimizer" in text
    assert warnings == ()


def test_a_deep_potential_is_translated(tmp_path: Path) -> None:
    """Without export and MD, which it has not here."""
    content = {
        **FIRST,
        "model_type": "DP",
        "raw_files": ["train.xyz"],
        "type_embedding": True,
        "model": {
            "descriptor": {"Rmax": 5.5, "Rmin": 1.0, "M2": 8, "network_size": [25, 25, 20]},
            "fitting_net": {"network_size": [50, 40, 1]},
        },
    }
    recipe, _, _ = translated(tmp_path, content)
    model = recipe.model
    assert isinstance(model, DPModelTable)
    assert (model.cutoff, model.smooth_cutoff, model.axis) == (5.5, 1.0, 8)
    assert (model.embedding, model.fitting) == ((25, 25, 20), (50, 40))
    assert model.type_embedding == 8
    assert recipe.export is None


@pytest.mark.parametrize(
    ("l_max", "expected"),
    [
        *[([4, 2, 0], ("222",)), ([4, 0, 0], ()), ([3, 0, 1], ("1111",)), (4, ()), ([4], ())],
        ([4, 1, 0, 1, 0, 1], ("222", "112", "233")),
    ],
)
def test_l_max_names_the_invariants(
    l_max: object, expected: tuple[str, ...], tmp_path: Path
) -> None:
    """Numbers behind the first switch the many-body terms on, in the order of nep.in."""
    model = {"descriptor": {"l_max": l_max, "cutoff": 5.0, "zbl": 2.0}}
    content = {**FIRST, "train_data": ["train.xyz"], "model": model}
    recipe, _, _ = translated(tmp_path, content)
    assert recipe.model.invariants == expected
    assert recipe.model.cutoff == (5.0, 5.0)
    assert recipe.model.zbl == 2.0


@pytest.mark.parametrize("widths", [30, [30], [30, 1]])
def test_one_hidden_layer_in_every_spelling(widths: object, tmp_path: Path) -> None:
    """The output of width 1 may be named."""
    model = {"fitting_net": {"network_size": widths}}
    content = {**FIRST, "train_data": ["train.xyz"], "model": model}
    assert translated(tmp_path, content)[0].model.neurons == 30


def test_a_model_beyond_gpumd_is_exported_for_lammps_alone(tmp_path: Path) -> None:
    """As in the examples for AuAg that come with PWMLFF."""
    descriptor = {"cutoff": [6.0, 4.0], "n_max": [16, 12], "basis_size": [12, 8]}
    content = {**FIRST, "train_data": ["train.xyz"], "model": {"descriptor": descriptor}}
    recipe, text, _ = translated(tmp_path, content)
    assert recipe.model.n_max == (16, 12)
    assert recipe.export is not None
    assert recipe.export.layouts == ("lammps",)
    assert "GPUMD and NEP_CPU cannot read a model of this size" in text


def test_an_unknown_key_is_a_warning_with_its_line(tmp_path: Path) -> None:
    """PWMLFF passes over it; a misspelled one would train another model."""
    content = {**FIRST, "train_data": ["train.xyz"], "optimizer": {"epochz": 5}}
    _, text, (warning,) = translated(tmp_path, content)
    assert "optimizer.epochz 5: unknown, ignored" in text
    assert "nep.json:12: optimizer.epochz: unknown" in warning
    assert 'did you mean "epochs"?' in warning


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "LINEAR"}, 'model_type: got "LINEAR", expected "NEP" or "DP"'),
        ({"model": {"model_type": 1}}, "dipoles and polarizabilities are not trained"),
        ({"atom_type": ["Xx"]}, 'atom_type: got "Xx", expected chemical symbols'),
        ({"atom_type": [True]}, "atom_type: got true"),
        ({"train_data": []}, "names no data"),
        ({"train_data": [3]}, "names of files"),
        ({"format": "lmdb"}, 'format: got "lmdb", expected one of'),
        ({"train_valid_ratio": 1.0}, "above 0 and below 1"),
        ({"optimizer": {"optimizer": "SGD"}}, 'expected "LKF", "GKF", "ADAM"'),
        ({"optimizer": {"epochs": "many"}}, 'optimizer.epochs: got "many", expected an integer'),
        ({"optimizer": {"train_force": 1}}, "expected true or false"),
        ({"model": {"fitting_net": {"network_size": [50, 50, 1]}}}, "one hidden layer"),
        ({"model": {"descriptor": {"cutoff": [6, 5, 4]}}}, "one value or two"),
        ({"model": {"descriptor": {"l_max": [4, 3, 1]}}}, "flags of invariants from 0 to 2"),
        ({"model": {"descriptor": {"l_max": [4, 2, 1, 1, 1, 1, 1, 1]}}}, "flags of invariants"),
        ({"format": ["extxyz"]}, 'format: got ["extxyz"], expected one of'),
    ],
)
def test_what_cannot_be_trained_is_refused_with_its_line(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """Never a recipe for something else."""
    with pytest.raises(DataError, match=r"nep\.json") as caught:
        translated(tmp_path, {**FIRST, "train_data": ["train.xyz"], **change})
    assert words in caught.value.message


def test_what_is_not_json_is_said_with_line_and_column(tmp_path: Path) -> None:
    """A comma after the last element is what people leave."""
    path = tmp_path / "nep.json"
    path.write_text('{\n  "model_type": "NEP",\n}\n')
    assert is_json(path)
    with pytest.raises(DataError, match=r"nep\.json:3:1: not JSON"):
        recipe_from_json(path, "x")
    with pytest.raises(UsageError, match=r"absent\.json"):
        recipe_from_json(tmp_path / "absent.json", "x")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"optimizer": {\n"epochs": 3,\n"epochs": 30}}', ":3: epochs: twice in one object"),
        ('{"train_data":\n["数据.xyz"]}'.encode("gbk"), ":2: not UTF-8 text"),
        ('{"model_type": "NEP"}'.encode("utf-16"), ":1: not UTF-8 text"),
        (b"", ":1:1: not JSON"),
        (b"[1]", "found a JSON list, expected an object"),
        (b'{"seed": ' + b"9" * 5000 + b"}", "a number is too long"),
        (b'{"a": ' + b"[" * 100_000, "brackets are nested too deeply"),
    ],
)
def test_a_damaged_input_is_refused_by_its_place(
    content: bytes, words: str, tmp_path: Path
) -> None:
    """Of a key that is written twice, neither counts silently."""
    path = tmp_path / "nep.json"
    path.write_bytes(content)
    assert is_json(path)
    with pytest.raises(DataError) as caught:
        recipe_from_json(path, "x")
    assert words in caught.value.message


def test_a_byte_order_mark_is_no_reason_to_stop(tmp_path: Path) -> None:
    """As editors on Windows write it."""
    path = tmp_path / "nep.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({**FIRST, "train_data": "a.xyz"}).encode())
    assert is_json(path)
    assert 'species = ["O", "Hf"]' in recipe_from_json(path, "x").text


def test_data_of_the_command_line_stand_for_those_of_the_input(tmp_path: Path) -> None:
    """Whose key is not called unknown."""
    path = tmp_path / "nep.json"
    path.write_text(json.dumps({**FIRST, "raw_files": ["a.xyz"]}))
    done = recipe_from_json(path, "x", Path("b.xyz"))
    assert 'train = ["b.xyz"]' in done.text
    assert "raw_files" in done.text
    assert done.warnings == ()


def test_a_test_input_names_model_data_and_format(tmp_path: Path) -> None:
    """Relative to the input; folders and files together are told by their content."""
    path = tmp_path / "nep_test.json"
    content = {"model_type": "NEP", "model_load_file": "nep_model.ckpt", "raw_files": ["M1"]}
    path.write_text(json.dumps({**content, "format": "pwmat/movement"}))
    found = comparison_input(path)
    assert found.model == tmp_path / "nep_model.ckpt"
    assert found.files == (tmp_path / "M1",)
    assert found.file_format == "movement"
    path.write_text(json.dumps({**content, "datasets_path": ["d"], "format": "pwmat/movement"}))
    assert comparison_input(path).file_format == ""
    path.write_text(json.dumps({"model_load_file": "nep_model.ckpt"}))
    with pytest.raises(DataError, match="has no test_data or"):
        comparison_input(path)
    path.write_text(json.dumps({"test_data": "a.xyz", "model_load_file": []}))
    with pytest.raises(DataError, match="expected the file of one model"):
        comparison_input(path)


def test_no_setting_stands_in_two_tables() -> None:
    """Ignored for a reason of its own, or used elsewhere."""
    assert not set(IGNORED) & set(OTHERS)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("train nep.json", "nepforge init --from nep.json, then: nepforge run recipe.toml"),
        ("toneplmps a.ckpt", "nepforge convert a.ckpt nep_to_lmps.txt --to lammps"),
        (
            "togpumd -m a.ckpt -t Hf O -n 32 64",
            "nepforge convert a.ckpt nep_to_gpumd.txt --to nep4 --counts Hf=32,O=64",
        ),
        ("topwmlff nep.txt nep.in", "nepforge convert nep.txt nep_from_gpumd.ckpt --to ckpt"),
        ("doctor", ""),
    ],
)
def test_commands_of_pwmlff_are_answered_with_ours(typed: str, expected: str) -> None:
    """With the files that were named."""
    command, *arguments = typed.split()
    assert nepforge_command(command, arguments) == expected
