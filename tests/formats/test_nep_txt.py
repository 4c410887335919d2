"""Exported files against calorine (the reference NEP_CPU) and the C++ core, and the checkpoint."""

from collections.abc import Callable
from pathlib import Path

import ase
import attrs
import numpy as np
import pytest
import torch

from nepforge.data.frame import Frame
from nepforge.errors import ModelFileError
from nepforge.formats.neighbor_counts import NeighborCounts
from nepforge.formats.nep_txt import LAYOUTS, invariant_flags
from nepforge.formats.open_model import open_nep
from nepforge.formats.potential_file import NEPModel, write_potential
from nepforge.models.nep.invariants import INVARIANTS
from nepforge.models.nep.native import NativeModel
from nepforge.models.nep.network import NEP
from nepforge.stages.evaluate import predict_set
from tests.conftest import SPECIES, random_model

FORCE_TOLERANCE = 1.0e-10  # eV/Å, between two float64 codes
ENERGY_TOLERANCE = 1.0e-9  # eV
COUNTS = NeighborCounts(80, 60)
MakeFrame = Callable[..., Frame]

MODELS = {
    "reference": NEP(SPECIES, (5.0, 5.0), (4, 4), (8, 8), 4, ("222", "1111"), 10),
    "unequal": NEP(SPECIES, (5.0, 4.0), (3, 2), (5, 4), 3, ("222",), 7),
    "all": NEP(SPECIES, (4.5, 4.0), (2, 3), (4, 5), 5, INVARIANTS, 6),
    "plain": NEP(SPECIES, (4.5, 4.5), (2, 2), (4, 4), 8, (), 5),
}


@pytest.fixture(params=MODELS.values(), ids=MODELS.keys())
def trained(request: pytest.FixtureRequest) -> NEPModel:
    return random_model(request.param, 2)


def export(folder: Path, trained: NEPModel, layout: str, frame: Frame) -> Path:
    name, write = LAYOUTS[layout]
    composition = [(frame.numbers == 72).sum(), (frame.numbers == 8).sum()]
    write(folder / name, trained, COUNTS, composition)
    return folder / name


@pytest.mark.parametrize("layout", LAYOUTS)
def test_core_reads_every_layout(
    trained: NEPModel, layout: str, random_frame: MakeFrame, tmp_path: Path
) -> None:
    """Energy, forces and virial of the C++ core are those of torch; nep4 for its composition."""
    frame = random_frame(1)
    expected = predict_set(trained, [frame]).prediction
    result = NativeModel(export(tmp_path, trained, layout, frame)).evaluate(
        frame.numbers, frame.positions, frame.cell, frame.pbc
    )
    np.testing.assert_allclose(result.forces, expected["forces"], rtol=0, atol=FORCE_TOLERANCE)
    np.testing.assert_allclose(
        result.energies.sum(), 7 * expected["energy"][0], rtol=0, atol=ENERGY_TOLERANCE
    )
    np.testing.assert_allclose(
        result.virials.sum(axis=0), 7 * expected["virial"][0], rtol=0, atol=ENERGY_TOLERANCE
    )


def test_calorine_reads_nep4(trained: NEPModel, random_frame: MakeFrame, tmp_path: Path) -> None:
    """The reference code gives the energy, forces and stress of torch for the composition."""
    calculators = pytest.importorskip("calorine.calculators", reason="calorine is not installed")
    frame = random_frame(2)
    path = export(tmp_path, trained, "nep4", frame)
    atoms = ase.Atoms(numbers=frame.numbers, positions=frame.positions, cell=frame.cell, pbc=True)
    atoms.calc = calculators.CPUNEP(str(path))
    expected = predict_set(trained, [frame]).prediction
    np.testing.assert_allclose(atoms.get_forces(), expected["forces"], rtol=0, atol=FORCE_TOLERANCE)
    np.testing.assert_allclose(
        atoms.get_potential_energy(), 7 * expected["energy"][0], rtol=0, atol=ENERGY_TOLERANCE
    )
    virial = -atoms.get_stress(voigt=False) * atoms.get_volume()
    np.testing.assert_allclose(virial, 7 * expected["virial"][0], rtol=0, atol=ENERGY_TOLERANCE)


def test_number_of_lines(random_frame: MakeFrame, tmp_path: Path) -> None:
    """Header 6; nep4 one common bias; nep5 a bias more for each type; LAMMPS one for each type."""
    model = NEP(SPECIES, (6.0, 6.0), (4, 4), (12, 12), 4, ("222", "1111"), 100)
    trained = random_model(model, 3)
    lines = {
        layout: len(export(tmp_path, trained, layout, random_frame(1)).read_text().splitlines())
        for layout in LAYOUTS
    }
    assert lines["lammps"] == 7963  # as the file of PWMLFF for HfO2
    assert lines["nep4"] == 7962
    assert lines["nep5"] == 7964


@pytest.mark.parametrize(
    ("invariants", "flags"),
    [
        ((), [0, 0]),
        (("222",), [2, 0]),
        (("222", "1111"), [2, 1]),
        (("222", "112"), [1, 0, 1]),
        (("123",), [0, 0, 0, 1]),
    ],
)
def test_flags_are_readable_by_old_and_new_codes(
    invariants: tuple[str, ...], flags: list[int]
) -> None:
    """222 is 2 alone and 1 beside the newer invariants, where NEP_CPU would misread a 2."""
    model = NEP(SPECIES, (4.5, 4.0), (2, 3), (4, 5), 5, invariants, 6)
    assert invariant_flags(model) == flags


def test_checkpoint_keeps_every_bit(trained: NEPModel, tmp_path: Path) -> None:
    """What is read equals what was written; the same model gives the same bytes."""
    for name in ("a", "b"):
        write_potential(tmp_path / name, trained)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    found = open_nep(tmp_path / "a").trained
    assert found.model == trained.model
    assert torch.equal(found.parameters, trained.parameters)
    assert torch.equal(found.q_scaler, trained.q_scaler)


@pytest.mark.parametrize("name", ["parameters", "q_scaler"])
def test_a_checkpoint_with_a_number_that_is_not_finite_is_refused(
    trained: NEPModel, name: str, tmp_path: Path
) -> None:
    """Every prediction of it would be nan."""
    damaged = getattr(trained, name).clone()
    damaged[3] = float("nan")
    path = tmp_path / "nep_model.ckpt"
    write_potential(path, attrs.evolve(trained, **{name: damaged}))
    with pytest.raises(ModelFileError, match=f"{name}: found a number that is not finite"):
        open_nep(path)


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "absent"])
def test_damaged_checkpoint_is_refused(trained: NEPModel, tmp_path: Path, damage: str) -> None:
    """The message names the file."""
    path = tmp_path / "nep_model.ckpt"
    write_potential(path, trained)
    content = path.read_bytes()
    path.unlink()
    if damage != "absent":
        path.write_bytes(
            {"cut": content[: len(content) // 2], "empty": b"", "text": b"nep4 2 Hf O\n"}[damage]
        )
    with pytest.raises(ModelFileError, match=r"nep_model\.ckpt"):
        open_nep(path)
