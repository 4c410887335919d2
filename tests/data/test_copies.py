"""Copies by distance: whatever the order, the images and the last digits; and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from nepforge.cli import commands
from nepforge.data.copies import TOLERANCE, group_copies
from nepforge.data.formats.read import read_frames
from nepforge.data.formats.write import write_frames
from nepforge.data.frame import Frame

MakeFrame = Callable[..., Frame]
SHIPPED = Path(__file__).parents[2] / "recipes" / "data" / "hfo2_gpaw.xyz"
PERIODICITIES = [(True, True, True), (True, True, False), (False, False, True), (False,) * 3]


def disguised(frame: Frame, noise: float, rng: np.random.Generator) -> Frame:
    """Atoms in another order, in other images, moved by up to `noise` Å in each coordinate."""
    order = rng.permutation(frame.n_atoms)
    images = rng.integers(-2, 3, (frame.n_atoms, 3)) * np.array(frame.pbc)
    moved = frame.positions + images @ frame.cell
    moved += rng.uniform(-noise, noise, moved.shape)
    return attrs.evolve(frame, numbers=frame.numbers[order], positions=moved[order])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    exponent=st.floats(-12.0, -5.25),
    pbc=st.sampled_from(PERIODICITIES),
)
def test_a_disguised_frame_is_a_copy(
    seed: int, exponent: float, pbc: tuple[bool, bool, bool]
) -> None:
    """For any noise below the tolerance: rounding creates no edges."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    cell = 5.0 * np.eye(3) + rng.uniform(-1.0, 1.0, (3, 3))
    frame = Frame(rng.choice([8, 72], n), rng.uniform(-5.0, 5.0, (n, 3)), cell, pbc)
    again = disguised(frame, 10.0**exponent, rng)
    assert group_copies([frame, again]) == [[0, 1]]


def test_what_is_moved_further_is_no_copy(random_frame: MakeFrame) -> None:
    """One coordinate by 1.5 tolerances, an element exchanged, a cell, a periodicity."""
    frame = random_frame(4)
    positions = frame.positions.copy()
    positions[2, 1] += 1.5 * TOLERANCE
    cell = frame.cell.copy()
    cell[1, 2] += 1.5 * TOLERANCE
    others = [
        attrs.evolve(frame, positions=positions),
        attrs.evolve(frame, numbers=frame.numbers[::-1].copy()),
        attrs.evolve(frame, cell=cell),
        attrs.evolve(frame, pbc=(True, True, False)),
    ]
    for other in others:
        assert group_copies([frame, other]) == [[0], [1]]


def test_atoms_of_symmetry_are_not_confused() -> None:
    """A perfect crystal, and the same with one atom displaced along every axis: all different."""
    sites = np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 3) * 3.0
    perfect = Frame(np.full(27, 29), sites, 9.0 * np.eye(3))
    displaced = []
    for atom in range(27):
        for axis in range(3):
            positions = sites.copy()
            positions[atom, axis] += 0.01
            displaced.append(attrs.evolve(perfect, positions=positions))
    assert len(group_copies([perfect, *displaced])) == 82


def test_atoms_on_one_place_are_paired_one_to_one() -> None:
    """Three atoms within the tolerance do not match two: each partner counts once."""
    near = np.array([[0.0, 0, 0], [3e-6, 0, 0], [2.0, 0, 0], [2.000003, 0, 0]])
    far = near.copy()
    far[3] = [5e-6, 0, 0]
    cell = 4.0 * np.eye(3)
    first, second = (Frame(np.full(4, 1), places, cell) for places in (near, far))
    shuffled = attrs.evolve(first, positions=near[[1, 3, 0, 2]])
    assert group_copies([first, second, shuffled]) == [[0, 2], [1]]


def test_copies_of_copies_are_copies(random_frame: MakeFrame) -> None:
    """A chain of steps below the tolerance is one group, whatever stands between."""
    frame, other = random_frame(1), random_frame(2)
    steps = [
        attrs.evolve(frame, positions=frame.positions + 0.6 * TOLERANCE * idx) for idx in range(5)
    ]
    assert group_copies([steps[4], other, *steps[:4]]) == [[0, 2, 3, 4, 5], [1]]


def test_a_shipped_set_written_by_other_programs_is_the_same() -> None:
    """191 frames, once more as fractions with 8 and as Å with 5 decimals: nothing is new."""
    frames = read_frames(SHIPPED, "extxyz")
    cartesian = [attrs.evolve(f, positions=np.round(f.positions, 5)) for f in frames]
    fractional = [
        attrs.evolve(f, positions=np.round(f.positions @ np.linalg.inv(f.cell), 8) @ f.cell)
        for f in frames
    ]
    groups = group_copies([*frames, *cartesian, *fractional])
    assert groups == [[idx, idx + 191, idx + 382] for idx in range(191)]


def test_merge_and_check_see_copies_of_the_last_digit(
    random_frame: MakeFrame, tmp_path: Path
) -> None:
    """Merge keeps one, check reports the leak."""
    rng = np.random.default_rng(3)
    frames = [random_frame(seed) for seed in range(20)]
    write_frames(tmp_path / "a.xyz", "extxyz", frames)
    write_frames(tmp_path / "b.xyz", "extxyz", [disguised(f, 1e-6, rng) for f in frames])
    names = [str(tmp_path / name) for name in ("a.xyz", "b.xyz")]
    merged = CliRunner().invoke(commands, ["data", "merge", *names, str(tmp_path / "all.xyz")])
    assert "wrote 20 different frames" in merged.output
    check = ["data", "check", names[0], "--validation", names[1]]
    assert "20 of 20 validation frames are copies" in CliRunner().invoke(commands, check).output


@pytest.mark.parametrize("n_frames", [400])
def test_many_near_frames_are_compared_quickly(random_frame: MakeFrame, n_frames: int) -> None:
    """Copies of one frame, identical or nearly so, do not cost a comparison for every pair."""
    rng = np.random.default_rng(0)
    frame = random_frame(5)
    near = [disguised(frame, 1e-7, rng) for _ in range(n_frames)]
    assert len(group_copies([frame] * n_frames + near)) == 1
