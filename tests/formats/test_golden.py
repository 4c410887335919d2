"""torch against the reference numbers of calorine and NEP_CPU, every kind of file."""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
import pytest

from nepforge.data.frame import FloatArray, Frame
from nepforge.formats.open_model import open_nep
from nepforge.stages.evaluate import predict_set

ENERGY, FORCE, VIRIAL = 1.0e-9, 1.0e-8, 1.0e-8  # eV, eV/Å, eV
WRITTEN_DIGITS = 2.0e-6  # of golden_nep3_nep5.xyz: positions have 8 decimals, forces reach 100 eV/Å


def test_torch_agrees_with_calorine(shared: Path) -> None:
    """90 structures x 15 files: 1e-9 eV, 1e-8 eV/Å; ZBL forces of hundreds of eV/Å included."""
    golden = np.load(shared / "golden" / "golden_nep4.npz")
    cases: dict[str, list[str]] = {}
    for key in golden.files:
        if key.endswith("_potential"):
            cases.setdefault(str(golden[key]), []).append(key.removesuffix("_potential"))
    assert len(cases) > 10
    for potential, names in cases.items():
        trained = open_nep(shared / "golden" / potential).trained
        frames = [
            Frame(
                numbers=golden[f"{name}_numbers"].astype(np.int64),
                positions=golden[f"{name}_positions"],
                cell=golden[f"{name}_cell"],
            )
            for name in names
        ]
        found = predict_set(trained, frames).prediction
        ends = np.cumsum([frame.n_atoms for frame in frames])
        for idx, (name, frame) in enumerate(zip(names, frames, strict=True)):
            atoms = slice(int(ends[idx]) - frame.n_atoms, int(ends[idx]))
            energy = found["energy"][idx] * frame.n_atoms
            virial = symmetric(found["virial"][idx] * frame.n_atoms)
            assert energy == pytest.approx(float(golden[f"{name}_energy"]), rel=0, abs=ENERGY)
            np.testing.assert_allclose(
                found["forces"][atoms], golden[f"{name}_forces"], rtol=0, atol=FORCE
            )
            np.testing.assert_allclose(virial, golden[f"{name}_virial"], rtol=1e-9, atol=VIRIAL)


def test_torch_agrees_with_nep_cpu_for_nep3_and_nep5(shared: Path) -> None:
    """To the digits that NEP_CPU wrote."""
    for atoms in ase.io.read(shared / "golden" / "golden_nep3_nep5.xyz", index=":"):
        trained = open_nep(shared / "golden" / atoms.info["potential"]).trained
        frame = Frame(
            numbers=atoms.numbers.astype(np.int64),
            positions=atoms.positions,
            cell=np.asarray(atoms.cell.array),
        )
        found = predict_set(trained, [frame]).prediction
        energy = found["energy"][0] * frame.n_atoms
        virial = found["virial"][0] * frame.n_atoms
        assert energy == pytest.approx(atoms.arrays["nep_energies"].sum(), abs=WRITTEN_DIGITS)
        np.testing.assert_allclose(
            found["forces"], atoms.arrays["nep_forces"], rtol=0, atol=WRITTEN_DIGITS
        )
        np.testing.assert_allclose(virial, atoms.info["nep_virial"], atol=WRITTEN_DIGITS)


def symmetric(virial: FloatArray) -> FloatArray:
    return (virial + virial.T) / 2
