"""One rule in every reader: the energy that the forces derive from."""

from __future__ import annotations

from pathlib import Path

import ase
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from nepforge.data.formats.ase_atoms import frame_from_atoms
from nepforge.data.formats.read import read_frames
from tests import vasp_files as vasp

FREE = -10.6  # eV; the other energies in these files lie 0.1, 0.2 and 7 eV above it


@pytest.mark.parametrize(
    ("file_format", "text"),
    [
        ("outcar", vasp.header() + vasp.step(energy=FREE) + vasp.END),
        ("vasprun", vasp.vasprun(vasp.calculation(FREE))),
    ],
)
def test_vasp_gives_the_free_energy(tmp_path: Path, file_format: str, text: str) -> None:
    """Of smeared electrons, with their entropy; neither sigma -> 0 nor the enthalpy."""
    (tmp_path / "file").write_text(text)
    (frame,) = read_frames(tmp_path / "file", file_format)
    assert frame.energy == FREE


@pytest.mark.parametrize("has_free_energy", [True, False])
def test_results_of_ase_give_the_free_energy_where_there_is_one(has_free_energy: bool) -> None:
    """`energy` of ASE's calculators is often the one extrapolated to no smearing."""
    atoms = ase.Atoms("H2", positions=[[0, 0, 0], [0, 0, 0.8]], cell=np.eye(3) * 9.0, pbc=True)
    results = {"energy": FREE + 0.1} | ({"free_energy": FREE} if has_free_energy else {})
    atoms.calc = SinglePointCalculator(atoms, **results)
    assert frame_from_atoms(atoms, "a:0").energy == FREE + (0.0 if has_free_energy else 0.1)
