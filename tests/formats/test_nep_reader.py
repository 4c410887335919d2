"""The reader of NEP text files: exact round trips, every kind, damaged files refused by line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nepforge.data.frame import Frame
from nepforge.errors import ModelFileError
from nepforge.formats.checkpoint_file import NEPModel, read_checkpoint, write_checkpoint
from nepforge.formats.nep_txt import LAYOUTS, read_nep_text
from nepforge.models.nep.native import NativeModel
from nepforge.stages.evaluate import predict_set
from tests.broken_nep_files import BROKEN, PLAIN, Edit
from tests.nep_files import KINDS, NUMBERS, NepFile, random_structure

EXACT = 1.0e-10  # of two codes, per eV/Å of the largest force


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def kind(request: pytest.FixtureRequest) -> NepFile:
    return request.param


def assert_same(found: NEPModel, expected: NEPModel) -> None:
    assert found.model == expected.model
    assert torch.equal(found.parameters, expected.parameters)
    assert torch.equal(found.q_scaler, expected.q_scaler)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_read_is_written_back_exactly(kind: NepFile, layout: str, tmp_path: Path) -> None:
    """Read -> write -> read keeps every bit; nep4 where one common bias can hold all."""
    first = read_nep_text(kind.write(tmp_path / "nep.txt"))
    if layout == "nep4" and first.layout in ("nep5", "lammps"):
        pytest.skip("nep4 has one bias for all elements")
    write = LAYOUTS[layout][1]
    write(tmp_path / "again.txt", first.trained, first.neighbors, [1.0] * len(kind.species))
    again = read_nep_text(tmp_path / "again.txt")
    assert_same(again.trained, first.trained)
    assert again.neighbors == first.neighbors


def test_checkpoint_keeps_cutoffs_and_zbl(kind: NepFile, tmp_path: Path) -> None:
    """A text file kept as nep_model.ckpt is the same model."""
    trained = read_nep_text(kind.write(tmp_path / "nep.txt")).trained
    write_checkpoint(tmp_path / "nep_model.ckpt", trained)
    assert_same(read_checkpoint(tmp_path / "nep_model.ckpt"), trained)


def test_torch_and_core_read_the_same_model(kind: NepFile, tmp_path: Path) -> None:
    """Energies, forces and virials of two readers and two codes agree."""
    path = kind.write(tmp_path / "nep.txt")
    structure = random_structure(species=NUMBERS[: len(kind.species)])
    frame = Frame(structure.numbers, structure.positions, structure.cell)
    found = predict_set(read_nep_text(path).trained, [frame]).prediction
    expected = NativeModel(path).evaluate(structure.numbers, structure.positions, structure.cell)
    scale = EXACT * max(1.0, float(np.abs(expected.forces).max()))
    np.testing.assert_allclose(found["forces"], expected.forces, rtol=0, atol=scale)
    np.testing.assert_allclose(found["energy"], [expected.energies.mean()], rtol=0, atol=scale)
    np.testing.assert_allclose(
        found["virial"][0] * frame.n_atoms, expected.virials.sum(axis=0), rtol=0, atol=10 * scale
    )


def test_the_layout_is_told_by_token_and_count(tmp_path: Path) -> None:
    """nep4 with a bias for each species is the LAMMPS layout."""
    names = {"nep3": "nep3", "nep4": "nep4", "nep5": "nep5", "bias per species": "lammps"}
    for kind, layout in names.items():
        assert read_nep_text(KINDS[kind].write(tmp_path / "nep.txt")).layout == layout


@pytest.mark.parametrize(("file", "edit", "number", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_files_are_refused_with_their_line(
    file: NepFile, edit: Edit, number: int, words: str, tmp_path: Path
) -> None:
    """The same files, lines and words as in the C++ reader."""
    path = tmp_path / "broken.txt"
    path.write_text("".join(f"{text}\n" for text in edit(file.lines())), encoding="utf-8")
    with pytest.raises(ModelFileError, match=words) as caught:
        read_nep_text(path)
    assert caught.value.message.startswith(f"{path}:{number}: ")


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    """A path that leads to no file is named."""
    for path in (tmp_path / "absent.txt", tmp_path):
        with pytest.raises(ModelFileError, match="found no file that can be read"):
            read_nep_text(path)


def test_windows_line_ends_and_trailing_blank_lines_are_read(tmp_path: Path) -> None:
    """What editors add does not change a model."""
    path = tmp_path / "nep.txt"
    path.write_bytes(("\r\n".join(PLAIN.lines()) + "\r\n\r\n \r\n").encode())
    assert read_nep_text(path).trained.model.species == PLAIN.species
