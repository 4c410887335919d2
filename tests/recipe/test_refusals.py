"""What a recipe may not say: no value is coerced, every problem comes at once with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nepforge.errors import RecipeError, UsageError
from nepforge.recipe.load import format_problems, load_recipe

WRONG_VALUES = [
    ("seed = 7", "seed = true", "seed", "got true, expected an integer at least 0"),
    ("seed = 7", "seed = 7.0", "seed", "got 7.0, expected an integer at least 0"),
    ("seed = 7", 'seed = "7"', "seed", 'got "7", expected an integer at least 0'),
    ("seed = 7", "seed = -1", "seed", "got -1, expected an integer at least 0"),
    ("seed = 7", "seed = 9007199254740992", "seed", "below 2^53"),
    ("seed = 7", f"seed = 0x{'f' * 5000}", "seed", "got a very large integer"),
    ("seed = 7", "seed = 2026-11-22", "seed", "got the date or time 2026-11-22"),
    ("schema = 1", "schema = 2", "schema", "got 2, expected 1"),
    ("schema = 1", "schema = true", "schema", "got true, expected 1"),
    ("schema = 1", "schema = 1.0", "schema", "got 1.0, expected 1"),
    ('name = "toy"', "name = 3", "name", "got 3, expected a string"),
    ('name = "toy"', 'name = "../toy"', "name", "of 1 to 64 letters"),
    ("threads = 1", "threads = 0", "threads", "expected an integer from 1 to 1024"),
    ('["Hf", "O"]', '"HfO"', "data.species", 'got "HfO", expected an array'),
    ('["Hf", "O"]', '["Hf", "HF"]', "data.species[1]", "chemical symbol"),
    ('["Hf", "O"]', '["O", "O"]', "data.species[1]", "expected each once"),
    ('["Hf", "O"]', "[]", "data.species", "at least one element"),
    ("validation = 0.2", "validation = 1.0", "data.validation", "above 0 and below 1"),
    ("validation = 0.2", "validation = true", "data.validation", "got true"),
    ("validation = 0.2", 'validation = "a.xyz"', "data.validation", 'got "a.xyz"'),
    ("validation = 0.2", "validation = []", "data.validation", "at least one element"),
    ("validation = 0.2", 'validation = ["recipe.toml", "recipe.toml"]', "data.validation[1]",
     "each once"),
    ('["frames.xyz"]', '["frames.xyz", ""]', "data.train[1]", 'got "", expected a file name'),
    ('["frames.xyz"]', '[{ url = "x", sha256 = "0" }]', "data.train[0]", "by URL"),
    ('kind = "nep"', 'kind = "mace"', "model.kind", 'got "mace", expected "nep" or "dp"'),
    ("cutoff = [6.0, 5.0]", "cutoff = 6.0", "model.cutoff", "expected an array of 2"),
    ("cutoff = [6.0, 5.0]", "cutoff = [6.0]", "model.cutoff", "got an array of 1"),
    ("cutoff = [6.0, 5.0]", "cutoff = [inf, 5.0]", "model.cutoff[0]", "finite"),
    ("cutoff = [6.0, 5.0]", "cutoff = [5.0, 6.0]", "model.cutoff", "angular <= radial"),
    ("n_max = [4, 4]", "n_max = [4, 4.7]", "model.n_max[1]", "got 4.7"),
    ("n_max = [4, 4]", "n_max = [13, 4]", "model.n_max[0]", "read at most 12"),
    ("basis_size = [8, 8]", "basis_size = [8, 13]", "model.basis_size[1]", "read at most 12"),
    ("n_max = [4, 4]", "n_max = [4, 101]", "model.n_max[1]", "from 0 to 100"),
    ("l_max = 4", "l_max = 9", "model.l_max", "from 1 to 8"),
    ("l_max = 4", "l_max = 1", "model.invariants[0]", "it needs at least 2"),
    ('invariants = ["222"]', "invariants = [222]", "model.invariants[0]", 'expected "222"'),
    ("neurons = 40", "neurons = 121", "model.neurons", "read at most 120"),
    ('kind = "lkf"', 'kind = "sgd"', "optimizer.kind",
     'got "sgd", expected "lkf", "adam", "adamw" or "snes"'),
    ('kind = "lkf"', "", "optimizer.kind", 'missing, expected "lkf", "adam", "adamw" or "snes"'),
    ("force_groups = 2", "force_groups = 2\npatience = 0", "optimizer.patience", "at least 1"),
    ("p0_weight = 1.0", "p0_weight = 0", "optimizer.p0_weight", "above 0"),
    ("p0_weight = 1.0", "p0_weight = nan", "optimizer.p0_weight", "finite"),
    ("energy = 30.0, force = 1.0, virial = 1.0", "energy = 0, force = 0, virial = 0",
     "optimizer.weights", "at least one weight above 0"),
    ('layouts = ["nep5"]', 'layouts = ["nep4"]', "export.layouts", "one output bias per element"),
    ('ensemble = "nve"', 'ensemble = "nvt "', "md[0].ensemble", 'did you mean "nvt"?'),
    ('ensemble = "nve"', 'ensemble = "npt"', "md[0].pressure", "missing"),
    ("steps = 100", "steps = 100\npressure = 0", "md[0].pressure", "not used"),
    ("steps = 100", 'steps = 100\nprecision = "half"',
     "md[0].precision", 'expected "double" or "mixed"'),
    ('from = "data"', 'from = "file"', "md[0].structure.from", 'expected "data"'),
    ("ranks = 1", "ranks = 1\n[tolerances]\nvalid_force_rmse = 0.1",
     "tolerances.valid_force_rmse", "expected a table"),
    ("ranks = 1", "ranks = 1\n[tolerances]\nforce_rmse = { relative = 0.1 }",
     "tolerances.force_rmse", "valid_force_rmse"),
    ("ranks = 1", "ranks = 1\n[tolerances]\nvalid_force_rmse = {}",
     "tolerances.valid_force_rmse", "exactly one"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "path", "words"), WRONG_VALUES)
def test_a_wrong_value_is_refused_at_its_place(
    toy: Any, old: str, new: str, path: str, words: str
) -> None:
    """Nothing is coerced or clipped; the message says what was found and expected."""
    (problem,) = toy.refused((old, new)).problems
    assert problem.path == path
    assert words in f"{problem.message} {problem.hint}"
    assert problem.line > 0


def test_the_keys_of_an_optimizer_are_those_of_its_kind(toy: Any) -> None:
    """Keys of another kind are unknown, and suggestions come from its own."""
    error = toy.refused(
        ('kind = "lkf"', 'kind = "adam"\ndecay_step = 10\nlearning_rate = [1e-4, 1e-3]'),
        ("p0_weight = 1.0\n", ""),
    )
    found = {problem.path: f"{problem.message} {problem.hint}" for problem in error.problems}
    assert set(found) == {
        "optimizer.force_groups", "optimizer.decay_step", "optimizer.learning_rate",
    }  # fmt: skip
    assert 'did you mean "decay_steps"?' in found["optimizer.decay_step"]
    assert "a rate that falls" in found["optimizer.learning_rate"]


def test_five_errors_are_reported_at_once_with_their_lines(toy: Any) -> None:
    """Type, range, unknown key, missing key and a rule between keys, in the order of the file."""
    error = toy.refused(
        ("seed = 7", 'seed = "7"'),
        ("threads = 1\n", ""),
        ("cutoff = [6.0, 5.0]", "cutoff = [5.0, 6.0]"),
        ("neurons = 40", "neurons = 4000"),
        ("epochs = 6", "epoch = 6\nepochs = 6"),
    )
    lines = toy.path.read_text().splitlines()
    found = {problem.path: lines[problem.line - 1] for problem in error.problems if problem.line}
    assert found == {
        "seed": 'seed = "7"',
        "model.cutoff": "cutoff = [5.0, 6.0]",
        "model.neurons": "neurons = 4000",
        "optimizer.epoch": "epoch = 6",
    }
    assert [problem.path for problem in error.problems if not problem.line] == ["threads"]
    assert "5 problems" in error.message


def test_a_problem_shows_the_source_line_with_a_caret(toy: Any) -> None:
    """file:line:column, the line, a caret below the value, the next step."""
    error = toy.refused(("n_max = [4, 4]", "n_max = [4, 9]"))
    text = format_problems(error, toy.path.read_text(), Path("toy.toml"))
    assert text.splitlines()[:4] == [
        "toy.toml:14:13: model.n_max[1]: got 9, GPUMD and NEP_CPU read at most 8",
        "   14 | n_max = [4, 9]",
        "      |             ^",
        '      = lower it, or export.layouts = ["lammps"]',
    ]


def test_an_unknown_key_is_refused_with_a_suggestion(toy: Any) -> None:
    """A near key is suggested, otherwise the known keys are listed."""
    near = toy.refused(("epochs = 6", "epochs = 6\nbatchsize = 8")).problems[0]
    assert near.hint == 'did you mean "batch_size"?'
    far = toy.refused(('layouts = ["nep5"]', 'layouts = ["nep5"]\nqqq = 1')).problems[0]
    assert far.hint == "known keys: layouts"


def test_a_descriptor_that_gpumd_cannot_hold_is_refused(toy: Any) -> None:
    """(n_max + 1)(l_max + invariants) angular components, at most 90; 103 with the radial ones."""
    wide = (("n_max = [4, 4]", "n_max = [12, 8]"), ("l_max = 4", "l_max = 8"))
    invariants = 'invariants = ["222"]'
    toy.load(*wide, (invariants, 'invariants = ["222", "112"]'))
    error = toy.refused(*wide, (invariants, 'invariants = ["222", "112", "123"]'))
    assert [problem.message for problem in error.problems] == [
        "got 99 angular descriptors, GPUMD and NEP_CPU read at most 90",
        "got 112 descriptors, GPUMD and NEP_CPU read at most 103",
    ]


def test_what_is_not_exported_for_gpumd_may_be_larger(toy: Any) -> None:
    """PWMLFF's examples have 17 radial functions; LAMMPS runs them."""
    wide = ("n_max = [4, 4]", "n_max = [16, 12]")
    loaded = toy.load(wide, ('layouts = ["nep5"]', 'layouts = ["lammps"]'))
    assert loaded.recipe.model.n_max == (16, 12)


def test_two_md_runs_need_two_names(toy: Any) -> None:
    """The name of an MD run is the name of its stage."""
    text = toy.load().text
    md = text[text.index("[[md]]") :]
    (problem,) = toy.refused(("ranks = 1\n", "ranks = 1\n\n" + md)).problems
    assert problem.path == "md[1].name"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a = 1\nb = [1,\n", "r.toml:2:8", "not TOML"),
        ("a = 1\na = 2\n", "r.toml:2:1", "given twice"),
        ("a = 2026-13-45\n", "r.toml:1:9", "not TOML"),
        ("a = " + "[" * 5000 + "]" * 5000, "r.toml", "nested too deeply"),
        ("a = " + "9" * 5000, "r.toml", "not TOML"),
    ],
)
def test_text_that_is_not_toml_is_refused(
    tmp_path: Path, text: str, place: str, words: str
) -> None:
    """The place is shown where the parser names one; nothing ends in a traceback."""
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    shown = format_problems(caught.value, text, Path("r.toml"))
    assert shown.startswith(f"{place}: ")
    assert words in shown


def test_bytes_that_are_not_text_are_refused_with_their_line(tmp_path: Path) -> None:
    """A Latin-1 file names the line of its first foreign byte."""
    path = tmp_path / "r.toml"
    path.write_bytes("schema = 1\nname = 'HfO²'\n".encode("latin-1"))
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (2, 12)


@pytest.mark.parametrize("name", ["nowhere.toml", "."])
def test_a_recipe_that_cannot_be_opened_is_a_usage_error(tmp_path: Path, name: str) -> None:
    """A missing file or a folder: one sentence."""
    with pytest.raises(UsageError, match="cannot read the recipe"):
        load_recipe(tmp_path / name)
