"""Inputs of NEP_CPU, MatPL and PWMLFF as their manuals write them, and where models are found."""

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path

import attrs
import pytest

from nepforge.lammps.plugin import find_lammps
from nepforge.models.nep.native import NativeModel
from tests.lammps_pair.library import run_commands
from tests.lammps_pair.running import PREAMBLE, run, standard
from tests.nep_files import KINDS

pytestmark = pytest.mark.lammps

EXACT = 1.0e-9  # eV
START = [*PREAMBLE.split("\n")[1:-1], "thermo_style custom step pe"]

# pair_style and pair_coeff, and the model that drives: nep.txt knows Si O, wide.txt O Si Al
FORMS = {
    "NEP_CPU": ("nep", "* * nep.txt Si O", "nep.txt"),
    "NEP_CPU, larger model": ("nep", "* * wide.txt Si O", "wide.txt"),
    "NEP_CPU before 2023": ("nep nep.txt", "* *", "nep.txt"),
    "MatPL": ("matpl/nep nep.txt", "* * Si O", "nep.txt"),
    "MatPL, atomic numbers": ("matpl/nep nep.txt", "* * 14 8", "nep.txt"),
    "MatPL, several models": (
        "matpl/nep wide.txt nep.txt out_freq 1 out_file devi", "* * Si O", "wide.txt",
    ),
    "MatPL of 2026": ("matpl/nep", "* * nep.txt Si O", "nep.txt"),
    "MatPL of 2026, several models": (
        "matpl/nep out_freq 1 out_file devi", "* * wide.txt nep.txt Si O", "wide.txt",
    ),
    "PWMLFF": ("pwmlff 1 nep.txt", "* * 14 8", "nep.txt"),
    "ours, model in pair_coeff": ("nepforge precision double", "* * nep.txt Si O", "nep.txt"),
    "GPU, model in pair_coeff": ("nepforge/gpu/host", "* * wide.txt Si O", "wide.txt"),
}  # fmt: skip
REFUSED = {
    "nep, too few species": (("nep one.txt", "* *"), "found 2 types and a model of 1"),
    "nep, no model": (("nep", "* *"), "found no model file, expected one or more"),
    "nep, no species": (("nep", "* * nep.txt"), "found no model file, expected one or more"),
    "nep, model twice": (("nep nep.txt", "* * nep.txt Si O"), "each of the 2 atom types"),
    "matpl/nep, no species": (("matpl/nep nep.txt", "* *"), "each of the 2 atom types"),
    "matpl/nep, charges": (("matpl/nep nep.txt kspace pppm", "* * Si O"), "(nep.txt kspace pppm)"),
    "several models, no file": (("matpl/nep", "* * nep.txt wide.txt Si O"), "out_freq N out_file"),
}  # fmt: skip


def write_models(folder: Path) -> None:
    """A structure of Si and O, and models of one, two and three species."""
    standard(folder)
    KINDS["one species"].write(folder / "one.txt")
    wide = attrs.evolve(KINDS["nep4"], species=("O", "Si", "Al"), seed=5, cutoff="5.5 4.0")
    wide.write(folder / "wide.txt")


def energy(folder: Path, model: str) -> float:
    """Of the structure, by the core."""
    made = standard(folder)
    result = NativeModel(folder / model).evaluate(made.numbers, made.positions, made.cell)
    return float(result.energies.sum())


def test_their_inputs_run_as_they_are(tmp_path: Path) -> None:
    """And what they cannot mean is refused."""
    write_models(tmp_path)
    forms = [(style, words) for style, words, _ in FORMS.values()]
    forms += [form for form, _ in REFUSED.values()]
    sequences = [
        [*START, f"pair_style {style}", f"pair_coeff {words}", "run 0"] for style, words in forms
    ]
    said = run_commands(tmp_path, sequences)
    for (name, (_, _, model)), answers in zip(FORMS.items(), said, strict=False):
        assert answers[-1] == pytest.approx(energy(tmp_path, model), abs=EXACT), name
    for (name, (_, words)), answers in zip(REFUSED.items(), said[len(FORMS) :], strict=True):
        failures = [answer for answer in answers if isinstance(answer, str)]
        assert any(words in failure for failure in failures), f"{name}: {failures}"


def test_the_older_form_takes_the_order_of_the_model(tmp_path: Path) -> None:
    """Types 1 and 2 are the first two species, O and Si, and the log says so."""
    write_models(tmp_path)
    made = standard(tmp_path)
    swapped = attrs.evolve(made, numbers=22 - made.numbers)  # 14 <-> 8
    script = PREAMBLE + "pair_style nep wide.txt\npair_coeff * *\nthermo_style custom step pe\n"
    output = run(tmp_path, script + 'run 0\nprint "energy = $(pe:%.17g)"\n')
    assert "in the order of the model, O Si\n" in output.text
    model = NativeModel(tmp_path / "wide.txt")
    expected = model.evaluate(swapped.numbers, swapped.positions, swapped.cell).energies.sum()
    assert output.value("energy") == pytest.approx(expected, abs=EXACT)


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("pair", [
    "pair_style nepforge sub/kept.txt\npair_coeff * * Si O\n",
    "pair_style nepforge/gpu/host sub/kept.txt\npair_coeff * * Si O\n",
    "pair_style nep\npair_coeff * * kept.txt Si O\n",
], ids=["nepforge", "gpu", "nep"])  # fmt: skip
def test_models_are_found_in_the_folders_of_lammps(
    pair: str, ranks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their file name, along LAMMPS_POTENTIALS, after the path itself."""
    standard(tmp_path)
    store = tmp_path / "store"
    store.mkdir()
    (tmp_path / "nep.txt").rename(store / "kept.txt")
    script = PREAMBLE + pair + 'run 0\nprint "energy = $(pe:%.17g)"\n'
    monkeypatch.setenv("LAMMPS_POTENTIALS", f"{tmp_path / 'nowhere'}:{store}")
    output = run(tmp_path, script, ranks)
    assert f"from {store / 'kept.txt'}" in output.text
    (store / "kept.txt").rename(tmp_path / "nep.txt")
    assert output.value("energy") == pytest.approx(energy(tmp_path, "nep.txt"), abs=EXACT)


@pytest.mark.parametrize("folders", ["/nowhere:/neither", None])
def test_a_missing_model_names_what_was_searched(
    folders: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path, and the folders or that there are none."""
    standard(tmp_path)
    script = PREAMBLE + "pair_style nepforge sub/absent.txt\n"
    expected = "sub/absent.txt: found no file that can be read; LAMMPS_POTENTIALS, whose folders"
    monkeypatch.delenv("LAMMPS_POTENTIALS", raising=False)
    if folders:
        monkeypatch.setenv("LAMMPS_POTENTIALS", folders)
        expected = f"can be read, nor absent.txt in LAMMPS_POTENTIALS={folders}"
    output = run(tmp_path, script)
    assert output.status != 0
    assert expected in output.text


COMPILED_IN = """
#include "force.h"
#include "lammps.h"
// LAMMPS with a style "nep" of its own: here it is "zero".
extern "C" void lammpsplugin_init(void* lammps, void*, void*) {
  auto& styles = *static_cast<LAMMPS_NS::LAMMPS*>(lammps)->force->pair_map;
  styles["nep"] = styles["zero"];
}
"""


@pytest.mark.slow
def test_a_style_that_lammps_has_keeps_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other names are still ours."""
    standard(tmp_path)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "theirs.cpp").write_text(COMPILED_IN)
    lammps = find_lammps()
    root = Path(str(metadata.distribution("lammps").locate_file("lammps/include/lammps")))
    command = ["c++", "-std=c++17", "-shared", "-fPIC", "-DLAMMPS_SMALLBIG", f"-I{root}"]
    command += [f"-I{lammps.mpi_libraries.parent / 'include'}", str(theirs / "theirs.cpp")]
    subprocess.run([*command, "-o", str(theirs / "theirsplugin.so")], check=True, timeout=100)
    both = attrs.evolve(lammps, plugins=f"{theirs}:{lammps.plugins}")
    monkeypatch.setattr("tests.lammps_pair.running.find_lammps", lambda: both)
    script = PREAMBLE + "pair_style {pair}\nthermo_style custom step pe\nrun 0\n"
    script += 'print "energy = $(pe:%.17g)"\n'
    assert run(tmp_path, script.format(pair="nep 5.0\npair_coeff * *")).value("energy") == 0.0
    ours = run(tmp_path, script.format(pair="matpl/nep nep.txt\npair_coeff * * Si O"))
    assert ours.value("energy") == pytest.approx(energy(tmp_path, "nep.txt"), abs=EXACT)
