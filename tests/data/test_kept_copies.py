"""Which of the copies of a structure a merge keeps, and what it says of the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from nepforge.data.datasets import Reading
from nepforge.data.formats.write import write_frames
from nepforge.data.frame import Frame
from nepforge.data.kept_copies import kept_copies
from nepforge.data.rewrite import rewrite_files

Make = Callable[..., Frame]


def kept(*copies: Frame) -> tuple[Frame, list[str]]:
    notices: list[str] = []
    (frame,) = kept_copies([copies], notices.append)
    return frame, notices


def test_the_labelled_copy_stays(random_frame: Make, tmp_path: Path) -> None:
    """Wherever it stands, at the place of the first; nothing is lost, nothing is said."""
    labelled, other = random_frame(1), random_frame(2)
    bare = random_frame(1, labels=False)
    write_frames(tmp_path / "a.xyz", "extxyz", [bare, other])
    write_frames(tmp_path / "b.xyz", "extxyz", [labelled, bare])
    notices: list[str] = []
    frames = rewrite_files(
        [tmp_path / "a.xyz", tmp_path / "b.xyz"],
        tmp_path / "all.xyz",
        reading=Reading(notice=notices.append),
        drop_copies=True,
    )
    assert [frame.energy for frame in frames] == [labelled.energy, other.energy]
    assert notices == []


def test_the_copy_with_the_most_labels_stays(random_frame: Make) -> None:
    """The first of those; labels that only a copy has are not mixed in, but said."""
    full = attrs.evolve(random_frame(1), source="full:0")
    energy_alone = attrs.evolve(full, forces=None, virial=None, source="energy:0")
    assert kept(energy_alone, full, attrs.evolve(full, source="b:0")) == (full, [])
    virial_alone = attrs.evolve(full, energy=None, forces=None, source="virial:0")
    without = attrs.evolve(full, virial=None, source="without:0")
    frame, (notice,) = kept(virial_alone, without)
    assert (frame.source, frame.virial) == ("without:0", None)
    assert "virial of virial:0 (a copy of without:0)" in notice


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"energy": -9112.0}, "energy -112 and -9112 eV"),
        ({"forces": 2.0}, "rms force 1.0251129 and 2.0502258 eV/Å"),
        ({"virial": -3.0}, "norm of the virial"),
        ({"weight": 5.0}, "weight 1 and 5"),
    ],
)
def test_copies_that_contradict_each_other_are_named(
    random_frame: Make, change: dict[str, float], words: str
) -> None:
    """Both, with the numbers; the first labelled one stays, even with fewer labels."""
    first = attrs.evolve(random_frame(3), energy=-112.0, source="a.xyz:0", atomic_energy=None)
    ((name, value),) = change.items()
    old = getattr(first, name)
    new = value if isinstance(old, float) else old * value
    other = attrs.evolve(first, **{name: new}, source="b.xyz:4")
    bare = attrs.evolve(first, energy=None, forces=None, virial=None, source="bare:0")
    frame, (notice,) = kept(bare, first, other)
    assert frame is first
    assert "a.xyz:0 and b.xyz:4" in notice
    assert words in notice


def test_labels_that_agree_to_their_digits_are_no_contradiction(random_frame: Make) -> None:
    """Two files of one calculation, one of them rounded."""
    frame = random_frame(1)
    assert frame.energy is not None
    assert kept(frame, attrs.evolve(frame, energy=frame.energy + 1.0e-4)) == (frame, [])


def test_a_copy_that_did_not_converge_gives_way(random_frame: Make) -> None:
    """Even when it is the first; the contradiction is said."""
    good = attrs.evolve(random_frame(1), source="good:0")
    bad = attrs.evolve(good, energy=9.0, converged=False, source="bad:0")
    frame, (notice,) = kept(bad, good)
    assert frame is good
    assert "good:0 and bad:0" in notice
