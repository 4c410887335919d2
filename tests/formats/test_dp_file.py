"""dp_model.ckpt, and telling it from nep_model.ckpt."""

from pathlib import Path

import pytest
import torch

from nepforge.errors import ModelFileError
from nepforge.formats.archive import Archive, write_archive
from nepforge.formats.open_model import open_model, open_nep
from nepforge.formats.potential_file import DPModel, write_potential
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
    write_potential(tmp_path / "a", trained)
    write_potential(tmp_path / "b", trained)
    found = open_model(tmp_path / "a").trained
    assert found.model == MODEL
    assert torch.equal(found.parameters, trained.parameters)
    assert torch.equal(found.scaler, trained.scaler)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_kind_is_told_by_the_content(trained: DPModel, tmp_path: Path) -> None:
    """Whatever the name; a file of the wrong kind is refused by name."""
    path = tmp_path / "model"
    write_potential(path, trained)
    assert isinstance(open_model(path).trained.model, DP)
    with pytest.raises(ModelFileError, match="model: found a Deep Potential, expected a NEP"):
        open_nep(path)
    nep = NEP(SPECIES, (4.0, 3.5), (2, 2), (3, 3), 3, ("222",), 5)
    write_potential(path, random_model(nep, 1))
    assert isinstance(open_model(path).trained.model, NEP)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({**SIZES, "axis": 5, "fitting": [6]}, r"axis: got 5, expected 1\.\.4"),
        (SIZES, "fitting"),
        ({**SIZES, "fitting": [6]}, r"parameters: found float32 \[3\], expected float64 \[154\]"),
    ],
)
def test_impossible_content_is_refused(
    sizes: dict[str, object], message: str, tmp_path: Path
) -> None:
    """Sizes that no model has, sizes that are missing, arrays of another length."""
    path = tmp_path / "dp_model.ckpt"
    write_archive(path, Archive("nepforge.dp.v1", sizes, {"parameters": torch.zeros(3)}))
    with pytest.raises(ModelFileError, match=rf"dp_model\.ckpt: .*{message}"):
        open_model(path)


@pytest.mark.parametrize("content", [b"", b"nep4 2 Hf O\n", None])
def test_what_is_no_model_file_is_refused(content: bytes | None, tmp_path: Path) -> None:
    """Empty, text, absent: the message names the file."""
    path = tmp_path / "dp_model.ckpt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"dp_model\.ckpt"):
        open_model(path)
