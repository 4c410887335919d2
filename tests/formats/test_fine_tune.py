"""Many-element models cut down to fewer species, and what does not fit is refused."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest

from nepforge.data.frame import Frame
from nepforge.errors import ModelFileError
from nepforge.formats.fine_tune import cut_down, start_from, zbl_words
from nepforge.formats.nep_file import NEPFile
from nepforge.formats.open_model import open_nep
from nepforge.models.nep.native import NativeModel
from nepforge.models.nep.zbl import ZBL
from nepforge.stages.evaluate import predict_set
from tests.nep_files import NepFile, random_structure

MANY = {
    "plain": NepFile(species=("C", "O", "H", "Si")),
    "type-wise": NepFile(
        "nep4_zbl",
        species=("C", "O", "H", "Si"),
        cutoff="5.0 4.5 4.0 3.0 4.4 3.2 4.6 4.6",
        zbl="1.0 2.4 0.8",
    ),
    "flexible": NepFile("nep5_zbl", species=("C", "O", "H", "Si"), zbl="0 0"),
    "nep3": NepFile("nep3", species=("C", "O", "H", "Si")),
}


@pytest.mark.parametrize("kind", MANY)
def test_a_smaller_model_says_the_same_of_its_species(kind: str, tmp_path: Path) -> None:
    """Si and O of a model that knows C, O, H, Si: the same energies, forces and virial."""
    path = MANY[kind].write(tmp_path / "nep.txt")
    smaller = cut_down(open_nep(path).trained, ("Si", "O"), "nep.txt")
    assert smaller.model.species == ("Si", "O")
    structure = random_structure(1)
    frame = Frame(structure.numbers, structure.positions, structure.cell)
    found = predict_set(smaller, [frame]).prediction
    expected = NativeModel(path).evaluate(structure.numbers, structure.positions, structure.cell)
    scale = 1e-10 * max(1.0, float(np.abs(expected.forces).max()))
    np.testing.assert_allclose(found["energy"], [expected.energies.mean()], rtol=0, atol=scale)
    np.testing.assert_allclose(found["forces"], expected.forces, rtol=0, atol=scale)


def test_an_unknown_species_is_named(tmp_path: Path) -> None:
    """With those that the file knows."""
    found = read(MANY["plain"], tmp_path)
    with pytest.raises(ModelFileError, match=r"nep\.txt: knows C, O, H, Si, but not Hf"):
        cut_down(found.trained, ("Hf", "O"), "nep.txt")


def read(file: NepFile, folder: Path) -> NEPFile:
    return open_nep(file.write(folder / "nep.txt"))


def test_all_sizes_that_differ_are_named(tmp_path: Path) -> None:
    """As the recipe would write them."""
    trained = read(MANY["plain"], tmp_path).trained
    wanted = attrs.evolve(
        trained.model, cutoff=(4.5, 3.0), neurons=20, invariants=("222",), zbl=ZBL(1.0, 2.0)
    )
    with pytest.raises(ModelFileError) as caught:
        start_from(trained, wanted, "nep.txt")
    for words in (
        "cutoff is [4.5, 3.5], the recipe has [4.5, 3.0]",
        'invariants is ["222", "1111"], the recipe has ["222"]',
        "neurons is 9, the recipe has 20",
        "zbl is none, the recipe has 2.0",
    ):
        assert words in caught.value.message


def test_one_cutoff_for_all_fits_the_same_cutoff_of_each(tmp_path: Path) -> None:
    """Two ways to write one model are no difference."""
    trained = read(MANY["plain"], tmp_path).trained
    wanted = attrs.evolve(trained.model, cutoff=((4.5, 3.5),) * 4)
    found = start_from(trained, wanted, "nep.txt")
    assert len(found.parameters) == trained.model.n_parameters


@pytest.mark.parametrize(
    ("zbl", "words"),
    [
        (None, "none"),
        (ZBL(1.0, 2.0), "2.0"),
        (ZBL(0.7, 2.0), "{ outer = 2.0, inner = 0.7 }"),
        (ZBL(1.0, 2.0, 0.65), "{ outer = 2.0, factor = 0.65 }"),
        (ZBL(rows=((0.5, 1.0), (0.25, 2.0))), "[[0.5, 1.0], [0.25, 2.0]]"),
    ],
)
def test_zbl_is_shown_as_a_recipe_writes_it(zbl: ZBL | None, words: str) -> None:
    """So that it can be copied."""
    assert zbl_words(zbl) == words
