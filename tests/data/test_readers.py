"""Readers of labelled structures: conventions, missing labels, damaged files."""

from pathlib import Path

import ase
import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from nepforge.data.formats.read import read_frames
from nepforge.errors import DataError, DataMissingError

EXACT = 1.0e-12


def small_atoms() -> ase.Atoms:
    rng = np.random.default_rng(0)
    return ase.Atoms("HfO2", positions=rng.uniform(0, 4, (3, 3)), cell=[4.0, 4.5, 5.0], pbc=True)


def write_extxyz(path: Path, **results: object) -> ase.Atoms:
    atoms = small_atoms()
    atoms.calc = SinglePointCalculator(atoms, **results)
    ase.io.write(path, atoms, format="extxyz")
    return atoms


def test_ase_stress_becomes_a_virial(tmp_path: Path) -> None:
    """virial = -stress * V; energy and forces as written."""
    stress = np.array([0.1, -0.2, 0.3, 0.01, 0.02, 0.03])
    forces = np.arange(9.0).reshape(3, 3)
    write_extxyz(tmp_path / "a.xyz", energy=-3.5, forces=forces, stress=stress)
    (frame,) = read_frames(tmp_path / "a.xyz", "extxyz")
    assert frame.energy == -3.5
    np.testing.assert_allclose(frame.forces, forces, rtol=0, atol=1e-7)
    assert frame.virial is not None
    np.testing.assert_allclose(frame.virial[0, 0], -0.1 * 90.0, rtol=0, atol=1e-6)
    np.testing.assert_allclose(frame.virial[1, 2], -0.01 * 90.0, rtol=0, atol=1e-6)


def test_gpumd_keys_are_read(tmp_path: Path) -> None:
    """GPUMD: columns `force`, comment `virial` in eV with its own sign, `Energy` in any case."""
    (tmp_path / "g.xyz").write_text(
        '2\nenergy=-1.5 virial="1 2 3 2 5 6 3 6 9" Lattice="4 0 0 0 4 0 0 0 4" '
        "Properties=species:S:1:pos:R:3:force:R:3 phase=a\n"
        "O 0 0 0 0.1 0.2 0.3\nHf 2 2 2 -0.1 -0.2 -0.3\n"
    )
    (frame,) = read_frames(tmp_path / "g.xyz", "extxyz", group_by="phase")
    assert frame.energy == -1.5
    assert frame.group == "a"
    assert frame.pbc == (True, True, True)
    np.testing.assert_allclose(frame.virial, [[1, 2, 3], [2, 5, 6], [3, 6, 9]], rtol=0, atol=EXACT)
    np.testing.assert_allclose(frame.forces[1], [-0.1, -0.2, -0.3], rtol=0, atol=EXACT)


@pytest.mark.parametrize("left", [{}, {"energy": 1.0}, {"forces": np.ones((3, 3))}])
def test_missing_labels_are_none(tmp_path: Path, left: dict[str, object]) -> None:
    """A label that is not in the file is None, never a number."""
    write_extxyz(tmp_path / "a.xyz", **left)
    (frame,) = read_frames(tmp_path / "a.xyz", "extxyz")
    assert (frame.energy is None) == ("energy" not in left)
    assert (frame.forces is None) == ("forces" not in left)
    assert frame.virial is None


def test_empty_file_is_refused(tmp_path: Path) -> None:
    """A file of zero bytes is named."""
    (tmp_path / "empty.xyz").touch()
    with pytest.raises(DataError, match=r"empty\.xyz"):
        read_frames(tmp_path / "empty.xyz", "extxyz")


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.8, 0.97])
def test_cut_file_is_refused_with_the_frame(tmp_path: Path, keep: float) -> None:
    """A file cut in the middle of a frame says which one."""
    path = tmp_path / "cut.xyz"
    atoms = write_extxyz(path, energy=1.0, forces=np.ones((3, 3)))
    ase.io.write(path, [atoms, atoms], format="extxyz")
    text = path.read_text()
    path.write_text(text[: int(len(text) / 2 * (1 + keep))])
    with pytest.raises(DataError, match=r"cut.xyz:1"):
        read_frames(path, "extxyz")


@pytest.mark.parametrize("label", ["energy", "force"])
def test_a_label_that_is_not_a_number_is_refused(tmp_path: Path, label: str) -> None:
    """NaN in a label names file, frame and label."""
    forces = np.ones((3, 3))
    forces[1, 2] = np.nan if label == "force" else 1.0
    write_extxyz(tmp_path / "n.xyz", energy=np.nan if label == "energy" else 1.0, forces=forces)
    with pytest.raises(DataError, match=rf"n.xyz:0: {label}"):
        read_frames(tmp_path / "n.xyz", "extxyz")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A path without a file is missing data (exit code 5)."""
    with pytest.raises(DataMissingError):
        read_frames(tmp_path / "none.xyz", "extxyz")


def write_pwdata(folder: Path, n_frames: int = 2) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    arrays = {
        "energies": rng.normal(size=(n_frames, 1)),
        "forces": rng.normal(size=(n_frames, 9)),
        "position": rng.uniform(size=(n_frames, 9)),
        "lattice": np.tile((5.0 * np.eye(3) + 0.3).ravel(), (n_frames, 1)),
        "image_type": np.array([[72, 8, 8]]),
    }
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return arrays


def test_pwdata_positions_are_fractional(tmp_path: Path) -> None:
    """cart = frac @ lattice; no virial file gives no virial."""
    arrays = write_pwdata(tmp_path / "set")
    frames = read_frames(tmp_path / "set", "pwdata")
    lattice = arrays["lattice"][1].reshape(3, 3)
    expected = arrays["position"][1].reshape(3, 3) @ lattice
    np.testing.assert_allclose(frames[1].positions, expected, rtol=0, atol=EXACT)
    assert frames[1].energy == arrays["energies"][1, 0]
    assert frames[1].virial is None
    assert frames[1].source == "set:1"


def test_pwdata_parts_are_kept_apart(tmp_path: Path) -> None:
    """A tree with train/ and valid/ gives each part alone."""
    for name in ("a", "b"):
        write_pwdata(tmp_path / "all" / name / "train", 3)
        write_pwdata(tmp_path / "all" / name / "valid", 1)
    assert len(read_frames(tmp_path / "all", "pwdata", "train")) == 6
    assert len(read_frames(tmp_path / "all", "pwdata", "valid")) == 2


def test_pwdata_sentinel_virial_is_no_label(tmp_path: Path) -> None:
    """-1e5 marks a frame without virial."""
    write_pwdata(tmp_path / "set")
    virials = np.ones((2, 9))
    virials[0] = -1.0e5
    np.save(tmp_path / "set" / "virials.npy", virials)
    first, second = read_frames(tmp_path / "set", "pwdata")
    assert first.virial is None
    np.testing.assert_allclose(second.virial, np.ones((3, 3)), rtol=0, atol=EXACT)


@pytest.mark.parametrize("name", ["energies", "forces", "position", "lattice", "image_type"])
def test_damaged_pwdata_is_refused(tmp_path: Path, name: str) -> None:
    """A missing, cut or wrongly sized array is named."""
    write_pwdata(tmp_path / "set")
    path = tmp_path / "set" / f"{name}.npy"
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(DataError, match=name):
        read_frames(tmp_path / "set", "pwdata")
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=name):
        read_frames(tmp_path / "set", "pwdata")


def test_the_shipped_data_set_is_complete() -> None:
    """191 HfO2 frames with every label, four phases."""
    path = Path(__file__).parents[2] / "recipes" / "data" / "hfo2_gpaw.xyz"
    frames = read_frames(path, "extxyz", group_by="phase")
    assert len(frames) == 191
    assert {frame.group for frame in frames} == {"Fm3m", "P21c", "P42nmc", "Pca21"}
    for frame in frames:
        assert frame.energy is not None
        assert frame.forces is not None
        assert frame.virial is not None
        assert abs(frame.forces.sum(axis=0)).max() < 0.01


def test_reference_pwdata_is_read(shared: Path) -> None:
    """912 + 228 frames of 96 atoms without virial, energies as the data's README says."""
    folder = shared / "data" / "hfo2_pwdata"
    train = read_frames(folder, "pwdata", "train")
    valid = read_frames(folder, "pwdata", "valid")
    assert (len(train), len(valid)) == (912, 228)
    per_atom = [frame.energy / frame.n_atoms for frame in (*train, *valid)]
    assert min(per_atom) > -10.17
    assert max(per_atom) < -9.87
    assert all(frame.virial is None for frame in train)
