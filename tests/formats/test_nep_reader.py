"""Reading NEP text files: exact round trips, every kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nepforge.data.frame import Frame
from nepforge.formats.nep_txt import LAYOUTS
from nepforge.formats.open_model import open_nep
from nepforge.formats.potential_file import NEPModel, write_potential
from nepforge.models.nep.native import NativeModel
from nepforge.stages.evaluate import predict_set
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
    first = open_nep(kind.write(tmp_path / "nep.txt"))
    if layout == "nep4" and first.layout in ("nep5", "lammps"):
        pytest.skip("nep4 has one bias for all elements")
    write = LAYOUTS[layout][1]
    write(tmp_path / "again.txt", first.trained, first.trained.counts, [1.0] * len(kind.species))
    again = open_nep(tmp_path / "again.txt")
    assert_same(again.trained, first.trained)
    assert again.trained.counts == first.trained.counts


def test_checkpoint_keeps_cutoffs_and_zbl(kind: NepFile, tmp_path: Path) -> None:
    """A text file kept as nep_model.ckpt is the same model."""
    trained = open_nep(kind.write(tmp_path / "nep.txt")).trained
    write_potential(tmp_path / "nep_model.ckpt", trained)
    assert_same(open_nep(tmp_path / "nep_model.ckpt").trained, trained)


def test_torch_and_core_read_the_same_model(kind: NepFile, tmp_path: Path) -> None:
    """Energies, forces and virials of two readers and two codes agree."""
    path = kind.write(tmp_path / "nep.txt")
    structure = random_structure(species=NUMBERS[: len(kind.species)])
    frame = Frame(structure.numbers, structure.positions, structure.cell)
    found = predict_set(open_nep(path).trained, [frame]).prediction
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
        assert open_nep(KINDS[kind].write(tmp_path / "nep.txt")).layout == layout
