"""Damaged model files are refused with file, line, what was found and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from nepforge.errors import ModelFileError
from nepforge.models.nep.native import NativeModel
from tests.broken_nep_files import BROKEN, PLAIN, Edit
from tests.nep_files import NepFile


@pytest.mark.parametrize(("file", "edit", "number", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_files_are_refused_with_their_line(
    file: NepFile, edit: Edit, number: int, words: str, tmp_path: Path
) -> None:
    """No damaged file gives a model; the message names the line."""
    path = tmp_path / "broken.txt"
    path.write_text("".join(f"{text}\n" for text in edit(file.lines())), encoding="utf-8")
    with pytest.raises(ModelFileError, match=words) as caught:
        NativeModel(path)
    assert caught.value.message.startswith(f"{path}:{number}: ")


@pytest.mark.parametrize("extra", [["0.5"], ["0.5"] * 3, ["# end"]], ids=["one", "three", "words"])
def test_trailing_lines_are_refused(extra: list[str], tmp_path: Path) -> None:
    """More numbers than the header asks for are damage; the first line too many is named."""
    file = NepFile(species=("Si",), l_max="2")
    path = tmp_path / "long.txt"
    path.write_text("\n".join([*file.lines(), *extra]) + "\n")
    with pytest.raises(ModelFileError) as caught:
        NativeModel(path)
    assert caught.value.message.startswith(f"{path}:{len(file.lines()) + 1}: found ")


def test_a_number_more_is_a_bias_for_each_of_two_species(tmp_path: Path) -> None:
    """Both counts of a two-species nep4 file are read, one more is refused."""
    lines = PLAIN.lines()
    path = tmp_path / "nep.txt"
    for n_extra, fits in [(0, True), (1, True), (2, False)]:
        path.write_text("\n".join([*lines, *["0.5"] * n_extra]) + "\n")
        if fits:
            NativeModel(path)
            continue
        with pytest.raises(ModelFileError, match="one output bias for each species"):
            NativeModel(path)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    """A path that leads to no file is named."""
    for path in (tmp_path / "absent.txt", tmp_path):
        with pytest.raises(ModelFileError, match="found no file that can be read") as caught:
            NativeModel(path)
        assert caught.value.message.startswith(str(path))


def test_windows_line_ends_and_trailing_blank_lines_are_read(tmp_path: Path) -> None:
    """What editors add does not change a model."""
    path = tmp_path / "nep.txt"
    path.write_bytes(("\r\n".join(PLAIN.lines()) + "\r\n\r\n \r\n").encode())
    assert NativeModel(path).species == PLAIN.species
