"""Every format against numbers worked out by hand: units, signs, order, elements, periodicity."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from nepforge.data.formats.detect import file_format
from nepforge.data.formats.read import read_frames
from nepforge.data.formats.table import FORMATS, Format
from nepforge.data.formats.write import write_frames
from nepforge.data.frame import Frame
from nepforge.errors import DataError

FILES = Path(__file__).parent / "files"
EXACT = 1.0e-10
UNITS = 1.0e-6  # relative: the codes' own constants differ in the last digits

HARTREE, BOHR = 27.211386, 0.5291772109  # eV, Å
GPA = 1.0 / 160.2176634  # eV/Å³
FORCE = np.array([[-0.1, 0.2, -0.3], [0.1, -0.2, 0.3]])
STRESS = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.5], [0.0, 0.5, 3.0]])  # compressed


def read(name: str, species: tuple[str, ...] = ()) -> list[Frame]:
    """As from a recipe: the format follows from name or content."""
    found = file_format(FILES / name)
    assert found is not None
    return read_frames(FILES / name, found, species=species)


@pytest.mark.parametrize(
    ("name", "energy", "forces", "virial"),
    [
        ("vasprun.xml", -10.6, FORCE, STRESS * GPA * 120.0),  # kbar, positive when compressed
        ("single.castep", -120.6, FORCE, STRESS * GPA * 120.0),  # GPa, negative when compressed
        ("cp2k.out", -10.0 * HARTREE, 0.1 * FORCE * HARTREE / BOHR, STRESS * GPA * 120.012),
        (
            "pw.out",  # Ry, Ry/bohr, Ry/bohr³, positive when compressed
            -10.0 * HARTREE,
            0.05 * FORCE * HARTREE / BOHR,
            np.array([[1.0, 0, 0], [0, 2.0, 0.3], [0, 0.3, 3.0]])
            * (0.5e-4 * HARTREE / BOHR**3 * 64.0),
        ),
        (
            "run.abo",  # hartree, eV/Å, hartree/bohr³, negative when compressed
            -10.0 * HARTREE,
            FORCE,
            np.array([[1.0, 0, 0], [0, 2.0, 0.3], [0, 0.3, 3.0]]) * (1.0e-4 * HARTREE * 120.0),
        ),
    ],
)
def test_labels_of_electronic_structure_codes(
    name: str, energy: float, forces: np.ndarray, virial: np.ndarray
) -> None:
    """Free energy in eV, forces in eV/Å, W = -dU/dstrain in eV, from each code's own units."""
    (frame,) = read(name)
    assert frame.numbers.tolist() == [14, 1]
    assert frame.energy == pytest.approx(energy, rel=UNITS)
    np.testing.assert_allclose(frame.forces, forces, rtol=UNITS, atol=1e-12)
    np.testing.assert_allclose(frame.virial, virial, rtol=UNITS, atol=1e-12)


@pytest.mark.parametrize("name", ["vasprun.xml", "single.castep", "cp2k.out", "POSCAR"])
def test_structures_of_electronic_structure_codes(name: str) -> None:
    """Cell rows a, b, c in Å; fractional positions become cartesian."""
    (frame,) = read(name)
    np.testing.assert_allclose(frame.cell, np.diag([4.0, 5.0, 6.0]), rtol=2e-4)
    np.testing.assert_allclose(frame.positions[1], [1.0, 2.5, 4.5], rtol=0, atol=EXACT)
    assert frame.pbc == (True, True, True)


def test_abinit_cell_is_acell_times_rprim() -> None:
    """acell 4 5 6 bohr, rprim the unit matrix."""
    (frame,) = read("run.abo")
    np.testing.assert_allclose(frame.cell, np.diag([4.0, 5.0, 6.0]) * BOHR, rtol=UNITS)
    fractional = frame.positions[1] / np.diag(frame.cell)
    np.testing.assert_allclose(fractional, [0.25, 0.5, 0.75], rtol=UNITS)


def test_movement_holds_minus_forces_and_minus_virial() -> None:
    """Ep is the label, not Etot; the nonperiodic positions are not taken."""
    first, second = read("MOVEMENT")
    assert (first.energy, second.energy) == (-31.5, -31.4)
    np.testing.assert_allclose(first.forces, -FORCE, rtol=0, atol=EXACT)
    assert first.virial is not None
    np.testing.assert_allclose(first.virial[0], [-0.1, -0.2, -0.3], rtol=0, atol=EXACT)
    np.testing.assert_allclose(first.positions[0], 0.0, rtol=0, atol=EXACT)
    np.testing.assert_allclose(first.positions[1], [1.1, 0.5, 3.0], rtol=0, atol=EXACT)
    assert second.virial is None
    assert second.source == "MOVEMENT:1"


def test_a_bare_atom_config_has_no_labels() -> None:
    """The short form: a count, LATTICE, POSITION."""
    (frame,) = read("bare_atom.config")
    assert (frame.energy, frame.forces, frame.virial) == (None, None, None)
    np.testing.assert_allclose(frame.positions[1], [1.0, 2.5, 4.5], rtol=0, atol=EXACT)


def test_a_dump_is_sorted_and_free_of_its_origin() -> None:
    """Fractions and Å give the same frame; bounds hold the tilt; types are named; ff is open."""
    for frame in read("slab.dump", species=("H", "Si")):
        assert frame.numbers.tolist() == [14, 1]
        np.testing.assert_allclose(frame.cell, [[4, 0, 0], [1, 5, 0], [0, 0, 6]], atol=EXACT)
        np.testing.assert_allclose(frame.positions[1], [1.1, 0.5, 3.0], rtol=0, atol=EXACT)
        np.testing.assert_allclose(frame.forces, FORCE, rtol=0, atol=EXACT)
        assert frame.pbc == (True, True, False)
        assert frame.energy is None


def test_a_dump_without_elements_is_refused() -> None:
    """Type 1 is never taken for hydrogen."""
    with pytest.raises(DataError, match="which elements the LAMMPS types are"):
        read("slab.dump")
    with pytest.raises(DataError, match="has type 2, species name 1"):
        read("slab.dump", species=("H",))


def test_a_data_file_takes_its_elements_from_masses_or_species(tmp_path: Path) -> None:
    """Masses of no element, or none, need the species."""
    (frame,) = read("masses.data")
    assert frame.numbers.tolist() == [14, 1]
    (frame,) = read("masses.data", species=("O", "Hf"))
    assert frame.numbers.tolist() == [72, 8]
    with pytest.raises(DataError, match="has type 2, species name 1 types"):
        read("masses.data", species=("O",))
    text = (FILES / "masses.data").read_text()
    for name, changed in (
        ("heavy.data", text.replace("28.085", "500.0")),
        ("none.data", text.replace("Masses\n\n1 1.008\n2 28.085\n", "")),
    ):
        (tmp_path / name).write_text(changed)
        with pytest.raises(DataError, match="which elements the LAMMPS types are"):
            read_frames(tmp_path / name, "lammps-data")


@pytest.mark.parametrize("opener", [gzip.open, lzma.open, bz2.open])
def test_compressed_text_is_read(tmp_path: Path, opener: Callable[..., object]) -> None:
    """By the suffix; a cut archive is damaged data."""
    suffix = {gzip.open: ".gz", lzma.open: ".xz", bz2.open: ".bz2"}[opener]
    path = tmp_path / f"vasprun.xml{suffix}"
    with opener(path, "wb") as file:  # type: ignore[attr-defined]
        file.write((FILES / "vasprun.xml").read_bytes())
    assert file_format(path) == "vasprun"
    assert read_frames(path, "vasprun")[0].energy == -10.6
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        read_frames(path, "vasprun")


@pytest.mark.parametrize("folder_format", ["pwdata", "deepmd"])
def test_frames_survive_a_folder_of_arrays(
    random_frame: Callable[..., Frame], tmp_path: Path, folder_format: str
) -> None:
    """Written and read again: labels exactly, positions to rounding; one folder per composition."""
    frames = [random_frame(seed, 4 + seed % 2) for seed in range(5)]
    write_frames(tmp_path / "out", folder_format, frames)
    found = read_frames(tmp_path / "out", folder_format)
    assert len(found) == len(frames)
    by_energy = {frame.energy: frame for frame in found}
    for frame in frames:
        again = by_energy[frame.energy]
        assert again.numbers.tolist() == frame.numbers.tolist()
        np.testing.assert_allclose(again.positions, frame.positions, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(again.cell, frame.cell)
        np.testing.assert_array_equal(again.forces, frame.forces)
        np.testing.assert_array_equal(again.virial, frame.virial)


def test_mixed_deepmd_systems_are_read(tmp_path: Path) -> None:
    """real_atom_types names each frame's atoms; -1 fills up."""
    folder = tmp_path / "mixed"
    (folder / "set.000").mkdir(parents=True)
    (folder / "type.raw").write_text("0\n0\n0\n")
    (folder / "type_map.raw").write_text("O\nHf\n")
    arrays = {
        "real_atom_types": np.array([[1, 0, 0], [0, 1, -1]]),
        "coord": np.arange(18.0).reshape(2, 9),
        "box": np.tile((9.0 * np.eye(3)).ravel(), (2, 1)),
        "energy": np.array([-1.0, -2.0]),
        "force": np.arange(18.0).reshape(2, 9) / 10.0,
        "virial": np.tile(np.diag([1.0, 2.0, 3.0]).ravel(), (2, 1)),
    }
    for name, array in arrays.items():
        np.save(folder / "set.000" / f"{name}.npy", array)
    first, second = read_frames(folder, "deepmd")
    assert first.numbers.tolist() == [72, 8, 8]
    assert second.numbers.tolist() == [8, 72]
    np.testing.assert_array_equal(second.forces, [[0.9, 1.0, 1.1], [1.2, 1.3, 1.4]])
    np.testing.assert_array_equal(first.virial, np.diag([1.0, 2.0, 3.0]))
    assert (second.energy, second.source) == (-2.0, "mixed:1")


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
def test_a_row_names_its_functions(row: Format) -> None:
    """A row of the table has the functions that it names, and a name or a mark to be told by."""
    assert callable(row.reader())
    assert not row.write or callable(row.writer())
    assert row.names or row.mark or row.layout


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("train.XYZ.gz", "", "extxyz"),
        ("OUTCAR_2", "", "outcar"),
        ("out.log", " vasp.5.4.4.18Apr17 (build) complex\n", "outcar"),
        ("job.out", "\n     Program PWSCF v.7.2 starts on\n", "espresso"),
        ("job.out", " DBCSR| CPU\n\n CP2K| version string: CP2K version 8.1\n", "cp2k"),
        ("job.out", "\n.Version 9.6.2 of ABINIT\n", "abinit"),
        ("traj.txt", "ITEM: TIMESTEP\n0\n", "lammps-dump"),
        ("mvm", "  96 atoms,Iteration (fs) = 1.0, Etot,Ep,Ek (eV) = 1 1 0\n", "movement"),
        ("frames", "1\nenergy=1 Properties=species:S:1:pos:R:3\nH 0 0 0\n", "extxyz"),
        ("lmp.config", "# title\n\n2 atoms\n2 atom types\n", "lammps-data"),
        ("numbers.xyz", "4\n-1.5\n8 0 0 0\n8 1 1 1\n8 2 2 2\n8 3 3 3\n", "extxyz"),
        ("cell", "title\n1.0\n4 0 0\n0 4 0\n0 0 4\nSi\n1\n", "poscar"),
        ("train", "BEGIN_CFG\n Size\n", "mtp"),
        ("rows", '{"1": {"unique_id": "a"}}', "ase-json"),
        ("notes.txt", "hello\n", None),
    ],
)
def test_a_format_is_told_by_name_or_first_lines(
    tmp_path: Path, name: str, content: str, expected: str | None
) -> None:
    """The content decides where it can."""
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(content.encode()))
    else:
        path.write_text(content)
    assert file_format(path) == expected


def test_an_outcar_has_the_numbers_that_vasp_printed(shared: Path) -> None:
    """Free energy TOTEN, TOTAL-FORCE, `in kB` (positive when compressed) of the first step."""
    frames = read_frames(shared / "data" / "samples" / "OUTCAR_WH-AIMD", "outcar")
    assert [frame.energy for frame in frames] == [-3283.96931324, -3297.08424477, -3310.05614492]
    first = frames[0]
    assert (first.n_atoms, first.forces is None, first.virial is None) == (391, False, False)
    np.testing.assert_array_equal(np.asarray(first.forces)[0], [-0.336839, -0.137489, -0.154907])
    np.testing.assert_allclose(first.positions[0], [1.61852, 1.55752, 1.58416], rtol=0, atol=1e-5)
    pressure = np.asarray(first.virial) / first.volume / GPA * 10.0  # kbar
    np.testing.assert_allclose(np.diag(pressure), [174.07483, 165.86202, 175.81563], rtol=1e-6)
    np.testing.assert_allclose(pressure[0, 1], -2.76694, rtol=1e-6)


def test_a_step_that_an_outcar_does_not_finish_is_left_out(shared: Path, tmp_path: Path) -> None:
    """As of a run that was killed: the steps before it stay."""
    text = (shared / "data" / "samples" / "OUTCAR_WH-AIMD").read_text()
    (tmp_path / "OUTCAR").write_text(text[: int(0.7 * len(text))])
    frames = read_frames(tmp_path / "OUTCAR", "outcar")
    assert [frame.energy for frame in frames] == [-3283.96931324]


def test_a_movement_file_goes_with_the_work_of_its_forces(shared: Path) -> None:
    """dEp = -F · dr along PWmat's own trajectory, to half a percent: sign, unit, kind of energy."""
    frames = read_frames(shared / "data" / "samples" / "EC_MOVEMENT", "movement")
    assert len(frames) == 200
    work, change = [], []
    for first, second in pairwise(frames):
        moves = second.positions - first.positions
        forces = 0.5 * (np.asarray(first.forces) + np.asarray(second.forces))
        work.append(-np.sum(forces * moves))
        change.append(np.subtract(second.energy, first.energy))
    slope = np.dot(work, change) / np.dot(work, work)
    assert slope == pytest.approx(1.0, abs=5e-3)


def test_pressure_and_stress_of_a_movement_file_agree(shared: Path) -> None:
    """`Pressure Internal` (hartree/bohr³) times the volume is +W, the block `stress (eV)` is -W."""
    frame = read_frames(shared / "data" / "samples" / "MOVEMENT", "movement")[0]
    printed = np.array(
        [
            [-0.1217734407e-05, -0.4974115276e-05, 0.5128330329e-05],
            [-0.4974115276e-05, -0.2542552022e-05, -0.2274989099e-05],
            [0.5128330329e-05, -0.2274989099e-05, -0.1910669456e-05],
        ]
    )
    np.testing.assert_allclose(frame.virial, printed * HARTREE / BOHR**3 * 1000.0, rtol=1e-4)


def test_masses_of_lammps_data_against_the_order_of_species(tmp_path: Path) -> None:
    """A wrong order is reported, an unknown mass is not."""
    text = "title\n\n2 atoms\n2 atom types\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\nMasses\n\n"
    atoms = "\n2 1.008\n\nAtoms # atomic\n\n1 1 0 0 0\n2 2 1 1 1\n"
    for mass, species, n_notices in [(15.999, "OH", 0), (15.999, "HO", 2), (3.5, "OH", 0)]:
        (tmp_path / "a.data").write_text(f"{text}1 {mass}{atoms}")
        said: list[str] = []
        read_frames(tmp_path / "a.data", "lammps-data", species=tuple(species), notice=said.append)
        assert len(said) == n_notices
        assert all("look at the order of the species" in words for words in said)
