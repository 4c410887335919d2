"""Labels under other names, in other units and signs; what is not read is said."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import ase.units
import numpy as np
import pytest

from nepforge.data.formats.read import read_frames
from nepforge.data.formats.write import write_frames
from nepforge.data.frame import Frame
from nepforge.data.labels.names import LabelNames
from nepforge.data.labels.units import UNITS_OF, unit_factor
from nepforge.errors import DataError, UsageError
from nepforge.recipe.tables import values

HARTREE, BOHR = 27.211386, 0.5291772  # eV, Å
GPA = 1.0 / 160.21766  # eV/Å³
ROUGH = 1.0e-6  # relative: digits of the constants above


def read(
    tmp_path: Path, comment: str, columns: str = "forces:R:3", **labels: str
) -> tuple[Frame, list[str]]:
    """One dimer in a box of 216 Å³, and what the reader said of it."""
    notices: list[str] = []
    path = tmp_path / "a.xyz"
    path.write_text(
        f'2\nLattice="6 0 0 0 6 0 0 0 6" {comment} Properties=species:S:1:pos:R:3:{columns}\n'
        "Si 0 0 0 0 0 0.5\nSi 0 0 2.4 0 0 -0.5\n"
    )
    names = LabelNames(**labels)
    (frame,) = read_frames(path, "extxyz", notice=notices.append, labels=names)
    return frame, notices


def test_the_energy_is_the_one_that_forces_derive_from(tmp_path: Path) -> None:
    """The free energy, wherever it stands, and it is said that the other one is not read."""
    for comment in ("energy=-9.1 free_energy=-9.16", "free_energy=-9.16 energy=-9.1"):
        frame, notices = read(tmp_path, comment)
        assert frame.energy == -9.16
        assert "energy -9.1, free_energy -9.16 eV" in notices[0]
    frame, _ = read(tmp_path, "energy=-9.1 free_energy=-9.16", energy="energy")
    assert frame.energy == -9.1
    assert read(tmp_path, "energy=-9.1 free_energy=-9.1")[1] == []


def test_two_kinds_of_energy_in_one_file_are_said(tmp_path: Path) -> None:
    """Some frames have the free energy too, others only the one without smearing."""
    path = tmp_path / "a.xyz"
    path.write_text("1\nenergy=-1 free_energy=-2\nH 0 0 0\n1\nenergy=-1\nH 0 0 0\n")
    notices: list[str] = []
    assert [f.energy for f in read_frames(path, "extxyz", notice=notices.append)] == [-2, -1]
    assert "energies of two kinds" in notices[1]


def test_labels_that_are_named_are_read(tmp_path: Path) -> None:
    """Keys and a column as MACE writes them, a matrix as JSON; case counts only when it must."""
    stress = 'REF_stress="_JSON [[0.1, 0, 0], [0, 0.2, 0], [0, 0, 0.3]]"'
    frame, notices = read(
        tmp_path,
        f"REF_energy=-9.1 {stress}",
        "REF_forces:R:3",
        energy="REF_energy",
        forces="ref_forces",
        stress="REF_stress",
    )
    assert (frame.energy, notices) == (-9.1, [])
    assert frame.forces is not None
    assert frame.virial is not None
    assert frame.forces[:, 2].tolist() == [0.5, -0.5]
    np.testing.assert_allclose(np.diag(frame.virial), [-21.6, -43.2, -64.8])


def test_unread_labels_are_said_with_the_option_that_reads_them(tmp_path: Path) -> None:
    """Whatever has such a name and size; what only speaks of labels has not."""
    frame, (notice,) = read(
        tmp_path,
        'REF_energy=-9.1 energy_vdw=-0.1 dft_virial="1 2 3 4 5 6 7 8 9" energy_weight=2 '
        "energy_source=dft max_force=0.5 energy_cutoff=500 config_type=bulk",
        "dft_force:R:3",
    )
    for words in (
        "--energy REF_energy", "--energy energy_vdw", "--virial dft_virial", "--forces dft_force",
        '[data.labels] energy = "REF_energy"',
    ):  # fmt: skip
        assert words in notice
    assert not {"weight", "source", "max_force", "cutoff", "config"} & set(notice.split("_"))
    assert (frame.energy, frame.forces, frame.virial) == (None, None, None)


def test_a_name_that_no_frame_has_is_an_error(tmp_path: Path) -> None:
    """With the names that are there; a label that only some frames lack is missing as usual."""
    with pytest.raises(DataError, match=r'"REF_energ".*REF_energy') as error:
        read(tmp_path, "REF_energy=-9.1", energy="REF_energ")
    assert 'did you mean "REF_energy"' in str(error.value)
    with pytest.raises(DataError, match='the column "F"'):
        read(tmp_path, "energy=-9.1", forces="F")
    path = tmp_path / "two.xyz"
    path.write_text("1\nE=-1\nH 0 0 0\n1\nenergy=-1\nH 0 0 0\n")
    frames = read_frames(path, "extxyz", labels=LabelNames(energy="E"))
    assert [frame.energy for frame in frames] == [-1.0, None]


STRESS = 'stress="1 0 0 0 2 0 0 0 3"'


@pytest.mark.parametrize(
    ("comment", "labels", "energy", "force", "virial_xx"),
    [
        ("energy=-0.5 energy-unit=hartree force-unit=hartree/bohr", {},
         -0.5 * HARTREE, 0.5 * HARTREE / BOHR, None),
        ("energy=-0.5", {"energy_unit": "hartree", "force_unit": "Ha/a0"},
         -0.5 * HARTREE, 0.5 * HARTREE / BOHR, None),
        (f"energy=-1 energy_unit=Ry force_units=kcal/mol/Å stress-unit=GPa {STRESS}", {},
         -HARTREE / 2, 0.5 * 0.0433641, -216 * GPA),
        (f"stress-unit=kbar {STRESS}", {"stress_sign": "compression-positive"},
         None, 0.5, 21.6 * GPA),
        (f"stress-unit=au/bohr^3 {STRESS}", {}, None, 0.5, -216 * HARTREE / BOHR**3),
        ('virial="1 0 0 0 1 0 0 0 1"', {"virial_unit": "meV", "virial_sign": "tension-positive"},
         None, 0.5, -0.001),
        ("energy=-1 units=metal", {"force_sign": "gradient", "force_unit": "eV/nm"},
         -1.0, -0.05, None),
        ("REF_energy=-1 REF_energy_unit=hartree", {"energy": "REF_energy"}, -HARTREE, 0.5, None),
        ("energy=-1 stress-unit=furlong", {}, -1.0, 0.5, None),  # of a stress that is not there
    ],
)  # fmt: skip
def test_units_and_signs_are_those_of_the_file_or_the_options(
    tmp_path: Path,
    comment: str,
    labels: dict[str, str],
    energy: float | None,
    force: float,
    virial_xx: float | None,
) -> None:
    """In eV and Å, from constants written down here."""
    frame, _ = read(tmp_path, comment, **labels)
    found: list[Any] = [frame.energy, frame.virial if frame.virial is None else frame.virial[0, 0]]
    assert found == [None if x is None else pytest.approx(x, ROUGH) for x in (energy, virial_xx)]
    assert frame.forces is not None
    assert frame.forces[0, 2] == pytest.approx(force, ROUGH)


def test_lengths_of_the_file_are_converted(tmp_path: Path) -> None:
    """Positions and cell; the volume follows."""
    frame, _ = read(tmp_path, "length-unit=bohr")
    assert frame.positions[1, 2] == pytest.approx(2.4 * BOHR, ROUGH)
    assert frame.volume == pytest.approx(216.0 * BOHR**3, ROUGH)


@pytest.mark.parametrize(
    ("comment", "labels", "words"),
    [
        ("energy=-1 energy-unit=furlong", {}, 'energy-unit is "furlong", expected one of eV'),
        ("energy=-1 energy-unit=MeV", {}, 'energy-unit is "MeV"'),
        ("energy=-1 energy-unit=hartree", {"energy_unit": "eV"}, "energy_unit eV is requested"),
        ("energy=-1 units=real", {}, 'units is "real"'),
        ("energy=-1 Energy=-2", {}, "energy and Energy, which are one label"),
    ],
)
def test_units_that_are_not_known_are_refused_by_name(
    tmp_path: Path, comment: str, labels: dict[str, str], words: str
) -> None:
    """And what contradicts an option."""
    with pytest.raises(DataError) as error:
        read(tmp_path, comment, **labels)
    assert words in str(error.value)


def test_a_trajectory_of_ipi_is_refused(tmp_path: Path) -> None:
    """Its cell and units are in words that would all be passed over."""
    line = "# CELL(abcABC): 9 9 9 90 90 90 Step: 0 Bead: 0 positions{atomic_unit}"
    (tmp_path / "a.xyz").write_text(f"1\n{line}\nH 0 0 0\n")
    with pytest.raises(DataError, match="is a file of i-PI"):
        read_frames(tmp_path / "a.xyz", "extxyz")


CP2K = "2\n i =        0, time =        0.000, E =       -17.2\nH 0 0 0\nH 0 0 0.8\n"


@pytest.mark.parametrize("name", ["W-frc-1.xyz", "W-vel-1.xyz", "W-frc-1.xyz.gz"])
def test_forces_of_cp2k_are_no_positions(tmp_path: Path, name: str) -> None:
    """They have the layout of positions: the name alone tells."""
    data = CP2K.encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    with pytest.raises(DataError, match="of CP2K holds forces or velocities"):
        read_frames(tmp_path / name, "extxyz")


def test_an_energy_of_cp2k_is_in_hartree(tmp_path: Path) -> None:
    """Its name alone does not make it eV."""
    path = tmp_path / "W-pos-1.xyz"
    path.write_text(CP2K)
    (frame,) = read_frames(path, "extxyz")
    assert frame.energy is None
    with pytest.raises(DataError, match="E of CP2K is in hartree"):
        read_frames(path, "extxyz", labels=LabelNames(energy="E"))
    labels = LabelNames(energy="E", energy_unit="hartree")
    (frame,) = read_frames(path, "extxyz", labels=labels)
    assert frame.energy == pytest.approx(-17.2 * HARTREE, ROUGH)


@pytest.mark.parametrize(
    ("label", "name", "unit"),
    [
        ("stress", "stress_GPa", "GPa"),
        ("energy", "dft-energy-Ha", "Ha"),
        ("energy", "E_kcal_per_mol", "kcal/mol"),
        ("forces", "forces_hartree_bohr", "hartree/bohr"),
    ],
)
def test_a_name_that_says_a_unit_needs_it_told(label: str, name: str, unit: str) -> None:
    """Nobody who named `stress_GPa` means eV/Å³."""
    with pytest.raises(
        UsageError, match=f'"{name}" of {label} contains {unit}, and no unit'
    ) as error:
        LabelNames(**{label: name})
    option = {"forces": "force"}.get(label, label)
    assert f"--{option}-unit {unit}" in str(error.value.hint)
    LabelNames(**{label: name, f"{option}_unit": unit})


def test_a_name_that_says_our_unit_is_read() -> None:
    """And ordinary names are no units."""
    LabelNames(energy="energy_eV", forces="forces_eV_A", stress="REF_stress", virial="dft_virial")


def test_wrong_options_are_refused() -> None:
    """Units that are none, and names for formats whose labels have their own."""
    with pytest.raises(UsageError, match="is not a unit of force"):
        LabelNames(force_unit="eV")
    with pytest.raises(UsageError, match="expected compression-positive or tension-positive"):
        LabelNames(stress_sign="-1")
    movement = Path(__file__).parent / "files" / "MOVEMENT"
    with pytest.raises(DataError, match=r"energy_unit = .hartree. is asked for, and movement has"):
        read_frames(movement, "movement", labels=LabelNames(energy_unit="hartree"))


def test_units_of_arrays_can_be_told(tmp_path: Path) -> None:
    """Folders of DeePMD hold what people put there; names mean nothing there."""
    frame, _ = read(tmp_path, "energy=-2")
    write_frames(tmp_path / "set", "deepmd", [frame])
    (found,) = read_frames(tmp_path / "set", "deepmd", labels=LabelNames(energy_unit="hartree"))
    assert found.energy == pytest.approx(-2 * HARTREE, ROUGH)
    with pytest.raises(DataError, match=r"energy = .E. is asked for"):
        read_frames(tmp_path / "set", "deepmd", labels=LabelNames(energy="E"))


def test_every_unit_of_a_recipe_is_known_to_the_readers() -> None:
    """By its name, with the factor of ase.units; and by other spellings."""
    assert list(UNITS_OF["energy"]) == values.ENERGY_UNITS
    assert list(UNITS_OF["force"]) == values.FORCE_UNITS
    assert list(UNITS_OF["stress"]) == values.STRESS_UNITS
    for quantity, units in UNITS_OF.items():
        assert {name: unit_factor(quantity, name) for name in units} == units
    assert unit_factor("stress", "kB") == pytest.approx(1000 * ase.units.bar)
    assert unit_factor("force", "kcal/(mol*A)") == ase.units.kcal / ase.units.mol
    assert unit_factor("force", "Ry/au") == ase.units.Rydberg / ase.units.Bohr
    assert unit_factor("stress", "eV/A**3") == unit_factor("stress", "eV/Ang3") == 1.0
    assert unit_factor("energy", "eV/atom") is unit_factor("force", "GPa") is None


GPUMD = 'virial="2.16 0 0 0 2.16 0 0 0 2.16" stress="{} 0 0 0 {} 0 0 0 {}"'


@pytest.mark.parametrize(
    ("comment", "kinetic"),
    [("Time=0.0 " + GPUMD, (0.0, 0.0, 0.0)), ("Time=1.0 " + GPUMD, (0.1, 0.05, 0.2)),
     (GPUMD, (0.1, 0.05, 0.2))],
)  # fmt: skip
def test_files_of_gpumd_give_the_virial(
    tmp_path: Path, comment: str, kinetic: tuple[float, ...]
) -> None:
    """Their stress has the other sign and the kinetic part, which is never negative."""
    stress = [repr((2.16 + part) / 216.0) for part in kinetic]
    frame, (notice,) = read(tmp_path, comment.format(*stress))
    assert frame.virial is not None
    np.testing.assert_allclose(frame.virial, 2.16 * np.eye(3))
    assert "as GPUMD writes it" in notice


def test_a_stress_without_a_volume_is_left_out_and_said(tmp_path: Path) -> None:
    """ASE gives an isolated atom a lattice of zeros and a stress of zeros."""
    (tmp_path / "a.xyz").write_text(
        '1\nLattice="0 0 0 0 0 0 0 0 0" stress="0 0 0 0 0 0" energy=-1 pbc="F F F"\nH 0 0 0\n'
    )
    notices: list[str] = []
    (frame,) = read_frames(tmp_path / "a.xyz", "extxyz", notice=notices.append)
    assert (frame.energy, frame.virial, len(notices)) == (-1.0, None, 1)


@pytest.mark.parametrize(
    ("stress", "mark"),
    [("0.01", ""), ("-0.02", "Time=0.0 "), ("0.005", "Time=0.0 "), ("50.0", "Time=0.0 ")],
)
def test_other_contradictions_stay_errors(tmp_path: Path, stress: str, mark: str) -> None:
    """A wrong sign alone, a wrong factor, a kinetic part that is none; naming one settles it."""
    comment = mark + GPUMD.format(stress, stress, stress)
    words = f"virial xx is 2.16 eV, -stress \\* volume {-216 * float(stress):.6g} eV"
    with pytest.raises(DataError, match=words):
        read(tmp_path, comment)
    frame, _ = read(tmp_path, comment, stress="stress")
    assert frame.virial is not None
    assert frame.virial[0, 0] == pytest.approx(-216 * float(stress))
