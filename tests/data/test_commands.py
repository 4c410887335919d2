"""`nepforge data` from files to files, and what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner, Result

from nepforge.cli import commands
from nepforge.data.datasets import Reading, load, load_sets
from nepforge.data.formats.write import write_frames, write_parts
from nepforge.data.frame import Frame, frame_digest
from nepforge.errors import DataError, DataMissingError

FILES = Path(__file__).parent / "files"
SHIPPED = Path(__file__).parents[2] / "recipes" / "data" / "hfo2_gpaw.xyz"


def nepforge_data(*words: object) -> Result:
    return CliRunner().invoke(commands, ["data", *map(str, words)])


@pytest.fixture
def two_files(random_frame: Callable[..., Frame], tmp_path: Path) -> tuple[Path, Path]:
    """Four frames, and three of which one is a copy."""
    frames = [random_frame(seed) for seed in range(6)]
    first, second = tmp_path / "first.xyz", tmp_path / "second.xyz"
    write_frames(first, "extxyz", frames[:4])
    write_frames(second, "extxyz", [frames[1], *frames[4:]])
    return first, second


@pytest.mark.parametrize("layout", ["extxyz", "pwdata", "deepmd"])
def test_convert_keeps_every_frame(
    two_files: tuple[Path, Path], tmp_path: Path, layout: str
) -> None:
    """Two files into one of another layout; --shuffle changes the order by the seed alone."""
    outs = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    for out, options in zip(outs, ([], ["--shuffle"], ["--shuffle"]), strict=True):
        result = nepforge_data("convert", *two_files, out, "--to", layout, *options)
        assert (result.exit_code, result.output) == (0, f"wrote 7 frames to {out}\n")
    reading = Reading(file_format=layout)
    plain, shuffled, again = ([f.energy for f in load([out], reading)] for out in outs)
    assert sorted(plain) == sorted(shuffled)  # type: ignore[type-var]
    assert shuffled == again
    if layout == "extxyz":
        assert plain != shuffled


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ("pwdata", "is a file, pwdata is a format of folders"),
        ("extxyz", "is a folder, extxyz is a format of files"),
        ("pwmat/movement", "is a folder, movement is a format of files"),
    ],
)
def test_a_named_format_is_of_files_or_of_folders(
    two_files: tuple[Path, Path], tmp_path: Path, layout: str, words: str
) -> None:
    """The other one is refused before it is opened."""
    path = two_files[0] if layout == "pwdata" else tmp_path
    with pytest.raises(DataError, match=words):
        load([path], Reading(file_format=layout))


def test_merge_leaves_copies_out(two_files: tuple[Path, Path], tmp_path: Path) -> None:
    """Each structure once, the first one of its copies."""
    result = nepforge_data("merge", *two_files, tmp_path / "all.xyz")
    assert result.output.startswith("wrote 6 different frames")
    frames = load([tmp_path / "all.xyz"])
    assert len({frame_digest(frame) for frame in frames}) == 6
    assert [frame.energy for frame in frames[:4]] == [f.energy for f in load([two_files[0]])]


def test_split_makes_parts_that_a_recipe_reads(tmp_path: Path) -> None:
    """80 % of the frames; one root gives training and validation frames."""
    for layout in ("pwdata", "deepmd"):
        out = tmp_path / layout
        result = nepforge_data("split", SHIPPED, out, "--to", layout, "--ratio", 0.8, "--seed", 3)
        assert result.stdout == "wrote 153 frames for training, 38 for validation\n"
        sets = load_sets([out])
        assert (len(sets.train), len(sets.valid)) == (153, 38)
        with pytest.raises(DataError, match="do not belong in one set"):
            load([out])
        assert len(load([out], Reading(part="valid"))) == 38
    nepforge_data("split", SHIPPED, tmp_path / "xyz", "--to", "extxyz")
    assert len(load([tmp_path / "xyz" / "train.xyz"])) == 153


def test_check_finds_leaks_and_fails_on_errors(two_files: tuple[Path, Path]) -> None:
    """Exit status 0 with warnings, 1 with errors; JSON has every frame."""
    result = nepforge_data("check", two_files[0], "--validation", two_files[1])
    assert result.exit_code == 0
    assert "leak" in result.output
    result = nepforge_data("check", two_files[0], "--species", "Hf", "--json")
    assert result.exit_code == 1
    (line, *_) = result.output.splitlines()
    finding = json.loads(line)["findings"][0]
    assert finding["code"] == "unknown-element"
    assert finding["frames"] == [f"first.xyz:{idx}" for idx in range(4)]


def test_check_reads_train_and_valid_as_two_sets(
    random_frame: Callable[..., Frame], tmp_path: Path
) -> None:
    """A root of parts: its leak is found, its halves are not mixed."""
    frames = [random_frame(seed) for seed in range(5)]
    write_parts(tmp_path / "root", "pwdata", {"train": frames, "valid": frames[:1]})
    result = nepforge_data("check", tmp_path / "root", "--json")
    codes = [finding["code"] for finding in json.loads(result.output)["findings"]]
    assert "leak" in codes
    assert "both-halves" not in codes


def test_show_lists_every_file() -> None:
    """One row per file, whatever its format; --json has the exact numbers."""
    result = nepforge_data("show", SHIPPED, FILES / "MOVEMENT", FILES / "POSCAR")
    rows = [line.split() for line in result.output.splitlines()]
    assert rows[1][:5] == ["hfo2_gpaw.xyz", "191", "12", "10.41..12.47", "-9.406..-8.772"]
    assert [row[0] for row in rows[2:]] == ["MOVEMENT", "POSCAR"]
    (summary,) = json.loads(nepforge_data("show", FILES / "MOVEMENT", "--json").output)["files"]
    assert summary["energy"] == [-15.75, -15.7]
    assert summary["n_without"] == {"energy": 0, "forces": 0, "virial": 1}


def test_what_cannot_be_done_is_said(two_files: tuple[Path, Path], tmp_path: Path) -> None:
    """Missing files, unknown formats, outputs that exist: the exit status and the next step."""
    (tmp_path / "notes.txt").write_text("hello")
    for words, status, text in (
        (("show", tmp_path / "none.xyz"), 5, "does not exist"),
        (("show", tmp_path / "notes.txt"), 1, "no known format"),
        (("show", tmp_path), 1, "no data"),
        (("show", two_files[0], "--from", "xyzzy"), 2, "expected one of ase-trajectory"),
        (("convert", *two_files), 2, "exists"),
        (("convert", *two_files, tmp_path / "out"), 2, "--to extxyz"),
        (("check", two_files[0], "--species", "Hf,Oo"), 2, '"Oo" is not a chemical symbol'),
    ):
        result = nepforge_data(*words)
        assert (result.exit_code, text in result.output) == (status, True), result.output


def test_files_are_named_apart(random_frame: Callable[..., Frame], tmp_path: Path) -> None:
    """OUTCARs of two folders: as much of the path as tells them apart."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        frame = attrs.evolve(random_frame(1), source="")
        write_frames(tmp_path / name / "x.xyz", "extxyz", [frame])
    frames = load([tmp_path / "a" / "x.xyz", tmp_path / "b" / "x.xyz"])
    assert [frame.source for frame in frames] == ["a/x.xyz:0", "b/x.xyz:0"]
    with pytest.raises(DataMissingError):
        load([tmp_path / "c"])


def test_labels_under_other_names_are_read_by_option(tmp_path: Path) -> None:
    """Every command has the options; without them what is not read is said."""
    path = tmp_path / "mace.xyz"
    path.write_text(
        "1\nREF_energy=-0.5 Properties=species:S:1:pos:R:3:REF_forces:R:3 config_type=atom\n"
        "H 0 0 0 0 0 1\n"
    )
    options = ("--energy", "REF_energy", "--energy-unit", "hartree", "--forces", "REF_forces")
    result = nepforge_data("show", path, "--json")
    assert "--energy REF_energy" in result.stderr
    result = nepforge_data("show", path, *options, "--json")
    (summary,) = json.loads(result.stdout)["files"]
    assert summary["energy"] == pytest.approx([-13.605693] * 2)
    assert nepforge_data("check", path, *options).exit_code == 0
    for words in (("convert",), ("merge",)):
        out = tmp_path / f"{words[0]}.xyz"
        assert nepforge_data(*words, path, out, *options).stderr == ""
        (frame,) = load([out])
        assert (frame.energy, frame.info) == (pytest.approx(-13.605693), {"config_type": "atom"})
    for words, status in ((("--energy", "E"), 1), (("--energy-unit", "eVs"), 2)):
        assert nepforge_data("show", path, *words).exit_code == status


def test_what_a_conversion_cannot_keep_is_said(tmp_path: Path) -> None:
    """Once for both parts of a split; extended XYZ keeps everything."""
    path = tmp_path / "w.xyz"
    frame = '1\nenergy={0} weight=5 config_type="a b" Properties=species:S:1:pos:R:3:q:R:1\n'
    path.write_text("".join(f"{frame.format(i)}H 0 0 {i} 0.5\n" for i in range(5)))
    result = nepforge_data("split", path, tmp_path / "set", "--to", "deepmd")
    assert result.stderr.count("notice") == 1
    assert "weight" in result.stderr
    assert "config_type, column q" in result.stderr
    result = nepforge_data("split", path, tmp_path / "xyz", "--to", "extxyz")
    assert result.stderr == ""
    for found in load([tmp_path / "xyz" / "train.xyz"]):
        assert (found.weight, found.info["config_type"]) == (5.0, "a b")
        assert found.columns["q"].tolist() == [0.5]
