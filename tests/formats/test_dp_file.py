"""dp_model.ckpt, and telling it from nep_model.ckpt."""

from pathlib import Path

import pytest
import torch

from nepforge.errors import ModelFileError
from nepforge.formats.archive import Archive, write_archive
from nepforge.formats.checkpoint_file import read_checkpoint, write_checkpoint
from nepforge.formats.dp_file import FORMAT, DPModel, read_dp, write_dp
from nepforge.formats.potential_file import read_potential
from nepforge.models.dp.network import DP
from nepforge.models.nep.network import NEP
from tests.conftest import SPECIES, random_model

MODEL = DP(SPECIES, 4.5, 0.5, (4, 8), 3, (6, 6), 2)
SIZES = {"species": ["Hf", "O"], "cutoff": 4.5, "smooth_cutoff": 0.5, "embedding": [4], "axis": 2}


@pytest.fixture
def trained() -> DPModel:
    rng = torch.Generator().manual_seed(1)
    scaler = torch.rand(2, 3, generator=rng, dtype=torch.float64)
    return DPModel(MODEL, MODEL.initial_parameters([-3.0, -5.0], rng), scaler)


def test_the_file_keeps_every_bit(trained: DPModel, tmp_path: Path) -> None:
    """Sizes, parameters and scaler; and the same model gives the same bytes."""
    write_dp(tmp_path / "a", trained)
    write_dp(tmp_path / "b", trained)
    found = read_dp(tmp_path / "a")
    assert found.model == MODEL
    assert torch.equal(found.parameters, trained.parameters)
    assert torch.equal(found.scaler, trained.scaler)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_kind_is_told_by_the_content(trained: DPModel, tmp_path: Path) -> None:
    """Whatever the name; and a file of the other kind is refused by name where one is needed."""
    path = tmp_path / "model"
    write_dp(path, trained)
    assert isinstance(read_potential(path).model, DP)
    with pytest.raises(ModelFileError, match=r"model: format 'nepforge\.dp\.v1', expected 'nepf"):
        read_checkpoint(path)
    nep = NEP(SPECIES, (4.0, 3.5), (2, 2), (3, 3), 3, ("222",), 5)
    write_checkpoint(path, random_model(nep, 1))
    assert isinstance(read_potential(path).model, NEP)
    with pytest.raises(ModelFileError, match=r"expected 'nepforge\.dp\.v1'"):
        read_dp(path)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({**SIZES, "axis": 5, "fitting": [6]}, r"axis: got 5, expected 1\.\.4"),
        (SIZES, "fitting"),
        ({**SIZES, "fitting": [6]}, r"parameters: found an array of \[3\], expected \[154\]"),
    ],
)
def test_impossible_content_is_refused(
    sizes: dict[str, object], message: str, tmp_path: Path
) -> None:
    """Sizes that no model has, sizes that are missing, arrays of another length."""
    path = tmp_path / "dp_model.ckpt"
    write_archive(path, Archive(FORMAT, sizes, {"parameters": torch.zeros(3)}))
    with pytest.raises(ModelFileError, match=rf"dp_model\.ckpt: .*{message}"):
        read_dp(path)


@pytest.mark.parametrize("content", [b"", b"nep4 2 Hf O\n", None])
def test_what_is_no_model_file_is_refused(content: bytes | None, tmp_path: Path) -> None:
    """Empty, text, absent: the message names the file."""
    path = tmp_path / "dp_model.ckpt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"dp_model\.ckpt"):
        read_potential(path)
