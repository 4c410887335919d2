"""Files that are not recipes are recognised, and TOML mistakes are explained in plain words."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nepforge.errors import DataMissingError, Problem, RecipeError, UsageError
from nepforge.recipe.load import load_recipe
from nepforge.recipe.value_units import units
from tests.recipe.conftest import changed

ROOT = Path(__file__).parents[2]


def _zip(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, "{}")
    return stream.getvalue()


def _npy() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


OTHERS: list[tuple[str, bytes, str, str]] = [
    ("nep.json", b'{"model_type": "NEP", "train_data": ["a"]}', "PWMLFF", "--from"),
    ("train.json", json.dumps({"atom_type": [8], "optimizer": {}}).encode(), "PWMLFF", "--from"),
    ("input.json", b'{"model": {}, "learning_rate": {}, "training": {}}', "DeePMD-kit", "dp"),
    ("summary.json", b'{"run_hash": "0", "recipe_hash": "0"}', "summary of a run", "recipe.toml"),
    ("any.json", b'{"a": 1}', "JSON", "nepforge init"),
    ("torn.json", b'{"a": 1,\n', "JSON", "nepforge init"),
    ("ledger.jsonl", b'{"v":1,"seq":0,"prev":"00"}\n{"v":1}\n', "a ledger", "ledger log"),
    ("nep.in", b"type 2 Hf O\nversion 4\ncutoff 6 5\n", "nep.in", "--from"),
    ("settings", b"# mine\ntype 1 Si\n", "nep.in", "--from"),
    ("nep.txt", b"nep4 2 Hf O\ncutoff 6 5 80 40\n", "a NEP model", "start_from"),
    ("nep.txt", b"nep4_zbl 1 Si\nzbl 1 2\n", "a NEP model", "start_from"),
    ("a.xyz", b"3\ncomment\nO 0 0 0\nH 0 0 1\nH 0 1 0\n", "structures", "data show"),
    (
        "two.xyz",
        2 * b'1\nLattice="5 0 0" Properties=species:S:1:pos:R:3\nO 0 0 0\n',
        "extxyz",
        "show",
    ),
    ("POSCAR", b"Si\n1.0\n5 0 0\n0 5 0\n0 0 5\nSi\n1\nDirect\n0 0 0\n", "poscar", "data show"),
    ("OUTCAR", b" vasp.5.4.4 build\n", "outcar", "data show"),
    ("in.run", b"units metal\natom_style atomic\npair_style x\n", "LAMMPS", "[[md]]"),
    ("r.yaml", b"model:\n  kind: nep\ndata:\n  - a\n", "YAML", "key = value"),
    ("r.py", b"import numpy\nfrom ase import io\n", "Python", "nepforge init"),
    ("r.html", b"<html></html>", "XML or HTML", "nepforge init"),
    ("r.toml", "schema = 1\n".encode("utf-16"), "UTF-16", "UTF-8"),
    ("run.zip", _zip("ro-crate-metadata.json"), "a bundle", "reproduce"),
    ("model.ckpt", _zip("m/data.pkl"), "a model checkpoint", "inspect"),
    ("train.npz", _zip("a.npy"), "NumPy", "nepforge init"),
    ("a.npy", _npy(), "NumPy", "data.train"),
    ("r.toml.gz", gzip.compress(b"schema = 1\n"), "gzip", "unpack"),
]


def _problems(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    return caught.value.problems


@pytest.mark.parametrize(("name", "content", "kind", "advice"), OTHERS)
def test_a_file_of_another_kind_is_recognised(
    tmp_path: Path, name: str, content: bytes, kind: str, advice: str
) -> None:
    """With what to do with it; no line of it is called wrong."""
    path = tmp_path / name
    path.write_bytes(content)
    (problem,) = _problems(path)
    assert problem.message.startswith("this file is ")
    assert kind in problem.message
    assert advice in problem.hint
    assert problem.line == 0


def test_a_byte_order_mark_is_no_part_of_a_recipe(toy: Any) -> None:
    """As editors of Windows write it: the same hash, the same places."""
    plain = toy.load()
    toy.path.write_bytes(b"\xef\xbb\xbf" + changed().encode())
    marked = load_recipe(toy.path)
    assert (marked.hash, marked.positions) == (plain.hash, plain.positions)


@pytest.mark.parametrize("bad", ["[data]\nx = 1\ny = \xff", "train = [\n"])
def test_a_recipe_with_a_mistake_is_not_taken_for_something_else(toy: Any, bad: str) -> None:
    """Its line is shown."""
    toy.path.write_text(changed() + bad, encoding="latin-1")
    (problem,) = _problems(toy.path)
    assert problem.line > 30


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("temperature = 300 K", "write 300: it is in K"),
        ("temperature = 27 C", "it is in K: 27 C is 300.15"),
        ("cutoff = [5 A, 4 A]", "write 5: it is in Å"),
        ("timestep = 0.001 ps  # short", "it is in fs: 0.001 ps is 1"),
        ("kind = nep", 'strings need quotes: "nep"'),
        ("species = [Hf, O]", 'strings need quotes: "Hf"'),
        ("train = ./a.xyz", 'strings need quotes: "./a.xyz"'),
        ("x = True", "write true"),
        ("x = None", "remove the key"),
        ("x = ", "the value is missing; remove the key to use its default"),
        ("x = 1d-3", "write 1e-3"),
        ("x = .5", "write 0.5"),
        ("x = 5.", "write 5.0"),
        ("x = 007", "write 7"),
        ("x = 1,5", "write 1.5"),
        ('x = "C:\\data"', "\\ is an escape in double quotes: write /, or use single quotes"),
        ("x = “a”", 'use straight quotes: "'),
        ("x: 1", "TOML writes key = value"),
    ],
)  # fmt: skip
def test_a_line_that_is_not_toml_says_what_to_write(toy: Any, line: str, hint: str) -> None:
    """Units, quotes, Fortran's exponents."""
    toy.path.write_text(f"{changed()}\n[other]\n{line}\n")
    (problem,) = _problems(toy.path)
    assert (problem.hint, problem.line) == (hint, 41)


@pytest.mark.parametrize(
    ("text", "path", "lines"),
    [
        ("a = 1\nb = 2\na = 3\n", "a", (1, 3)),
        ("[a]\nb = 1\n[c]\n[a]\n", "a", (1, 4)),
        ("a.b = 1\n[a]\nb = 2\n", "a.b", (1, 3)),
        ("a = { b = 1, b = 2 }\n", "a.b", (1, 1)),
        ("[[md]]\nx = 1\n[md]\n", "md", (1, 3)),
        ("[md]\nx = 1\n[[md]]\n", "md", (1, 3)),
        ("[[md]]\nx = 1\n[[md]]\nx = 1\nx = 2\n", "md[1].x", (4, 5)),
    ],
)
def test_what_is_given_twice_is_shown_with_both_lines(
    tmp_path: Path, text: str, path: str, lines: tuple[int, int]
) -> None:
    """Keys, tables, and tables beside arrays of tables."""
    recipe = tmp_path / "r.toml"
    recipe.write_text(text)
    (problem,) = _problems(recipe)
    assert (problem.path, problem.line) == (path, lines[1])
    assert problem.message == f"given twice, first in line {lines[0]}"


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("temperature = 300.0", 'temperature = "300 K"', "write 300: it is in K"),
        ("temperature = 300.0", 'temperature = "300"', "write the number without quotes: 300"),
        ("temperature = 300.0", 'temperature = "27 °C"', "it is in K: 27 °C is 300.15"),
        ("cutoff = [6.0, 5.0]", 'cutoff = ["6 Å", 5.0]', "write 6: it is in Å"),
        ("cutoff = [6.0, 5.0]", 'cutoff = "0.6 nm"', "it is in Å: 0.6 nm is 6"),
        ("timestep = 1.0", 'timestep = "0.5ps"', "it is in fs: 0.5 ps is 500"),
        ("timestep = 1.0", 'timestep = "1 K"', "write a number alone, in fs"),
        ("p0_weight = 1.0", 'p0_weight = "1e-2"', "write the number without quotes: 1e-2"),
        ("steps = 100", 'steps = "100 steps"', "write the number alone: 100"),
        ('ensemble = "nve"', 'ensemble = "npt"\npressure = "1 GPa"',
     "it is in bar: 1 GPa is 10000"),
        ("seed = 7", 'seed = "seven"', ""),
        ("temperature = 300.0", 'temperature = "hot"', ""),
    ],
)  # fmt: skip
def test_a_number_in_quotes_says_what_to_write(toy: Any, old: str, new: str, hint: str) -> None:
    """In the unit of the key, converted where it was given in another one."""
    problem = toy.refused((old, new)).problems[0]
    assert problem.hint == hint


def test_the_units_of_hints_are_those_of_the_reference() -> None:
    """recipes/README.md has them beside the keys; minutes are in the name."""
    text = (ROOT / "recipes" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", text, re.MULTILINE)
    documented = {name: unit.strip() for name, unit in rows if unit.strip()}
    for name, unit in units().items():
        assert documented[name] == unit


def test_missing_files_come_with_all_other_problems(toy: Any) -> None:
    """Of every key that names files; with the name that may be meant."""
    toy.data.with_name("frames.xyz.gz").write_text("x")
    error = toy.refused(
        ("seed = 7", "seed = -7"),
        ('["frames.xyz"]', '["frame.xyz", "no/where.xyz"]'),
        ("validation = 0.2", 'validation = ["valid.xyz"]'),
        ('kind = "nep"', 'kind = "nep"\nstart_from = "nep.txt"'),
        ('from = "data", index = 0', 'file = "cell.cif"'),
    )
    hints = {problem.path: problem.hint for problem in error.problems}
    assert list(hints) == [
        *("seed", "data.train[0]", "data.train[1]", "data.validation[0]"),
        *("model.start_from", "md[0].structure.file"),
    ]
    assert hints["data.train[0]"] == 'did you mean "frames.xyz"?'
    with pytest.raises(DataMissingError, match=r'does not exist \(did you mean "frames.xyz"\?\)'):
        toy.load(('["frames.xyz"]', '["frame.xyz"]'))


def test_a_name_that_is_right_from_another_folder_is_explained(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are relative to the recipe, not to where the command is typed."""
    folder = toy.path.parent
    (folder / "sub").mkdir()
    (folder / "sub" / "recipe.toml").write_text(changed())
    monkeypatch.chdir(folder)
    with pytest.raises(DataMissingError, match=r'folder of the recipe: "\.\./frames\.xyz"'):
        load_recipe(Path("sub/recipe.toml"))


def test_a_recipe_that_is_not_there_names_those_that_are(toy: Any) -> None:
    """The near one, or all of the folder."""
    toy.load()
    with pytest.raises(UsageError) as caught:
        load_recipe(toy.path.with_name("recpie.toml"))
    assert caught.value.hint == 'did you mean "recipe.toml"?'
    with pytest.raises(UsageError) as caught:
        load_recipe(toy.path.parent)
    assert "this folder has: recipe.toml" in caught.value.hint
