"""nepforge infer, test, convert, inspect and init --from: what they print and write."""

from __future__ import annotations

import json
from pathlib import Path

import ase
import ase.io
import pytest
from click.testing import CliRunner, Result

from nepforge import cli
from nepforge.evaluate.inference import infer
from nepforge.recipe.load import load_recipe
from tests.nep_files import KINDS, random_structure

DUMP = """ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp pp pp
0.0 6.0
0.0 6.0
0.0 6.0
ITEM: ATOMS id type x y z
1 1 0.0 0.0 0.0
2 2 1.8 0.0 0.0
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with nep.txt and two unlabelled structures."""
    monkeypatch.chdir(tmp_path)
    KINDS["bias per species"].write(tmp_path / "nep.txt")
    atoms = []
    for seed in (1, 2):
        structure = random_structure(seed)
        atoms.append(
            ase.Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=True)
        )
    ase.io.write(tmp_path / "plain.xyz", atoms, format="extxyz")
    ase.io.write(tmp_path / "one.vasp", atoms[0], format="vasp")
    return tmp_path


def nepforge(*arguments: str) -> Result:
    return CliRunner().invoke(cli.commands, list(arguments), prog_name="nepforge")


def test_infer_prints_one_line_a_structure(folder: Path) -> None:
    """Of several files in several formats, without labels."""
    answer = nepforge("infer", "nep.txt", "plain.xyz", "one.vasp")
    lines = answer.stdout.splitlines()
    assert answer.exit_code == 0, answer.output
    assert len(lines) == 4
    assert lines[0].startswith("structure")
    assert lines[1].split()[2] == lines[3].split()[2]  # the same structure, the same energy
    assert folder


def test_infer_writes_labels_that_test_finds_exact(folder: Path) -> None:
    """extxyz with energy, forces and virial; the errors against them are zero."""
    assert (
        nepforge(
            "infer", "nep.txt", "plain.xyz", "--format", "extxyz", "--output", "labelled.xyz"
        ).exit_code
        == 0
    )
    answer = nepforge("test", "nep.txt", "labelled.xyz", "--json", "--output", "report")
    metrics = json.loads(answer.stdout)
    assert metrics["n_frames"] == 2
    for name in ("energy_rmse", "force_rmse", "virial_rmse"):
        assert metrics[name] == pytest.approx(0.0, abs=1e-12)
    assert (folder / "report" / "parity_forces.png").exists()
    assert (folder / "report" / "frames.csv").read_text().count("\n") == 3


def test_test_finds_labels_under_other_names(folder: Path) -> None:
    """With the options of `nepforge data`; without them it names what it did not read."""
    nepforge("infer", "nep.txt", "plain.xyz", "--format", "extxyz", "--output", "labelled.xyz")
    path = folder / "labelled.xyz"
    path.write_text(path.read_text().replace(" energy=", " REF_energy="))
    answer = nepforge("test", "nep.txt", "labelled.xyz", "--energy", "REF_energy", "--json")
    assert json.loads(answer.stdout)["energy_rmse"] < 1.0e-9
    answer = nepforge("test", "nep.txt", "labelled.xyz", "--json")
    assert "energy_rmse" not in json.loads(answer.stdout)
    assert "--energy REF_energy" in answer.stderr


def test_unconverged_labels_are_not_compared(folder: Path) -> None:
    """Nor are predictions marked unconverged: `infer` takes every structure."""
    words = ("infer", "nep.txt", "plain.xyz", "--format", "extxyz", "--output", "labelled.xyz")
    assert nepforge(*words).exit_code == 0
    text = (folder / "labelled.xyz").read_text()
    marked = folder / "marked.xyz"
    marked.write_text(text.replace("energy=", "scf_converged=F energy=", 1))
    answer = nepforge("test", "nep.txt", "marked.xyz", "--json")
    assert json.loads(answer.stdout)["n_frames"] == 1
    assert "marked.xyz:0" in answer.stderr
    answer = nepforge("infer", "nep.txt", "marked.xyz", "--format", "extxyz", "--output", "b.xyz")
    assert answer.exit_code == 0
    assert (folder / "b.xyz").read_text() == text


def test_infer_gives_all_numbers_as_json(folder: Path) -> None:
    """Energies, forces, virial and stress of every structure."""
    answer = nepforge("infer", "nep.txt", "plain.xyz", "--format", "json")
    found = json.loads(answer.stdout)["structures"]
    assert [entry["source"] for entry in found] == ["plain.xyz:0", "plain.xyz:1"]
    assert len(found[0]["forces"]) == len(found[0]["energies"]) == 8
    assert folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("infer", "absent.txt", "plain.xyz"), "absent.txt: found no file"),
        (("infer", "nep.txt", "absent.xyz"), "absent.xyz: does not exist"),
        (("infer", "plain.xyz", "plain.xyz"), "plain.xyz:1: found '8'"),
        (("infer", "nep.txt", "plain.xyz", "--format", "extxyz"), "needs an output file"),
        (("infer", "nep.txt", "plain.xyz", "--output", "nep.txt"), "nep.txt: exists"),
        (("test", "nep.txt", "plain.xyz"), "none of the frames has labels"),
        (("convert", "nep.txt", "nep4.txt"), "--counts Si=32,O=64"),
        (("convert", "nep.txt", "nep4.txt", "--counts", "Si"), '"Si" is not a count'),
        (("inspect", "plain.xyz"), "plain.xyz:1"),
        (("inspect", "nep.txt", "--plot", "g.png", "--species", "Hf"), "but not Hf"),
        (("init", "--from", "absent.in"), "absent.in"),
    ],
)
def test_bad_input_ends_with_a_message(
    arguments: tuple[str, ...], words: str, folder: Path
) -> None:
    """With a non-zero exit status, without a traceback."""
    answer = nepforge(*arguments)
    assert answer.exit_code != 0
    assert words in answer.output
    assert "Traceback" not in answer.output
    assert folder


def test_convert_warns_and_writes_nep_in(folder: Path) -> None:
    """nep4 for one composition; nep5 for all, with the same energies."""
    answer = nepforge("convert", "nep.txt", "nep4.txt", "--counts", "Si=4,O=4")
    assert "wrote nep4.txt, nep.in" in answer.stdout
    assert "warning: total energies hold for the composition Si4 O4 only" in answer.stderr
    assert nepforge("convert", "nep.txt", "nep5.txt").exit_code == 0
    lines = [nepforge("infer", name, "plain.xyz").stdout for name in ("nep.txt", "nep5.txt")]
    assert lines[0] == lines[1]
    assert folder


def test_inspect_prints_what_a_recipe_needs(folder: Path) -> None:
    """The same facts as text and as JSON; a figure when asked for."""
    text = nepforge("inspect", "nep.txt", "--plot", "g.png").stdout
    facts = json.loads(nepforge("inspect", "nep.txt", "--json").stdout)
    assert 'species            ["Si", "O"]' in text
    assert f"parameters         {facts['n_parameters']}" in text
    assert (folder / "g.png").exists()


def test_init_from_nep_in_writes_a_recipe_that_is_read(folder: Path) -> None:
    """The data file may be named; otherwise train.xyz and test.xyz lie beside nep.in."""
    (folder / "nep.in").write_text("type 2 Si O\ncutoff 5 4\n")
    assert nepforge("init", "--from", "nep.in", "plain.xyz").exit_code == 0
    recipe = load_recipe(folder / "recipe.toml").recipe
    assert recipe.data.train == ("plain.xyz",)
    assert recipe.model.cutoff == (5.0, 4.0)
    (folder / "plain.xyz").rename(folder / "train.xyz")
    (folder / "test.xyz").write_text("other frames")
    assert nepforge("init", "sio2", "--from", "nep.in").exit_code == 0
    recipe = load_recipe(folder / "sio2.toml").recipe
    assert (recipe.data.train, recipe.data.validation) == (("train.xyz",), ("test.xyz",))


def test_inputs_and_words_of_pwmlff_are_taken(folder: Path) -> None:
    """nep.json, a format and elements behind the structure, as the manual types them."""
    content = {"model_type": "NEP", "atom_type": [14, 8], "datasets_path": ["plain.xyz"]}
    (folder / "nep.json").write_text(json.dumps(content | {"max_neighbor": 100}))
    answer = nepforge("init", "--from", "nep.json")
    assert "nep.json:1: max_neighbor: unknown, ignored" in answer.stderr
    assert load_recipe(folder / "recipe.toml").recipe.data.species == ("Si", "O")
    direct = nepforge("infer", "nep.txt", "one.vasp").stdout
    assert nepforge("infer", "nep.txt", "one.vasp", "vasp/poscar").stdout == direct
    (folder / "0.lammpstrj").write_text(DUMP)
    typed = nepforge("infer", "nep.txt", "0.lammpstrj", "lammps/dump", "Si", "O")
    named = nepforge("infer", "nep.txt", "0.lammpstrj", "--species", "Si,O")
    assert typed.exit_code == 0, typed.output
    assert typed.stdout == named.stdout


def test_a_test_input_of_pwmlff_is_run(folder: Path) -> None:
    """Into test_result, where PWMLFF writes too."""
    arguments = ("--format", "extxyz", "--output", "labelled.xyz")
    assert nepforge("infer", "nep.txt", "plain.xyz", *arguments).exit_code == 0
    content = {"model_load_file": "nep.txt", "test_data": ["labelled.xyz"], "format": "extxyz"}
    (folder / "nep_test.json").write_text(json.dumps(content))
    answer = nepforge("test", "nep_test.json", "--json")
    assert json.loads(answer.stdout)["force_rmse"] == pytest.approx(0.0, abs=1e-12)
    assert (folder / "test_result" / "frames.csv").exists()
    refused = nepforge("test", "nep.txt")
    assert "nepforge test nep.txt DATA..." in refused.output


def test_a_command_of_pwmlff_is_answered_with_ours(folder: Path) -> None:
    """A usage error with the command to type."""
    answer = nepforge("toneplmps", "nep_model.ckpt")
    assert answer.exit_code == 2
    assert "next: nepforge convert nep_model.ckpt nep_to_lmps.txt --to lammps" in answer.output
    assert folder


def test_threads_are_an_option(folder: Path) -> None:
    """The same numbers on two threads."""
    one = nepforge("infer", "nep.txt", "plain.xyz").stdout
    assert nepforge("infer", "nep.txt", "plain.xyz", "--threads", "2").stdout == one
    assert infer(folder / "nep.txt", []) == []
