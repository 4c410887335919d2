"""Stresses of ASE atoms against LAMMPS's own per-atom stress."""

from __future__ import annotations

from pathlib import Path

import ase
import numpy as np
import pytest

import nepforge
from tests.lammps_pair.running import run, simple, standard
from tests.lammps_pair.test_pair_style import LAMMPS_BAR

EXACT = 1.0e-9  # of the largest


@pytest.mark.parametrize("kind", ["nep4", "nep3", "type-wise cutoffs", "zbl"])
def test_stresses_are_those_of_centroid_stress_atom(kind: str, tmp_path: Path) -> None:
    """The same assignment: the symmetric part of LAMMPS's nine components over the volume."""
    structure = standard(tmp_path, kind)
    centroid = run(tmp_path, simple()).atoms[:, 11:20] / LAMMPS_BAR
    xx, yy, zz, xy, xz, yz, yx, zx, zy = centroid.T  # eV, with the sign of stress
    voigt = np.stack([xx, yy, zz, (yz + zy) / 2, (xz + zx) / 2, (xy + yx) / 2], axis=1)
    atoms = ase.Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=True)
    atoms.calc = nepforge.Calculator(tmp_path / "nep.txt")
    expected = voigt / atoms.get_volume()
    np.testing.assert_allclose(
        atoms.get_stresses(), expected, rtol=0, atol=EXACT * np.abs(expected).max()
    )
