"""Several models in one pair style: the first drives, a file says how far they disagree."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest

from nepforge.models.nep.native import NativeModel
from tests.lammps_pair.running import PAIR, PREAMBLE, REPORT, run, simple, standard
from tests.nep_files import KINDS

pytestmark = pytest.mark.lammps

COMMITTEE = "a.txt b.txt c.txt out_freq 2 out_file devi.out"
DYNAMICS = (
    PREAMBLE + "replicate 2 1 1\n" + PAIR.format(species="Si O")
    + "velocity all create 300 7 loop geom\nfix 1 all nve\n"
    + "neigh_modify every 3 delay 0 check no\n" + REPORT
)  # fmt: skip


def write_models(folder: Path) -> list[Path]:
    paths = []
    for name, seed, cutoff in (("a", 1, "4.5 3.5"), ("b", 2, "4.5 3.5"), ("c", 3, "4.0 4.0")):
        file = attrs.evolve(KINDS["nep4"], seed=seed, cutoff=cutoff)
        paths.append(file.write(folder / f"{name}.txt"))
    return paths


def deviations(folder: Path) -> np.ndarray:
    return np.loadtxt(folder / "devi.out", ndmin=2)


def test_columns_are_the_spread_of_the_models(tmp_path: Path) -> None:
    """Maximum, minimum and mean over atoms of sqrt(<|F - <F>|^2>), and the spread of E/N."""
    structure = standard(tmp_path)
    results = [
        NativeModel(path).evaluate(structure.numbers, structure.positions, structure.cell)
        for path in write_models(tmp_path)
    ]
    forces = np.array([result.forces for result in results])
    spread = np.sqrt(((forces - forces.mean(axis=0)) ** 2).sum(axis=2).mean(axis=0))
    energies = [result.energies.mean() for result in results]
    output = run(tmp_path, simple().replace("nep.txt", COMMITTEE))
    assert output.status == 0, output.text
    expected = [0.0, spread.max(), spread.min(), spread.mean(), np.std(energies)]
    np.testing.assert_allclose(deviations(tmp_path), [expected], rtol=1.0e-8)
    np.testing.assert_allclose(output.atoms[:, 1:4], results[0].forces, atol=1.0e-10)


@pytest.mark.parametrize(("ranks", "threads"), [(1, 2), (2, 1)])
def test_ranks_and_threads_do_not_change_the_file(ranks: int, threads: int, tmp_path: Path) -> None:
    """A moving system with lists rebuilt between the lines of the file."""
    standard(tmp_path)
    write_models(tmp_path)
    script = DYNAMICS.format(steps=9).replace("nep.txt", COMMITTEE)
    run(tmp_path, script)
    one = deviations(tmp_path)
    assert one[:, 0].tolist() == [0, 2, 4, 6, 8]
    several = run(tmp_path, script, ranks=ranks, threads=threads)
    assert several.status == 0, several.text
    np.testing.assert_allclose(deviations(tmp_path), one, rtol=1.0e-6)


def test_the_committee_leaves_the_trajectory_alone(tmp_path: Path) -> None:
    """The run is the one of the first model by itself; steps are written once over two runs."""
    standard(tmp_path)
    write_models(tmp_path)
    script = DYNAMICS.format(steps=5) + "run 5\n"
    alone = run(tmp_path, script.replace("nep.txt", "a.txt"))
    driven = run(tmp_path, script.replace("nep.txt", COMMITTEE))
    np.testing.assert_allclose(driven.atoms, alone.atoms, rtol=1.0e-7, atol=1.0e-7)
    assert deviations(tmp_path)[:, 0].tolist() == [0, 2, 4, 6, 8, 10]


def test_the_manual_style_takes_a_committee(tmp_path: Path) -> None:
    """pair_style pwmlff N with N files and the same keywords."""
    standard(tmp_path)
    write_models(tmp_path)
    run(tmp_path, simple().replace("nep.txt", COMMITTEE))
    expected = deviations(tmp_path)
    output = run(tmp_path, simple().replace("nepforge nep.txt", f"pwmlff 3 {COMMITTEE}"))
    assert output.status == 0, output.text
    np.testing.assert_array_equal(deviations(tmp_path), expected)


def test_a_committee_works_inside_a_hybrid(tmp_path: Path) -> None:
    """Also when pair_coeff names the models, which pair_style hybrid does not know at first."""
    standard(tmp_path)
    write_models(tmp_path)
    script = DYNAMICS.format(steps=4)
    run(tmp_path, script.replace("nep.txt", COMMITTEE))
    expected = deviations(tmp_path)
    files, options = COMMITTEE.split(" out_freq")
    hybrid = f"""
pair_style hybrid/overlay nepforge out_freq{options} zero 5.0
pair_coeff * * nepforge {files} Si O
pair_coeff * * zero
"""
    output = run(tmp_path, script.replace(PAIR.format(species="Si O"), hybrid), ranks=2)
    assert output.status == 0, output.text
    np.testing.assert_allclose(deviations(tmp_path), expected, rtol=1.0e-6)


def test_a_model_that_lacks_a_species_is_refused(tmp_path: Path) -> None:
    """All models must know the species of pair_coeff."""
    standard(tmp_path)
    write_models(tmp_path)
    KINDS["one species"].write(tmp_path / "b.txt")
    output = run(tmp_path, simple().replace("nep.txt", COMMITTEE))
    assert output.status != 0
    assert "pair_coeff names 'O', the model knows Si" in output.text
