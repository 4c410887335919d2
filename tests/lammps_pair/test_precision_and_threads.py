"""Mixed precision and threads change a run by rounding alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.lammps_pair.running import PAIR, PREAMBLE, REPORT, run, simple, standard
from tests.nep_files import KINDS, NepFile

pytestmark = pytest.mark.lammps

MIXED_FORCE = 1.0e-5  # eV/Å, at forces of the order of 1 eV/Å
MIXED_ENERGY = 1.0e-6  # eV of one atom
ROUNDING_FORCE = 1.0e-10  # eV/Å

MOVING = "replicate 3 1 1\n"
DYNAMICS = "velocity all create 300 7 loop geom\nfix 1 all nve\n"


@pytest.mark.parametrize("kind", KINDS.keys())
def test_mixed_precision_agrees_with_double(kind: str, tmp_path: Path) -> None:
    """Forces within 1e-5 of the largest, or of 1 eV/Å where that is more."""
    standard(tmp_path, kind)
    species = " ".join(KINDS[kind].species)
    script = simple("Si Si" if species == "Si" else species)
    exact = run(tmp_path, script)
    mixed = run(tmp_path, script.replace("nep.txt", "nep.txt precision mixed"))
    assert "mixed" in mixed.text
    scale = max(1.0, float(np.abs(exact.atoms[:, 1:4]).max()))
    difference = np.abs(mixed.atoms - exact.atoms)
    assert difference[:, 1:4].max() < MIXED_FORCE * scale
    assert difference[:, 4].max() < MIXED_ENERGY * scale
    assert difference.max() > 0.0  # it is not double in disguise


def test_mixed_precision_agrees_on_the_golden_cell(shared: Path, tmp_path: Path) -> None:
    """The 96-atom HfO2 cell, displaced by 0.1 Å: forces of 10 eV/Å."""
    models = shared / "data" / "models"
    for name in ("hfo2_nep_to_lmps.txt", "hfo2_96.lmp"):
        (tmp_path / name).write_bytes((models / name).read_bytes())
    script = simple("Hf O").replace("nep.txt", "hfo2_nep_to_lmps.txt")
    script = script.replace("data.lmp", "hfo2_96.lmp").replace(
        "neighbor", "displace_atoms all random 0.1 0.1 0.1 5 units box\nneighbor"
    )
    exact = run(tmp_path, script)
    mixed = run(tmp_path, script.replace("lmps.txt", "lmps.txt precision mixed"))
    assert np.abs(exact.atoms[:, 1:4]).max() > 1.0
    assert np.abs(mixed.atoms[:, 1:4] - exact.atoms[:, 1:4]).max() < MIXED_FORCE


@pytest.mark.parametrize("precision", ["double", "mixed"])
@pytest.mark.parametrize("threads", [2, 5])
def test_threads_give_the_result_of_one(threads: int, precision: str, tmp_path: Path) -> None:
    """Forces, energies and stresses after ten steps with lists rebuilt on the way."""
    standard(tmp_path, "zbl")
    script = (
        PREAMBLE + MOVING + PAIR.format(species="Si O") + DYNAMICS
        + "neigh_modify every 3 delay 0 check no\n" + REPORT.format(steps=10)
    ).replace("nep.txt", f"nep.txt precision {precision}")  # fmt: skip
    one, several = run(tmp_path, script), run(tmp_path, script, threads=threads)
    assert f"{threads} thread(s)" in several.text
    scale = max(1.0, float(np.abs(one.atoms[:, 5:]).max()))
    np.testing.assert_allclose(several.atoms[:, :5], one.atoms[:, :5], atol=100 * ROUNDING_FORCE)
    np.testing.assert_allclose(several.atoms[:, 5:], one.atoms[:, 5:], atol=1.0e-9 * scale)


def test_an_error_in_a_thread_ends_lammps(tmp_path: Path) -> None:
    """Coincident atoms are reported as with one thread."""
    standard(tmp_path)
    script = PREAMBLE + PAIR.format(species="Si O") + (
        "set atom 7 x 1.0 y 1.0 z 1.0\nset atom 8 x 1.0 y 1.0 z 1.0\nrun 0\n"
    )  # fmt: skip
    output = run(tmp_path, script, threads=2)
    assert output.status != 0
    assert "is not finite at step 0" in output.text


@pytest.mark.parametrize("cutoff", ["4.0 4.0", "4.5 3.5"])
@pytest.mark.parametrize("precision", ["double", "mixed"])
def test_many_species_share_vectors(cutoff: str, precision: str, tmp_path: Path) -> None:
    """Six species with the parameters of two: other names give the same numbers."""
    names = ("Si", "O", "Al", "Mg", "Ca", "Na")
    pair = NepFile(cutoff=cutoff)
    standard(tmp_path)
    pair.write(tmp_path / "nep.txt")
    expected = run(tmp_path, simple("Si O"))
    _repeat_species(pair, names, tmp_path / "nep.txt")
    for species in ("Si O", "Al Na", "Ca Mg"):
        script = simple(species).replace("nep.txt", f"nep.txt precision {precision}")
        found = run(tmp_path, script)
        force = MIXED_FORCE if precision == "mixed" else ROUNDING_FORCE
        np.testing.assert_allclose(found.atoms[:, 1:4], expected.atoms[:, 1:4], atol=force)
        np.testing.assert_allclose(found.atoms[:, 4], expected.atoms[:, 4], atol=force)


def _repeat_species(pair: NepFile, names: tuple[str, ...], path: Path) -> None:
    """Write a nep4 file in which species i has the parameters of species i % 2 of `pair`."""
    numbers = pair.numbers()
    per_network = (pair.n_descriptor + 2) * pair.neurons
    networks = numbers[: 2 * per_network].reshape(2, per_network)
    bias, rest = numbers[2 * per_network], numbers[2 * per_network + 1 :]
    coefficients = rest[: -pair.n_descriptor].reshape(-1, 2, 2)
    chosen = np.arange(len(names)) % 2
    repeated = coefficients[:, chosen][:, :, chosen]
    values = np.concatenate(
        [networks[chosen].ravel(), [bias], repeated.ravel(), rest[-pair.n_descriptor :]]
    )
    header = pair.header()
    header[0] = f"nep4 {len(names)} {' '.join(names)}"
    path.write_text("\n".join([*header, *(f"{value:.15e}" for value in values)]) + "\n")
