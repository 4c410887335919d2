"""Frames on disk, duplicates, splits and the energy baseline."""

from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import pytest

from nepforge.data.formats.read import read_frames
from nepforge.data.frame import Frame, frame_digest, load_frames, save_frames
from nepforge.data.prepare import energy_baseline, split_by_fraction, split_given
from nepforge.errors import DataError

MakeFrame = Callable[..., Frame]


def reordered(frame: Frame, seed: int = 0) -> Frame:
    """The same structure: atoms in another order, moved by lattice vectors."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(frame.n_atoms)
    shifts = rng.integers(-2, 3, (frame.n_atoms, 3)) @ frame.cell
    return attrs.evolve(
        frame,
        numbers=frame.numbers[order],
        positions=(frame.positions + shifts)[order],
        source=f"{frame.source}:again",
    )


def test_frames_survive_the_disk(random_frame: MakeFrame, tmp_path: Path) -> None:
    """Everything comes back exactly, missing labels as None; the same frames, the same bytes."""
    frames = [random_frame(1), random_frame(2, 5, labels=False)]
    save_frames(tmp_path / "a.npz", frames)
    save_frames(tmp_path / "b.npz", frames)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    for ours, theirs in zip(load_frames(tmp_path / "a.npz"), frames, strict=True):
        for name in ("numbers", "positions", "cell", "forces", "virial"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        assert (ours.energy, ours.pbc, ours.source) == (theirs.energy, theirs.pbc, theirs.source)


def test_digest_does_not_see_order_and_images(random_frame: MakeFrame) -> None:
    """Permuted atoms and lattice translations of single atoms keep the digest."""
    frame = random_frame(3)
    assert frame_digest(reordered(frame)) == frame_digest(frame)


def test_digest_sees_what_matters(random_frame: MakeFrame) -> None:
    """A moved atom, another element or another cell changes it."""
    frame = random_frame(4)
    positions = frame.positions.copy()
    positions[2, 1] += 1e-3
    others = (
        attrs.evolve(frame, positions=positions),
        attrs.evolve(frame, numbers=frame.numbers[::-1].copy()),
        attrs.evolve(frame, cell=frame.cell * 1.001),
    )
    assert frame_digest(frame) not in {frame_digest(other) for other in others}


def test_split_is_seeded_and_complete(random_frame: MakeFrame) -> None:
    """The same seed splits alike; every frame is in one set."""
    frames = [random_frame(seed) for seed in range(20)]
    first = split_by_fraction(frames, 0.25, np.random.default_rng(1))
    again = split_by_fraction(frames, 0.25, np.random.default_rng(1))
    other = split_by_fraction(frames, 0.25, np.random.default_rng(2))
    sources = [frame.source for frame in first.valid]
    assert sources == [frame.source for frame in again.valid]
    assert sources != [frame.source for frame in other.valid]
    assert (len(first.train), len(first.valid)) == (15, 5)


@pytest.mark.parametrize("seed", range(5))
def test_copies_are_never_split(random_frame: MakeFrame, seed: int) -> None:
    """All copies of a structure are on one side, and reported."""
    frames = [random_frame(s) for s in range(6)]
    frames += [reordered(frames[0], 1), reordered(frames[0], 2), reordered(frames[3], 3)]
    split = split_by_fraction(frames, 0.4, np.random.default_rng(seed))
    train = {frame_digest(frame) for frame in split.train}
    assert not train & {frame_digest(frame) for frame in split.valid}
    assert sorted(map(len, split.duplicates)) == [2, 3]


def test_leaked_validation_frames_are_left_out(random_frame: MakeFrame) -> None:
    """Given sets: a validation frame that training holds goes, and is named."""
    train = [random_frame(seed) for seed in range(4)]
    valid = [random_frame(10), reordered(train[2])]
    split = split_given(train, valid)
    assert [frame.source for frame in split.valid] == ["random:10"]
    assert split.removed == ["random:2:again"]
    assert split.duplicates == [["random:2", "random:2:again"]]


def test_a_split_without_validation_is_refused(random_frame: MakeFrame) -> None:
    """A single distinct structure cannot be on both sides."""
    frames = [random_frame(1), reordered(random_frame(1))]
    with pytest.raises(DataError, match="1 different"):
        split_by_fraction(frames, 0.5, np.random.default_rng(0))
    with pytest.raises(DataError, match="copies of training frames"):
        split_given(frames, frames)


def test_baseline_finds_the_energies_of_the_atoms(random_frame: MakeFrame) -> None:
    """Energies that are sums over atoms are recovered; frames without energy are skipped."""
    frames = []
    for seed in range(8):
        frame = random_frame(seed, 4 + seed % 4)
        energy = -3.0 * (frame.numbers == 72).sum() - 5.0 * (frame.numbers == 8).sum()
        frames.append(attrs.evolve(frame, energy=float(energy)))
    frames.append(random_frame(9, labels=False))
    np.testing.assert_allclose(energy_baseline(frames, ("Hf", "O")), [-3.0, -5.0], atol=1e-9)


def test_the_traps_of_the_reference_data_are_found(shared: Path) -> None:
    """18 validation frames of hfo2_pwdata are copies of training frames."""
    folder = shared / "data" / "hfo2_pwdata"
    split = split_given(
        read_frames(folder, "pwdata", "train"), read_frames(folder, "pwdata", "valid")
    )
    assert len(split.removed) == 18
    assert len(split.valid) == 210


def test_the_draw_leaves_every_species_to_training(random_frame: MakeFrame) -> None:
    """The only frame with an element stays in training, whatever the seed; the share is kept."""
    frames = [random_frame(seed) for seed in range(10)]
    numbers = frames[4].numbers.copy()
    numbers[0] = 14
    frames[4] = attrs.evolve(frames[4], numbers=numbers)
    for seed in range(20):
        split = split_by_fraction(frames, 0.5, np.random.default_rng(seed))
        assert frames[4].source in {frame.source for frame in split.train}
        assert len(split.valid) == 5


def test_the_draw_is_that_of_before_where_no_species_is_rare(random_frame: MakeFrame) -> None:
    """Frames in the order of the permutation, until there are enough."""
    frames = [random_frame(seed) for seed in range(10)]
    split = split_by_fraction(frames, 0.3, np.random.default_rng(3))
    drawn = np.random.default_rng(3).permutation(10)[:3]
    assert [f.source for f in split.valid] == [frames[idx].source for idx in sorted(drawn)]
