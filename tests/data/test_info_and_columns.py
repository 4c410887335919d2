"""What a file says besides structure and labels goes with a frame from file to file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase
import ase.io
import attrs
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nepforge.data.formats.read import read_frames
from nepforge.data.formats.write import write_frames
from nepforge.data.frame import Frame
from nepforge.errors import DataError

NAMES = st.text("abcXYZ_", min_size=1, max_size=6).map(lambda name: f"k{name}")
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
WORDS = st.text("aB1_.-", min_size=1, max_size=6)
COLUMNS = st.one_of(
    hnp.arrays(np.float64, (3, 3), elements=st.floats(allow_nan=False, allow_infinity=False)),
    hnp.arrays(np.int64, 3, elements=st.integers(-(2**31), 2**31 - 1)),
    hnp.arrays(np.bool_, (3, 2)),
    st.lists(WORDS, min_size=3, max_size=3).map(np.array),
)


def water(**parts: Any) -> Frame:
    positions = np.array([[0.0, 0.0, 0.1], [0.8, 0.6, 0.1], [-0.8, 0.6, 0.1]])
    numbers = np.array([8, 1, 1], dtype=np.int64)
    return Frame(numbers, positions, 9.0 * np.eye(3), energy=-14.25, source="w:0", **parts)


@settings(
    deadline=None,
    derandomize=True,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    info=st.dictionaries(NAMES, TEXTS, max_size=3),
    columns=st.dictionaries(NAMES, COLUMNS, max_size=2),
)
def test_everything_survives_a_round_trip_here_and_in_ase(
    tmp_path: Path, info: dict[str, str], columns: dict[str, np.ndarray]
) -> None:
    """Texts of any signs, numbers bit for bit, types of columns."""
    path = tmp_path / "a.xyz"
    path.unlink(missing_ok=True)
    write_frames(path, "extxyz", [water(info=info, columns=columns)])
    (found,) = read_frames(path, "extxyz")
    atoms = ase.io.read(path, format="extxyz")
    assert (found.energy, found.info) == (-14.25, info)
    assert atoms.calc.results["energy"] == -14.25
    assert found.columns.keys() == columns.keys()
    for name, values in columns.items():
        np.testing.assert_array_equal(found.columns[name], values, strict=True)
        np.testing.assert_array_equal(atoms.arrays[name], values)
    for key, text in info.items():
        assert not isinstance(atoms.info[key], str) or atoms.info[key] == text


def test_what_ase_wrote_is_the_same_for_ase_after_a_conversion(tmp_path: Path) -> None:
    """Its own types: numbers, truth, arrays, dictionaries as JSON, texts with quotes."""
    atoms = ase.Atoms("OH2", positions=water().positions, cell=[9, 9, 9], pbc=[True, False, True])
    atoms.info = {
        "config_type": "bulk, 300 K", "n": 5, "x": 0.1, "yes": True, "vector": np.arange(3),
        "matrix": np.arange(4).reshape(2, 2), "tree": {"a": [1, {"b": "c"}]}, "like": "[1, 2]",
        "said": 'he said "no"', "path": r"C:\temp\new", "word": "{x}", "nothing": None,
    }  # fmt: skip
    atoms.arrays["vel"] = np.arange(9.0).reshape(3, 3) / 7.0
    atoms.arrays["site"] = np.array(["a", "b", "c"])
    atoms.calc = SinglePointCalculator(
        atoms, energy=-1.0, forces=np.ones((3, 3)), magmoms=np.ones(3), dipole=np.ones(3)
    )
    ase.io.write(tmp_path / "a.xyz", atoms)
    write_frames(tmp_path / "b.xyz", "extxyz", read_frames(tmp_path / "a.xyz", "extxyz"))
    before, after = (ase.io.read(tmp_path / name) for name in ("a.xyz", "b.xyz"))
    assert before.info.keys() == after.info.keys()
    for key, value in {**atoms.info, "nothing": True}.items():
        np.testing.assert_array_equal(after.info[key], value)
    assert before.calc.results.keys() == after.calc.results.keys()
    for results in ((x.calc.results, y.calc.results) for x, y in [(before, after)]):
        for name in results[0]:
            np.testing.assert_array_equal(results[0][name], results[1][name])
    for name in ("vel", "site"):
        np.testing.assert_array_equal(before.arrays[name], after.arrays[name])


@pytest.mark.parametrize("layout", ["pwdata", "deepmd"])
def test_what_arrays_cannot_hold_is_said_once(
    random_frame: Callable[..., Frame], tmp_path: Path, layout: str
) -> None:
    """Weights, keys, columns: one notice that lists them, and none where there is nothing."""
    frame = attrs.evolve(
        random_frame(1), weight=5.0, info={"config_type": "bulk"}, columns={"vel": np.ones((7, 3))}
    )
    notices: list[str] = []
    write_frames(tmp_path / "a", layout, [frame, random_frame(2), frame], notices.append)
    assert len(notices) == 1
    for words in ("random:1: ", "weight", "config_type", "column vel", f"{layout} has no place"):
        assert words in notices[0]
    write_frames(tmp_path / "b", layout, [random_frame(2)], notices.append)
    assert len(notices) == 1


def test_a_key_that_would_be_read_as_a_label_is_not_written(tmp_path: Path) -> None:
    """Names of labels and units beside the labels that a frame has; it is said."""
    info = {"free_energy": "-99", "energy-unit": "hartree", "units": "real", "kept": "1"}
    frame = water(info=info, columns={"Force": np.ones((3, 3)), "kept": np.ones(3)})
    notices: list[str] = []
    write_frames(tmp_path / "a.xyz", "extxyz", [frame], notices.append)
    (found,) = read_frames(tmp_path / "a.xyz", "extxyz")
    assert (found.energy, found.forces, found.info) == (-14.25, None, {"kept": "1"})
    assert list(found.columns) == ["kept"]
    assert "free_energy, energy-unit, units, column Force" in notices[0]


def test_columns_are_numbers_only_when_somebody_asks(tmp_path: Path) -> None:
    """A column of a wrong type does not keep others from training; to convert it is an error."""
    path = tmp_path / "a.xyz"
    path.write_text("1\nenergy=-1 Properties=species:S:1:pos:R:3:q:R:1:n:I:1\nH 0 0 0 *** 4\n")
    (frame,) = read_frames(path, "extxyz")
    assert frame.columns["n"].tolist() == [4]
    with pytest.raises(DataError, match=r"a\.xyz:0: column q is of type R"):
        write_frames(tmp_path / "b.xyz", "extxyz", [frame])


def test_labels_that_did_not_converge_stay_marked(tmp_path: Path) -> None:
    """From file to file; a frame without the mark has converged."""
    frames = [attrs.evolve(water(), converged=False), water()]
    write_frames(tmp_path / "a.xyz", "extxyz", frames)
    found = read_frames(tmp_path / "a.xyz", "extxyz")
    assert [frame.converged for frame in found] == [False, True]


@pytest.mark.parametrize("weight", ["-1", "0", "100.5", "nan", "inf"])
def test_a_weight_outside_of_the_range_of_gpumd_is_refused(tmp_path: Path, weight: str) -> None:
    """(0, 100], in any reader, with the frame."""
    path = tmp_path / "a.xyz"
    path.write_text(f"1\nenergy=-1\nH 0 0 0\n1\nenergy=-1 weight={weight}\nH 0 0 0\n")
    with pytest.raises(DataError, match=r"^a\.xyz:1: weight"):
        read_frames(path, "extxyz")
