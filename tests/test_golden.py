"""Golden numbers made by calorine: torch, the C++ core and every layout agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nepforge.data.frame import Frame
from nepforge.formats.nep_txt import LAYOUTS
from nepforge.formats.open_model import open_nep
from nepforge.models.nep.native import NativeModel, instruction_sets
from nepforge.stages.evaluate import predict_set

ENERGY, FORCE, VIRIAL = 1.0e-9, 1.0e-8, 1.0e-8  # eV, eV/Å, eV
FOLDER = Path(__file__).parent / "golden"
GOLDEN = dict(np.load(FOLDER / "golden.npz"))
NAMES = sorted({key.split(".")[0] for key in GOLDEN})


def cases(name: str) -> list[tuple[Frame, dict[str, Any]]]:
    """Structures of one model, and their results."""
    numbers = sorted({key.split(".")[1] for key in GOLDEN if key.startswith(f"{name}.")})
    found = []
    for number in numbers:
        keys = ("numbers", "positions", "cell", "energies", "forces", "virial")
        values = {key: GOLDEN[f"{name}.{number}.{key}"] for key in keys}
        frame = Frame(values["numbers"].astype(np.int64), values["positions"], values["cell"])
        found.append((frame, values))
    return found


def test_every_kind_is_there() -> None:
    """Each model file has numbers, and each number a file."""
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == NAMES


@pytest.mark.parametrize("instruction_set", instruction_sets())
@pytest.mark.parametrize("name", NAMES)
def test_core_agrees_with_calorine(name: str, instruction_set: str) -> None:
    """On every instruction set of this machine."""
    model = NativeModel(FOLDER / f"{name}.txt", instruction_set)
    for frame, expected in cases(name):
        found = model.evaluate_structure(frame.numbers, frame.positions, frame.cell)
        np.testing.assert_allclose(found.energies, expected["energies"], rtol=0, atol=ENERGY)
        np.testing.assert_allclose(found.forces, expected["forces"], rtol=0, atol=FORCE)
        virial = (found.virial + found.virial.T) / 2
        np.testing.assert_allclose(virial, expected["virial"], rtol=0, atol=VIRIAL)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NAMES)
def test_torch_agrees_with_calorine_through_every_layout(
    name: str, layout: str, tmp_path: Path
) -> None:
    """Read, written as nep4, nep5 or for LAMMPS, and read again."""
    first = open_nep(FOLDER / f"{name}.txt")
    LAYOUTS[layout][1](tmp_path / "nep.txt", first.trained, first.trained.counts, (1.0, 1.0))
    trained = open_nep(tmp_path / "nep.txt").trained
    for frame, expected in cases(name):
        found = predict_set(trained, [frame]).prediction
        energy = found["energy"][0] * frame.n_atoms
        assert energy == pytest.approx(expected["energies"].sum(), rel=0, abs=ENERGY)
        np.testing.assert_allclose(found["forces"], expected["forces"], rtol=0, atol=FORCE)
        virial = found["virial"][0] * frame.n_atoms
        np.testing.assert_allclose(virial, expected["virial"], rtol=0, atol=VIRIAL)
