"""nep.in says what the header of nep.txt says, record by record; `init --from` reads it back."""

from __future__ import annotations

import itertools
from pathlib import Path

import attrs
import pytest

from nepforge.errors import RecipeError
from nepforge.formats.convert import convert_model
from nepforge.formats.gpumd_settings import settings_files
from nepforge.formats.neighbor_counts import NeighborCounts
from nepforge.formats.nep_txt import format_header
from nepforge.formats.open_model import open_nep
from nepforge.models.nep.invariants import INVARIANTS
from nepforge.models.nep.network import NEP
from nepforge.models.nep.zbl import ZBL
from nepforge.plan.build import build
from nepforge.recipe.from_nep_in import recipe_from_nep_in
from nepforge.recipe.load import load_recipe
from nepforge.stages.first_model import model_from_table
from tests.nep_files import KINDS, NepFile

LARGEST_ANGULAR_N_MAX = 8  # of GPUMD, and so of a recipe
MORE = {
    "three species": NepFile(species=("Si", "O", "H"), cutoff="5.0 4.5 4.0 3.0 4.2 4.2"),
    "nep4 of 222 alone": NepFile(l_max="4 2 0"),
    "nep4 of 1111 alone": NepFile(l_max="4 0 1"),
    "222 and 112": NepFile(l_max="4 2 0 1"),
    "134 alone": NepFile(l_max="4 0 0 0 0 0 1"),
    "odd cutoffs": NepFile(cutoff="5.123456789 4.000000001"),
}
SUBSETS = [
    names for n in range(len(INVARIANTS) + 1) for names in itertools.combinations(INVARIANTS, n)
]


def records(text: str) -> dict[str, list[str]]:
    """Keyword -> its words; comments are not read."""
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    assert len({words[0] for words in lines}) == len(lines)
    return {words[0]: words[1:] for words in lines}


def assert_says_the_same(header: list[str], settings: str) -> None:
    """Every record of the header against its keyword in nep.in."""
    (token, *species), *lines = (line.split() for line in header)
    expected = {words[0]: words[1:] for words in lines}
    found = records(settings)
    assert found.pop("version") == [token[3]]
    assert found.pop("type") == species
    assert found.pop("neuron") == [expected.pop("ANN")[0]]
    assert [*found.pop("cutoff"), *expected["cutoff"][-2:]] == expected.pop("cutoff")
    zbl = expected.pop("zbl", None)
    if zbl is not None and [float(word) for word in zbl] != [0.0, 0.0]:
        assert found.pop("use_typewise_cutoff_zbl", None) == (zbl[2:] or None)
        assert found.pop("zbl") == zbl[1:2]
    elif zbl is not None:
        found.pop("zbl")
    assert found == expected  # n_max, basis_size, l_max


@pytest.mark.parametrize("kind", [*KINDS, *MORE])
@pytest.mark.parametrize("layout", ["nep4", "nep5"])
def test_nep_in_and_the_header_beside_it_agree(kind: str, layout: str, tmp_path: Path) -> None:
    """As `nepforge convert` writes them."""
    file = {**KINDS, **MORE}[kind]
    source = file.write(tmp_path / "model.txt")
    (tmp_path / "out").mkdir()
    counts = dict.fromkeys(file.species, 1.0)
    convert_model(source, tmp_path / "out" / "nep.txt", layout, counts)
    n_header = len(file.header())
    header = (tmp_path / "out" / "nep.txt").read_text().splitlines()[:n_header]
    assert_says_the_same(header, (tmp_path / "out" / "nep.in").read_text())


@pytest.mark.parametrize("invariants", SUBSETS, ids="-".join)
def test_flags_agree_for_every_set_of_invariants(invariants: tuple[str, ...]) -> None:
    """GPUMD before 5.1 refuses a flag of 222 other than 0 and 2, later ones compare the numbers."""
    model = NEP(("Si",), (4.5, 4.0), (3, 2), (5, 4), 4, invariants, 9)
    settings = settings_files(model, 4)["nep.in"]
    assert_says_the_same(format_header(4, model, NeighborCounts(9, 9)), settings)
    flags = records(settings)["l_max"][1:]
    if not set(invariants) - {"222", "1111"}:
        assert flags == [str(2 * ("222" in invariants)), str(int("1111" in invariants))]


@pytest.mark.parametrize("kind", [*KINDS, *MORE])
def test_init_reads_all_of_it_back(kind: str, tmp_path: Path) -> None:
    """The model of the recipe is the model of the file: species, sizes, cutoffs, ZBL."""
    source = {**KINDS, **MORE}[kind].write(tmp_path / "model.txt")
    model = open_nep(source).trained.model
    for name, text in settings_files(model, 4).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "train.xyz").write_text("frames")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipe_from_nep_in(tmp_path / "nep.in", "x", ["train.xyz"], []))
    if model.n_max[1] > LARGEST_ANGULAR_N_MAX:
        with pytest.raises(RecipeError, match="1 problem"):
            load_recipe(recipe)
        return
    loaded = load_recipe(recipe)
    table = next(stage.table for stage in build(loaded).stages if stage.kind == "train")
    if model.zbl is not None and model.zbl.factor is not None:  # an inner cutoff is not used
        model = attrs.evolve(model, zbl=attrs.evolve(model.zbl, inner=model.zbl.outer / 2))
    assert model_from_table(loaded.recipe.data.species, table.model) == model


def test_what_nep_in_cannot_say_is_a_comment() -> None:
    """GPUMD has no word for an inner cutoff of ZBL, and its nep trains version 4 alone."""
    model = NEP(("Si",), (4.5, 4.0), (3, 2), (5, 4), 4, (), 9, ZBL(0.7, 2.0))
    text = settings_files(model, 5)["nep.in"]
    assert "# nep.txt has the inner cutoff 0.7 of ZBL; GPUMD takes half of the outer" in text
    assert "# nep of GPUMD trains only version 4; gnep trains NEP5" in text
    assert "#" not in settings_files(attrs.evolve(model, zbl=ZBL(1.0, 2.0)), 4)["nep.in"]


def test_a_zbl_in_of_another_model_is_pointed_at(tmp_path: Path) -> None:
    """GPUMD would take it."""
    source = KINDS["zbl"].write(tmp_path / "model.txt")
    (tmp_path / "zbl.in").write_text("1 2 3 4 5 6 7 8 9 10\n")
    warnings = convert_model(source, tmp_path / "nep4.txt").warnings
    assert f"{tmp_path / 'zbl.in'} exists: GPUMD takes ZBL from it, not from the model" in warnings
