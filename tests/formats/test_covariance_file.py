"""covariance.npz: what comes back, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nepforge.errors import ModelFileError
from nepforge.formats.covariance_file import FILE, covariance_of, write_covariance
from nepforge.formats.open_model import open_model
from nepforge.formats.potential_file import write_potential
from nepforge.models.nep.network import NEP
from nepforge.models.uncertainty import Covariance
from tests.conftest import SPECIES, random_model
from tests.nep_files import KINDS

MODEL = NEP(SPECIES, (4.5, 4.0), (2, 2), (3, 3), 2, (), 6)
SINGLE = 1.0e-6  # relative, of numbers in single precision


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model with a covariance in two blocks."""
    trained = random_model(MODEL, 1)
    write_potential(tmp_path / "nep_model.ckpt", trained)
    rng = torch.Generator().manual_seed(1)
    sizes = (100, MODEL.n_parameters - 100)
    factors = [torch.randn(n, n, generator=rng, dtype=torch.float64).tril() for n in sizes]
    write_covariance(tmp_path / FILE, Covariance(tuple(factors), 0.2, 0.3), trained.parameters)
    return tmp_path


def test_it_comes_back_in_single_precision(folder: Path) -> None:
    """Blocks, factors and model; a quarter of the bytes of P."""
    trained, found = covariance_of(open_model(folder / "nep_model.ckpt"))
    assert torch.equal(trained.parameters, random_model(MODEL, 1).parameters)
    assert (found.energy_factor, found.force_factor) == (0.2, 0.3)
    rng = torch.Generator().manual_seed(1)
    for factor in found.factors:
        expected = torch.randn(factor.shape, generator=rng, dtype=torch.float64).tril()
        torch.testing.assert_close(factor, expected, rtol=SINGLE, atol=0)
    n_bytes = sum(8 * len(factor) ** 2 for factor in found.factors)
    assert (folder / FILE).stat().st_size < 0.3 * n_bytes


def test_the_covariance_of_another_model_is_refused(folder: Path) -> None:
    """Error bars of the wrong model would look like right ones."""
    write_potential(folder / "nep_model.ckpt", random_model(MODEL, 2))
    with pytest.raises(ModelFileError, match="is the covariance of another model"):
        covariance_of(open_model(folder / "nep_model.ckpt"))


def test_models_without_a_covariance_say_how_to_get_one(folder: Path) -> None:
    """A checkpoint alone, and a text file beside a covariance."""
    KINDS["zbl"].write(folder / "nep.txt")
    (folder / "alone").mkdir()
    write_potential(folder / "alone" / "nep_model.ckpt", random_model(MODEL, 1))
    for path in (folder / "nep.txt", folder / "alone" / "nep_model.ckpt"):
        with pytest.raises(ModelFileError, match="this model has no covariance") as caught:
            covariance_of(open_model(path))
        assert 'optimizer.kind = "lkf"' in caught.value.hint


def test_damage_is_told(folder: Path) -> None:
    """A truncated file."""
    content = (folder / FILE).read_bytes()
    (folder / FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelFileError, match="damaged"):
        covariance_of(open_model(folder / "nep_model.ckpt"))
