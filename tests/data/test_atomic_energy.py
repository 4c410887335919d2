"""Atomic energies: read, written, told from numbers that only look like them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import pytest

from nepforge.data.batch import make_batch
from nepforge.data.doctor import DataSet, examine
from nepforge.data.formats.read import read_frames
from nepforge.data.formats.write import write_frames
from nepforge.data.frame import FloatArray, Frame, label_digest, load_frames, save_frames
from nepforge.data.neighbors import find_neighbors
from nepforge.errors import DataError
from tests.conftest import SPECIES

MakeFrame = Callable[..., Frame]


def labelled(frame: Frame, seed: int = 0) -> Frame:
    """The frame with atomic energies that add up to its energy."""
    values = np.random.default_rng(seed).normal(0.0, 1.0, frame.n_atoms)
    values += (np.float64(frame.energy or 0.0) - values.sum()) / frame.n_atoms
    return attrs.evolve(frame, atomic_energy=values)


def values_of(frame: Frame) -> FloatArray:
    assert frame.atomic_energy is not None
    return frame.atomic_energy


@pytest.mark.parametrize("file_format", ["extxyz", "pwdata", "deepmd"])
def test_atomic_energies_survive_every_format(
    random_frame: MakeFrame, tmp_path: Path, file_format: str
) -> None:
    """Bit for bit; a frame without them gets none."""
    frames = [labelled(random_frame(1)), random_frame(2, 5)]
    write_frames(tmp_path / "out", file_format, frames)
    found = read_frames(tmp_path / "out", file_format)
    by_size = {frame.n_atoms: frame for frame in found}
    np.testing.assert_array_equal(by_size[7].atomic_energy, frames[0].atomic_energy)
    assert by_size[5].atomic_energy is None


def test_frames_are_kept_with_atomic_energies(random_frame: MakeFrame, tmp_path: Path) -> None:
    """In the files of the data stage, which are as before where nobody has any."""
    frames = [labelled(random_frame(1)), random_frame(2, 5)]
    save_frames(tmp_path / "a.npz", frames)
    one, two = load_frames(tmp_path / "a.npz")
    np.testing.assert_array_equal(one.atomic_energy, frames[0].atomic_energy)
    assert two.atomic_energy is None
    assert label_digest(one) != label_digest(random_frame(1))
    save_frames(tmp_path / "b.npz", frames[1:])
    with np.load(tmp_path / "b.npz") as archive:
        assert "atomic_energy" not in archive.files


def test_a_movement_shares_out_its_shift() -> None:
    """Column 1 of Atomic-Energy plus dE/n_atoms: they add up to Ep."""
    first, second = read_frames(Path(__file__).parent / "files" / "MOVEMENT", "movement")
    np.testing.assert_allclose(values_of(first), [-20.5, -11.0], rtol=0, atol=1e-12)
    assert first.energy == pytest.approx(values_of(first).sum())
    assert second.atomic_energy is None


def test_the_movement_of_pwmat_adds_up(shared: Path) -> None:
    """On every frame of PWmat's own files."""
    for name in ("MOVEMENT", "EC_MOVEMENT"):
        for frame in read_frames(shared / "data" / "samples" / name, "movement"):
            assert values_of(frame).sum() == pytest.approx(frame.energy, abs=1e-5)


@pytest.mark.parametrize("rule", ["even", "smallest"])
def test_shares_of_the_energy_are_no_atomic_energies(
    random_frame: MakeFrame, tmp_path: Path, rule: str
) -> None:
    """E/n_atoms, and the smallest energies of the species whose sum is E, as pwdata has them."""
    frame = random_frame(1)
    counts = np.array([np.sum(frame.numbers == z) for z in frame.numbers])
    weights = np.ones(7) if rule == "even" else counts
    share = np.float64(frame.energy or 0.0) * weights / weights.sum()
    shared_out = attrs.evolve(frame, atomic_energy=share)
    alone = attrs.evolve(shared_out, energy=None)  # here they are all that is known
    write_frames(tmp_path / "out.xyz", "extxyz", [shared_out, labelled(frame), alone])
    even, real, only = read_frames(tmp_path / "out.xyz", "extxyz")
    assert even.atomic_energy is None
    assert real.atomic_energy is not None
    assert only.atomic_energy is not None


def test_pwdata_of_hfo2_has_no_atomic_energies(shared: Path) -> None:
    """Its ei.npy holds one number per species in every frame."""
    folder = shared / "data" / "hfo2_pwdata" / "init_000_50" / "train"
    assert np.ptp(np.load(folder / "ei.npy")[0]) > 1.0
    assert all(f.atomic_energy is None for f in read_frames(folder, "pwdata"))


def test_a_batch_orders_them_by_type(random_frame: MakeFrame) -> None:
    """And back into the order of the frames; nan where a frame has none."""
    frames = [labelled(random_frame(1)), random_frame(2, 5)]
    batch = make_batch(frames, [find_neighbors(f, SPECIES, 4.5) for f in frames])
    found = batch.to_source_order(batch.atomic_energy).numpy()
    np.testing.assert_array_equal(found[:7], frames[0].atomic_energy)
    assert np.isnan(found[7:]).all()


def test_the_doctor_adds_them_up(random_frame: MakeFrame) -> None:
    """And says which frames have none where others do."""
    frames = [labelled(random_frame(seed)) for seed in range(3)]
    wrong = attrs.evolve(frames[1], atomic_energy=values_of(frames[1]) + 0.1)
    bare = attrs.evolve(frames[2], atomic_energy=None)
    codes = {found.code: found for found in examine(DataSet([frames[0], wrong, bare]))}
    assert codes["atomic-energy-sum"].frames == ("random:1",)
    assert codes["missing-atomic-energies"].frames == ("random:2",)
    assert not [f for f in examine(DataSet(frames)) if "atomic" in f.code]


def test_atomic_energies_that_are_no_numbers_are_refused(
    random_frame: MakeFrame, tmp_path: Path
) -> None:
    """As any label."""
    values = labelled(random_frame(1))
    write_frames(tmp_path / "out", "pwdata", [values])
    (path,) = (tmp_path / "out").rglob("ei.npy")
    np.save(path, np.full((1, 7), np.nan))
    with pytest.raises(DataError, match=r"atomic energy \[0\] is not a finite number"):
        read_frames(tmp_path / "out", "pwdata")
