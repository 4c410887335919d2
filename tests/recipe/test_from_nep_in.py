"""GPUMD's nep.in becomes a recipe that is read; nothing of it is lost in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from nepforge.errors import DataError, UsageError
from nepforge.recipe.from_nep_in import IGNORED, USED, data_beside, recipe_from_nep_in
from nepforge.recipe.load import load_recipe
from nepforge.recipe.tables import Recipe, ZblRange

NEP_IN = """\
# settings of PbTe
type     2 Te Pb    # as in the data
version  4
cutoff   8 4
n_max    4 6
basis_size 10 8
l_max    4 2 0 1
neuron   50
lambda_v 0
generation 100000
"""


def recipe_of(folder: Path, text: str) -> Recipe:
    (folder / "nep.in").write_text(text)
    (folder / "train.xyz").write_text("frames")
    path = folder / "recipe.toml"
    path.write_text(recipe_from_nep_in(folder / "nep.in", "pbte", ["train.xyz"], []))
    return load_recipe(path).recipe


def test_sizes_and_species_are_those_of_nep_in(tmp_path: Path) -> None:
    """A recipe that passes the check."""
    recipe = recipe_of(tmp_path, NEP_IN)
    model = recipe.model
    assert recipe.name == "pbte"
    assert recipe.data.species == ("Te", "Pb")
    assert (model.cutoff, model.n_max, model.basis_size) == ((8.0, 4.0), (4, 6), (10, 8))
    assert (model.l_max, model.invariants, model.neurons) == (4, ("222", "112"), 50)
    assert recipe.optimizer.weights.virial == 0.0
    assert recipe.optimizer.weights.energy > 0.0


def test_what_is_not_said_is_gpumds_default(tmp_path: Path) -> None:
    """Not nepforge's."""
    model = recipe_of(tmp_path, "type 1 Si\n").model
    assert (model.cutoff, model.neurons, model.invariants) == ((8.0, 4.0), 30, ("222",))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("zbl 2", 2.0),
        ("zbl 2\nuse_typewise_cutoff_zbl", ZblRange(outer=2.0, factor=0.65)),
        ("use_typewise_cutoff_zbl 0.7\nzbl 2.5", ZblRange(outer=2.5, factor=0.7)),
    ],
)
def test_zbl_in_either_order(lines: str, expected: object, tmp_path: Path) -> None:
    """The type-wise factor may stand before the outer cutoff."""
    assert recipe_of(tmp_path, f"type 1 Si\n{lines}\n").model.zbl == expected


ROW = "0.5 1.5 0.1 1.0 0.2 2.0 0.3 3.0 0.4 4.0"


def test_keywords_that_say_nothing_are_taken(tmp_path: Path) -> None:
    """Of newer GPUMD, at the values that change nothing."""
    lines = "loss_mode 0\nlambda_d 0.0\ntrain_mode 0\nseed 7\nimport_q_scaler 0\ncheckpoint 9"
    assert recipe_of(tmp_path, f"type 1 Si\n{lines}\n").data.species == ("Si",)


@pytest.mark.parametrize("zbl", ["zbl 2", "zbl 0", "zbl 0 0", "zbl 2\nuse_typewise_cutoff_zbl"])
def test_zbl_in_beside_nep_in_is_the_flexible_zbl(zbl: str, tmp_path: Path) -> None:
    """As GPUMD takes it: the number behind zbl is not used."""
    (tmp_path / "zbl.in").write_text(f"{ROW}\n" * 3)
    recipe = recipe_of(tmp_path, f"type 2 Te Pb\n{zbl}\n")
    assert recipe.model.zbl == (tuple(map(float, ROW.split())),) * 3
    assert recipe_of(tmp_path, "type 2 Te Pb\n").model.zbl is None  # without a line zbl


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (f"{ROW}\n", "found 1 lines, expected 3 for 2 species"),
        (f"{ROW}\n{ROW}\n1 2\n", r"zbl\.in:3: row: got '1 2', expected 10"),
        (f"{ROW}\n{ROW}\n{ROW} 3\n", r"zbl\.in:3: row: got"),
    ],
)
def test_a_damaged_zbl_in_is_refused(table: str, words: str, tmp_path: Path) -> None:
    """With its line."""
    (tmp_path / "zbl.in").write_text(table)
    with pytest.raises(DataError, match=words):
        recipe_of(tmp_path, "type 2 Te Pb\nzbl 2\n")


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    """As Windows editors write them."""
    (tmp_path / "nep.in").write_bytes(b"\xef\xbb\xbftype 1 Si\r\ncutoff 6 5\r\n")
    text = recipe_from_nep_in(tmp_path / "nep.in", "x", ["train.xyz"], [])
    assert "cutoff = [6.0, 5.0]" in text


def test_a_cutoff_for_each_species_is_taken(tmp_path: Path) -> None:
    """In the order of `type`."""
    cutoff = recipe_of(tmp_path, "type 2 Te Pb\ncutoff 8 4 6 5\n").model.cutoff
    assert cutoff == ((8.0, 4.0), (6.0, 5.0))


def test_every_line_is_accounted_for_in_a_comment(tmp_path: Path) -> None:
    """Used or ignored, with the reason."""
    (tmp_path / "nep.in").write_text(NEP_IN)
    text = recipe_from_nep_in(tmp_path / "nep.in", "x", ["train.xyz"], ["test.xyz"])
    assert "#   cutoff 8 4: used\n" in text
    assert f"#   generation 100000: ignored, {IGNORED['generation']}\n" in text
    assert 'validation = ["test.xyz"]' in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("version 2", r"nep\.in:2: version: expected 3, 4 or 5"),
        ("model_type 1", "asks for dipoles"),
        ("charge_mode 2", "asks for charges"),
        ("train_mode 1", "asks for dipoles or polarizabilities"),
        ("loss_mode 1", "asks for errors divided by standard deviations"),
        ("lambda_d 0.5", "asks for energy differences"),
        ("use_typewise_cutoff 2.5 2", r"cutoffs made of covalent radii .GPUMD 3.9.5 to 4.6."),
        ("prediction 1", "asks for predictions"),
        ("neuron 30 20", "two hidden layers"),
        ("cutoff 8 4 6", "expected pairs"),
        ("cutoff 8 nan", "expected 2 or more numbers"),
        ("n_max 4", "expected 2 integers"),
        ("l_max 4 2.0", "expected 1 to 7 integers"),
        ("l_max 4 3", "expected flags from 0 to 2"),
        ("l_max 4 -1", "expected flags from 0 to 2"),
        ("zbl 0", "a flexible ZBL is in zbl.in, which is not beside this file"),
        ("use_typewise_cutoff_zbl", "without a line zbl"),
        ("type 3 Te Pb", "expected a count and as many species"),
        ("type 1 Xx", "Xx is not a chemical symbol"),
        ("fine_tune", "expected a model file"),
        ("neurons 30", "unknown keyword 'neurons'"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_its_line(
    line: str, words: str, tmp_path: Path
) -> None:
    """Never a recipe for another model."""
    (tmp_path / "nep.in").write_text(f"type 1 Si\n{line}\n")
    with pytest.raises(DataError, match=words):
        recipe_from_nep_in(tmp_path / "nep.in", "x", ["train.xyz"], [])


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    """Instead of the advice to take its first line out."""
    (tmp_path / "a.xyz").write_text('1\nLattice="5 0 0 0 5 0 0 0 5"\nSi 0 0 0\n')
    with pytest.raises(DataError, match="unknown keyword '1'") as caught:
        recipe_from_nep_in(tmp_path / "a.xyz", "x", ["train.xyz"], [])
    assert caught.value.hint.startswith("this file is structures (extxyz); ")


def test_a_file_without_species_or_no_file_is_refused(tmp_path: Path) -> None:
    """`type` is the one line without which nothing can be trained."""
    (tmp_path / "nep.in").write_text("cutoff 8 4\n")
    with pytest.raises(DataError, match="no line 'type'"):
        recipe_from_nep_in(tmp_path / "nep.in", "x", [], [])
    with pytest.raises(UsageError, match=r"absent\.in"):
        recipe_from_nep_in(tmp_path / "absent.in", "x", [], [])


def test_data_are_found_where_gpumd_has_them(tmp_path: Path) -> None:
    """train.xyz and, when it is there, test.xyz beside nep.in; or the file that was named."""
    path = tmp_path / "nep.in"
    assert data_beside(path) == ([(tmp_path / "train.xyz").as_posix()], [])
    (tmp_path / "test.xyz").touch()
    assert data_beside(path)[1] == [(tmp_path / "test.xyz").as_posix()]
    assert data_beside(path, Path("own.xyz")) == (["own.xyz"], [])


def test_no_keyword_is_both_used_and_ignored() -> None:
    """One table each."""
    assert not USED.keys() & IGNORED.keys()
