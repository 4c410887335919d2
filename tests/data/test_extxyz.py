"""Extended XYZ: spellings of both worlds, exact round trips, and what ASE's reader lets pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ase.io
import attrs
import numpy as np
import pytest

from nepforge.data.formats.read import read_frames
from nepforge.data.formats.write import write_frames
from nepforge.data.frame import Frame
from nepforge.errors import DataError, UsageError

GPUMD = """2
Energy=-1.5 Virial="1 2 3 2 5 6 3 6 9" lattice="4 0 0 1 4 0 0 0 4" properties=species:S:1:pos:R:3:force:R:3
O 0 0 0 0.1 0.2 0.3
Hf 2 2 2 -0.1 -0.2 -0.3
"""  # noqa: E501


def read_text(tmp_path: Path, text: str) -> list[Frame]:
    path = tmp_path / "a.xyz"
    path.write_text(text, encoding="utf-8")
    return read_frames(path, "extxyz")


def test_keys_are_found_in_any_case(tmp_path: Path) -> None:
    """GPUMD compares in lower case; a lattice makes the frame periodic."""
    (frame,) = read_text(tmp_path, GPUMD)
    assert frame.energy == -1.5
    assert frame.pbc == (True, True, True)
    np.testing.assert_array_equal(frame.cell, [[4, 0, 0], [1, 4, 0], [0, 0, 4]])
    np.testing.assert_array_equal(frame.virial, [[1, 2, 3], [2, 5, 6], [3, 6, 9]])


def test_lists_may_stand_in_brackets(tmp_path: Path) -> None:
    """As other writers have it: nested rows, commas, braces."""
    text = GPUMD.replace('"4 0 0 1 4 0 0 0 4"', '"[[4, 0, 0], [1, 4, 0], [0, 0, 4]]"')
    (frame,) = read_text(tmp_path, text.replace('"1 2 3 2 5 6 3 6 9"', "{1 2 3 2 5 6 3 6 9}"))
    np.testing.assert_array_equal(frame.cell, [[4, 0, 0], [1, 4, 0], [0, 0, 4]])
    np.testing.assert_array_equal(frame.virial, [[1, 2, 3], [2, 5, 6], [3, 6, 9]])


def test_an_empty_line_does_not_end_the_file(tmp_path: Path) -> None:
    """ASE's reader stops there and says nothing."""
    assert len(read_text(tmp_path, f"{GPUMD}\n{GPUMD}\n\n")) == 2


def test_every_digit_survives_a_round_trip(
    random_frame: Callable[..., Frame], tmp_path: Path
) -> None:
    """All labels, bit for bit; a molecule has no cell and no stress; ASE reads the same."""
    frames = [random_frame(1), attrs.evolve(random_frame(2), weight=2.0, group="hot")]
    molecule = attrs.evolve(random_frame(3), cell=np.zeros((3, 3)), pbc=(False, False, False))
    frames += [molecule, random_frame(4, labels=False)]
    write_frames(tmp_path / "out.xyz", "extxyz", frames)
    found = read_frames(tmp_path / "out.xyz", "extxyz", group_by="group")
    images = ase.io.read(tmp_path / "out.xyz", index=":")
    for ours, theirs, image in zip(found, frames, images, strict=True):
        for name in ("numbers", "positions", "cell", "forces", "virial"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        for name in ("energy", "pbc", "weight", "group"):
            assert getattr(ours, name) == getattr(theirs, name)
        np.testing.assert_allclose(image.positions, theirs.positions, rtol=0, atol=1e-12)
    stress = images[0].get_stress(voigt=False)
    np.testing.assert_allclose(-stress * frames[0].volume, frames[0].virial, rtol=1e-12)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (("O 0 0 0", "O 0 0 0 7"), "atom 0 has 8 columns, Properties name 7"),
        (("O 0 0 0", "Xx 0 0 0"), '"Xx" is not a chemical symbol'),
        (("O 0 0 0", "O 0 0 1_0"), 'found "1_0", expected a finite number'),
        (("Energy=-1.5", "Energy=-1.5x"), 'energy: found "-1.5x"'),
        (("Energy=-1.5", "Energy=nan"), 'energy: found "nan"'),
        (("Energy=-1.5", "Energy=-1.["), 'energy: found "-1.["'),
        (('"4 0 0 1 4 0 0 0 4"', '"4 0 0 1 4 0 0 0"'), "Lattice has 8 numbers, expected 9"),
        (('6 3 6 9"', "6 3 6 9"), "cannot be parsed from here on"),
        (("force:R:3", "force:R"), "expected name:type:columns"),
        (("force:R:3", "force:R:2:a:R:1"), "Properties need force:R:3"),
        (("species:S:1", "kind:S:1"), "neither species nor Z"),
        (("lattice", "a"), "has a stress and no Lattice"),
        (("lattice", "pbc=T lattice"), "expected three of T and F"),
        (("2\n", "0\n"), "has no atoms"),
        (("2\n", "two\n"), "expected a number of atoms"),
        (("2\n", "3\n"), "ends after 2 of 3 atoms"),
    ],
)
def test_what_cannot_be_read_right_is_refused(
    tmp_path: Path, damage: tuple[str, str], message: str
) -> None:
    """The message has file, frame and cause; nothing is skipped."""
    text = (
        GPUMD.replace("Virial=", 'stress="0 0 0 0 0 0" Virial=') if "stress" in message else GPUMD
    )
    with pytest.raises(DataError) as error:
        read_text(tmp_path, text.replace(*damage))
    assert message in str(error.value)
    assert str(error.value).startswith("a.xyz:0")


def test_stress_and_virial_must_agree(tmp_path: Path) -> None:
    """virial = -stress * volume; with the sign of one of them wrong the frame is refused."""
    virial = np.array([1.0, 2, 3, 2, 5, 6, 3, 6, 9])
    for factor in (1.0, -1.0):
        words = " ".join(map(repr, (-factor * virial / 64.0).tolist()))
        text = GPUMD.replace("Virial=", f'stress="{words}" Virial=')
        if factor == 1.0:
            assert read_text(tmp_path, text)[0].virial is not None
        else:
            with pytest.raises(DataError, match="contradict each other"):
                read_text(tmp_path, text)


def test_nothing_is_written_over(random_frame: Callable[..., Frame], tmp_path: Path) -> None:
    """An existing file stays, and a refused frame leaves nothing behind."""
    (tmp_path / "a.xyz").write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        write_frames(tmp_path / "a.xyz", "extxyz", [random_frame(1)])
    assert (tmp_path / "a.xyz").read_text() == "mine"
    with pytest.raises(DataError, match="pwdata cannot hold it"):
        write_frames(tmp_path / "set", "pwdata", [random_frame(1), random_frame(2, labels=False)])
    slab = attrs.evolve(random_frame(1), pbc=(True, True, False))
    for layout in ("pwdata", "deepmd"):
        with pytest.raises(DataError, match="cannot hold it"):
            write_frames(tmp_path / "set", layout, [slab])
    assert [path.name for path in tmp_path.iterdir()] == ["a.xyz"]
