"""What `import nepforge` offers to other programs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import nepforge
from nepforge.errors import UsageError

SCRIPT = """\
from pathlib import Path

import nepforge

loaded = nepforge.load_recipe("recipe.toml")
finished = nepforge.run(loaded, workspace=Path())
run = nepforge.open_run(finished.run_hash)
rmse: float = run.metrics["evaluate.valid_force_rmse"]
species: tuple[str, ...] = nepforge.open_model(run.model).species
energies: list[float] = [found.energy for found in nepforge.infer(run.model, [])]
calculator = nepforge.Calculator(run.model, threads=2)
version: str = nepforge.__version__
"""


def test_every_public_name_is_listed_and_can_be_imported() -> None:
    """`dir` lists them before they are imported."""
    assert set(nepforge.__all__) <= set(dir(nepforge))
    assert all(getattr(nepforge, name) is not None for name in nepforge.__all__)
    unknown = "no_such_name"
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        getattr(nepforge, unknown)


@pytest.mark.slow
def test_a_program_that_uses_them_is_typed(tmp_path: Path) -> None:
    """py.typed is there, and mypy --strict accepts and checks a user's script."""
    script = tmp_path / "script.py"
    for text, status in ((SCRIPT, 0), (SCRIPT.replace("rmse: float", "rmse: str"), 1)):
        script.write_text(text)
        command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", str(script)]
        answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert answer.returncode == status, answer.stdout + answer.stderr


def test_an_unknown_run_is_wrong_usage(tmp_path: Path) -> None:
    """As on the command line."""
    with pytest.raises(UsageError, match="no entry"):
        nepforge.open_run("abcd", tmp_path)


def test_a_recipe_is_named_by_a_path_or_a_text(tmp_path: Path) -> None:
    """Present or missing, as `run` takes it."""
    recipe = Path(__file__).parents[1] / "recipes" / "smoke" / "hfo2_smoke.toml"
    assert nepforge.load_recipe(str(recipe)).hash == nepforge.load_recipe(recipe).hash
    with pytest.raises(UsageError, match=r"missing\.toml"):
        nepforge.load_recipe(str(tmp_path / "missing.toml"))
