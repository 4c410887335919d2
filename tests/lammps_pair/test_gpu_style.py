"""The GPU style: its kernels on the CPU give the numbers of the CPU style, and so does a device."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import ase
import numpy as np
import pytest

from nepforge.lammps.script import write_data
from tests.lammps_pair.running import PAIR, PREAMBLE, REPORT, run, simple, standard
from tests.nep_files import KINDS
from tests.test_golden import FOLDER as GOLDEN
from tests.test_golden import NAMES, cases

pytestmark = pytest.mark.lammps

EXACT = 1.0e-10  # eV/Å and eV: sums are integers in units of 9e-13
MIXED = 1.0e-5  # eV/Å and eV, at forces of the order of 1 eV/Å
EV = 1.602176634e6  # bar Å³, the unit of a stress of an atom
HOST = "nepforge/gpu/host"
GPU = "nepforge/gpu"
CORE = Path(__file__).parents[2] / "lammps_pair"
MOVING = (
    "replicate 3 1 1\n" + PAIR
    + "velocity all create 300 7 loop geom\nfix 1 all nve\n"
    + "neigh_modify every 3 delay 0 check no\n" + REPORT.format(steps=10)
)  # fmt: skip


def no_device(folder: Path) -> str:
    """Why no kernel can be started here; empty where a device is."""
    standard(folder)
    text = run(folder, simple().replace("nepforge nep", f"{GPU} nep")).text
    reasons = ("this build has no CUDA", "found no CUDA device")
    return next((reason for reason in reasons if reason in text), "")


def compare(folder: Path, style: str, script: str, precision: str = "double") -> None:
    """Both styles leave the same per-atom energies, forces, stresses and pressure."""
    expected = run(folder, script)
    named = script.replace("nepforge nep.txt", f"{style} nep.txt precision {precision}")
    found = run(folder, named.replace("* * nepforge", f"* * {style}"))
    assert found.status == expected.status == 0, found.text
    mixed = precision == "mixed"
    force = float(np.abs(expected.atoms[:, 1:4]).max())
    stress = max(EV, float(np.abs(expected.atoms[:, 5:]).max()))
    tolerance = MIXED * max(1.0, force) if mixed else EXACT
    np.testing.assert_allclose(found.atoms[:, 1:5], expected.atoms[:, 1:5], rtol=0, atol=tolerance)
    tolerance = (MIXED if mixed else EXACT) * stress
    np.testing.assert_allclose(found.atoms[:, 5:], expected.atoms[:, 5:], rtol=0, atol=tolerance)
    for name in ("pxx", "pxy"):
        assert found.value(name) == pytest.approx(expected.value(name), rel=0, abs=tolerance)


def script_for(kind: str, moving: bool = False) -> str:
    """One evaluation of the structure of `standard`, or ten steps with lists made anew."""
    species = "Si Si" if KINDS[kind].species == ("Si",) else "Si O"
    return PREAMBLE + MOVING.format(species=species) if moving else simple(species)


@pytest.mark.parametrize("precision", ["double", "mixed"])
@pytest.mark.parametrize("kind", KINDS.keys())
def test_kernels_give_the_numbers_of_the_cpu_style(
    kind: str, precision: str, tmp_path: Path
) -> None:
    """Every kind of model in a skewed cell smaller than the cutoff."""
    standard(tmp_path, kind)
    compare(tmp_path, HOST, script_for(kind), precision)


@pytest.mark.parametrize("precision", ["double", "mixed"])
@pytest.mark.parametrize("name", NAMES)
def test_kernels_give_the_numbers_of_the_golden_models(
    name: str, precision: str, tmp_path: Path
) -> None:
    """Forces of up to 100 eV/Å by the repulsion among them."""
    (tmp_path / "nep.txt").write_bytes((GOLDEN / f"{name}.txt").read_bytes())
    frame, _ = cases(name)[0]
    atoms = ase.Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=True)
    write_data(tmp_path / "data.lmp", atoms, ("Si", "O"))
    compare(tmp_path, HOST, simple(), precision)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["double", "mixed"])
@pytest.mark.parametrize("kind", KINDS.keys())
def test_a_device_gives_the_numbers_of_the_cpu_style(
    kind: str, precision: str, tmp_path: Path
) -> None:
    """The same kernels, launched."""
    reason = no_device(tmp_path)
    if reason:
        pytest.skip(reason)
    standard(tmp_path, kind)
    compare(tmp_path, GPU, script_for(kind), precision)
    compare(tmp_path, GPU, script_for(kind, moving=True), precision)


def test_lists_are_rebuilt_when_lammps_reneighbors(tmp_path: Path) -> None:
    """Ten steps with new atoms on the device at every third."""
    standard(tmp_path)
    compare(tmp_path, HOST, script_for("nep4", moving=True))


HYBRID = """
pair_style hybrid/overlay nepforge nep.txt zero 5.0
pair_coeff * * nepforge {species}
pair_coeff * * zero
"""


@pytest.mark.parametrize("species", ["Si O", "Si NULL"])
def test_it_works_inside_a_hybrid(species: str, tmp_path: Path) -> None:
    """Atoms of a NULL type neither feel nor feed the potential."""
    standard(tmp_path)
    compare(tmp_path, HOST, PREAMBLE + HYBRID.format(species=species) + REPORT.format(steps=0))


def test_ghost_atoms_by_collection_suffice(tmp_path: Path) -> None:
    """With cutoffs by type the list of LAMMPS is taken, which has too few for reduce/multi."""
    standard(tmp_path, "type-wise cutoffs")
    script = simple().replace("neighbor 0.5 bin", "neighbor 0.5 multi\ncomm_modify mode multi")
    compare(tmp_path, HOST, script)
    fewer = script.replace("mode multi", "mode multi reduce/multi")
    output = run(tmp_path, fewer.replace("nepforge nep", f"{HOST} nep"))
    assert output.status != 0
    assert "multi/reduce communication with a full neighbor list" in output.text


def test_two_ranks_give_the_result_of_one(tmp_path: Path) -> None:
    """Forces, energies and stresses after ten steps."""
    standard(tmp_path)
    script = script_for("nep4", moving=True).replace(
        "nepforge nep.txt", f"{HOST} nep.txt precision double"
    )
    one, two = run(tmp_path, script), run(tmp_path, script, ranks=2)
    assert two.status == 0, two.text
    scale = float(np.abs(one.atoms[:, 5:]).max())
    np.testing.assert_allclose(two.atoms[:, :5], one.atoms[:, :5], rtol=0, atol=1.0e-8)
    np.testing.assert_allclose(two.atoms[:, 5:], one.atoms[:, 5:], rtol=0, atol=1.0e-8 * scale)


def test_the_same_run_gives_the_same_bits(tmp_path: Path) -> None:
    """And forces that add up to zero exactly: sums are integers."""
    standard(tmp_path)
    script = script_for("nep4", moving=True).replace("nepforge nep", f"{HOST} nep")
    first, second = run(tmp_path, script), run(tmp_path, script)
    np.testing.assert_array_equal(first.atoms, second.atoms)
    np.testing.assert_array_equal(first.atoms[:, 1:4].sum(axis=0), 0.0)


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc is not here")
def test_nvcc_compiled_the_kernels(tmp_path: Path) -> None:
    """What stands in for them in other builds would say so."""
    assert "this build has no CUDA" not in no_device(tmp_path)


@pytest.mark.parametrize("ranks", [1, 2])
def test_without_a_device_lammps_says_so(ranks: int, tmp_path: Path) -> None:
    """The message names the style that runs on the CPU."""
    if not no_device(tmp_path):
        pytest.skip("there is a device")
    output = run(tmp_path, simple().replace("nepforge nep", f"{GPU} nep"), ranks=ranks)
    assert output.status != 0
    assert "pair_style nepforge" in output.text
    assert "on the CPU" in output.text


def test_check_gpu_says_that_there_is_nothing_to_check(tmp_path: Path) -> None:
    """Status 2, which is neither success nor a difference."""
    if not no_device(tmp_path):
        pytest.skip("there is a device")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, root / "tools/check_gpu.py"], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(root)}, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stdout.startswith("nothing was checked: ")


REFUSED = {
    "committee": ("nep.txt", "nep.txt nep.txt out_freq 1 out_file x", "found 2 models, expected o"),
    "respa": ("run 0", "run_style respa 2 2 pair 1\nrun 0", "found run_style respa"),
    "coincident": ("run 0", "set atom 7 x 1.0 y 1.0 z 1.0\nset atom 8 x 1.0 y 1.0 z 1.0\nrun 0",
                   "is not finite at step 0"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_misuse_is_refused_with_a_sentence(old: str, new: str, words: str, tmp_path: Path) -> None:
    """LAMMPS ends with an error that says what was found."""
    standard(tmp_path)
    script = simple().replace("nepforge nep", f"{HOST} nep").replace(old, new)
    output = run(tmp_path, script)
    assert output.status != 0
    assert words in output.text


def build(folder: Path, name: str, *options: str) -> Path:
    """A program beside this file with the kernels on the CPU, compiled with `options`."""
    sources = [Path(__file__).parent / f"{name}.cpp", CORE / "device" / "host_device.cpp"]
    sources += [CORE / "core" / file for file in ("nep_model.cpp", "elements.cpp")]
    command = [
        "c++", "-std=c++20", "-g", *options, f"-I{CORE / 'core'}", f"-I{CORE / 'device'}",
        *map(str, sources), "-o", str(folder / name),
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=200)
    return folder / name


@pytest.fixture(scope="module")
def lanes_in_turn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One lane after another under AddressSanitizer and UBSan."""
    options = ("-D_GLIBCXX_ASSERTIONS", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    return build(tmp_path_factory.mktemp("kernels"), "device_driver", *options)


@pytest.fixture(scope="module")
def lanes_at_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lanes of two warps as threads under ThreadSanitizer."""
    return build(tmp_path_factory.mktemp("warps"), "warp_driver", "-O1", "-fsanitize=thread")


def run_driver(program: Path, kind: str, folder: Path) -> str:
    """What a driver says of a model."""
    KINDS[kind].write(folder / "nep.txt")
    done = subprocess.run(
        [program, folder / "nep.txt"], capture_output=True, text=True, timeout=100, check=False
    )
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("ThreadSanitizer does not start on this kernel")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS.keys())
def test_kernels_stay_inside_their_arrays(kind: str, lanes_in_turn: Path, tmp_path: Path) -> None:
    """Every array is a heap block of its own, full of NaN; the order of the lanes is free."""
    assert run_driver(lanes_in_turn, kind, tmp_path) == "8 cases\n"


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS.keys())
def test_lanes_do_not_race(kind: str, lanes_at_once: Path, tmp_path: Path) -> None:
    """Whatever one lane reads of another, a barrier of the warp is between them."""
    assert run_driver(lanes_at_once, kind, tmp_path) == "same results\n"
