"""Files and folders known by their content."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from nepforge.data.sources import SourceError, data_source, digest, listing

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"


def write_leaf(folder: Path, content: str) -> None:
    folder.mkdir(parents=True)
    (folder / "energies.npy").write_text(content)
    (folder / "position.npy").write_text(content)


def test_a_file_has_the_sha256_of_its_bytes(tmp_path: Path) -> None:
    """And its size, and the format that its suffix names."""
    path = tmp_path / "a.XYZ"
    path.write_bytes(b"abc")
    source = data_source(path, "train")
    assert source.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert (source.size, source.format, source.part) == (3, "extxyz", "")


def test_a_folder_has_the_sha256_of_its_listing(tmp_path: Path) -> None:
    """RFC 8785 form of [[relative path, sha256], ...], sorted."""
    write_leaf(tmp_path / "set" / "train", "x")
    of_file = hashlib.sha256(b"x").hexdigest()
    content = [["train/energies.npy", of_file], ["train/position.npy", of_file]]
    expected = hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()
    assert digest(tmp_path / "set", "train") == (expected, 2)


def test_a_folder_of_parts_gives_one_part_to_each_key(tmp_path: Path) -> None:
    """train/ and valid/ are never read at once; they have different digests."""
    root = tmp_path / "set"
    for name in ("b/train", "b/valid", "a/train"):
        write_leaf(root / name, name)
    train, valid = data_source(root, "train"), data_source(root, "valid")
    assert (train.part, valid.part) == ("train", "valid")
    assert [name for name, _ in listing(root, "valid")] == [
        "b/valid/energies.npy",
        "b/valid/position.npy",
    ]
    assert len(listing(root, "train")) == 4
    assert train.sha256 != valid.sha256


def test_a_leaf_folder_is_read_as_a_whole(tmp_path: Path) -> None:
    """A folder that is named itself has no part, whatever it is called."""
    write_leaf(tmp_path / "valid", "x")
    assert data_source(tmp_path / "valid", "train").part == ""


def test_files_that_are_not_read_do_not_change_the_digest(tmp_path: Path) -> None:
    """Notes beside the arrays, and the other part."""
    root = tmp_path / "set"
    write_leaf(root / "train", "x")
    before = data_source(root, "train")
    (root / "train" / "README").write_text("note")
    write_leaf(root / "valid", "y")
    assert data_source(root, "train") == before
    (root / "train" / "energies.npy").write_text("z")
    assert data_source(root, "train").sha256 != before.sha256


def test_a_folder_with_an_unclear_layout_is_refused(tmp_path: Path) -> None:
    """Nothing to read, a part that is missing, parts mixed with others."""
    with pytest.raises(SourceError, match="holds no data"):
        data_source(tmp_path, "train")
    write_leaf(tmp_path / "set" / "train", "x")
    with pytest.raises(SourceError, match="has no valid/ folder"):
        data_source(tmp_path / "set", "valid")
    write_leaf(tmp_path / "set" / "other", "x")
    with pytest.raises(SourceError, match="set/other"):
        data_source(tmp_path / "set", "train")


def test_the_hfo2_set_splits_into_its_parts() -> None:
    """28 folders with train/ and valid/ each: one root serves both keys."""
    root = SHARED_DATA / "hfo2_pwdata"
    if not root.exists():
        pytest.skip("needs the shared data beside the repository")
    for part in ("train", "valid"):
        folders = {Path(name).parent for name, _ in listing(root, data_source(root, part).part)}
        assert len(folders) == 28
        assert {folder.name for folder in folders} == {part}
