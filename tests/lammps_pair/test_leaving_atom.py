"""An atom that leaves a surface and ends without neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.lammps_pair.running import run
from tests.nep_files import NepFile

pytestmark = pytest.mark.lammps

DRIFT = 1.0e-3  # eV of all atoms in 0.2 ps, of energies of the order of 10 eV
SPECIES = ("Al", "Cu", "Si", "O", "Ni", "Co", "Cr", "Fe")

SLAB = """units metal
atom_style atomic
boundary p p p
region box block 0 7.22 0 7.22 0 60
create_box 2 box
lattice fcc 3.61
region slab block INF INF INF INF 0 3.0 units box
create_atoms 1 region slab
create_atoms 2 single 3.6 3.6 5.5 units box
mass * 63.546
pair_style {style} nep.txt precision {precision}
pair_coeff * * Cu {other}
group leaving id 17
velocity all create 300 3
velocity leaving set 0 0 100
fix move all nve
timestep 0.0002
thermo 50
thermo_style custom step etotal pe
thermo_modify format float %.12g
run 1000
"""


@pytest.mark.parametrize("style", ["nepforge", "nepforge/gpu/host"])
@pytest.mark.parametrize("n_species", [2, 5, 8])
def test_energy_is_conserved_when_an_atom_leaves(
    n_species: int, style: str, tmp_path: Path
) -> None:
    """Its energy is then that of an atom by itself, with one or with many species of the model."""
    model = NepFile(species=SPECIES[:n_species], cutoff="5.0 4.0")
    model.write(tmp_path / "nep.txt")
    script = SLAB.format(style=style, precision="double", other=SPECIES[n_species - 1])
    output = run(tmp_path, script)
    assert output.status == 0, output.text
    table = output.text.split("Step ")[1].split("Loop time")[0]
    rows = np.array([line.split() for line in table.splitlines()[1:]], dtype=float)
    assert len(rows) == 21
    assert np.ptp(rows[:, 2]) > 0.1  # something happens
    assert np.ptp(rows[:, 1]) < DRIFT
