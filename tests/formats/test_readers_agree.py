"""The Python and the C++ reader on damaged files: one model for both, or one refusal.

The default run tries some hundred files; `-m slow` more, NEPFORGE_FUZZ_INPUTS as many as wanted.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from ase.data import atomic_numbers

from nepforge.data.frame import FloatArray
from nepforge.errors import DataError, ModelFileError
from nepforge.formats.checkpoint_file import NEPModel
from nepforge.formats.model_file import model_text
from nepforge.formats.nep_txt import read_nep_text, write_lammps
from nepforge.models.nep.native import NativeModel
from tests.nep_files import NepFile

FEW_INPUTS = 400
MANY_INPUTS = int(os.environ.get("NEPFORGE_FUZZ_INPUTS", "5000"))
SMALL = [
    NepFile(n_max=(1, 1), basis_size=(1, 1), l_max="2 2 1", neurons=2),
    NepFile("nep3", n_max=(1, 0), basis_size=(1, 1), l_max="2", neurons=1),
    NepFile("nep5_zbl", n_max=(0, 1), basis_size=(1, 1), l_max="1", neurons=1, zbl="1.0 2.4 0.8"),
    NepFile("nep4_zbl", n_max=(0, 0), basis_size=(1, 1), l_max="4 1 1 1", neurons=1, zbl="0 0"),
    NepFile(
        n_max=(0, 0), basis_size=(0, 0), l_max="1", neurons=1, cutoff="5.0 4.5 4.0 3.0 6.0 5.0",
        species=("Si", "O", "H"),
    ),
]  # fmt: skip
WORDS = [
    "nan",
    "inf",
    "1e999",
    "-0",
    "0",
    "1",
    "2",
    "4",
    "1_0",
    "",
    "\x00",
    "\xff",
    "0x10",
    "1e-400",
]
WORDS += [
    "99999999999999999999",
    "000000000000004",
    "-1",
    "+3",
    "4.5",
    "2.5",
    "1d0",
    "si",
    "Si",
    "O",
]
WORDS += ["\x1c", "\x85", "\u0663", ".5", "5.", ".", "e5", "1e5e5", "nep4", "zbl", "cutoff", "+-1"]


def mutated(rng: np.random.Generator, lines: list[str]) -> str:
    """One or two of: another word, a word more or less, a line more, less or swapped."""
    lines = list(lines)
    for _ in range(rng.integers(1, 3)):
        n_header = 8  # most damage where the reader decides something
        idx = int(rng.integers(n_header)) if rng.random() < 0.8 else int(rng.integers(len(lines)))
        idx = min(idx, len(lines) - 1)
        words = lines[idx].split(" ")
        place = int(rng.integers(len(words)))
        word = WORDS[rng.integers(len(WORDS))]
        match rng.integers(7):
            case 0 | 1:
                words[place] = word
            case 2:
                words.insert(place, word)
            case 3:
                words.append(word)
            case 4:
                del words[place]
            case 5:
                lines.insert(idx, lines[rng.integers(len(lines))])
            case 6:
                del lines[rng.integers(len(lines))]
        if idx < len(lines):
            lines[idx] = " ".join(words) if rng.random() < 0.9 else "\t".join(words)
    ends = ["\n", "\r\n"] if rng.random() < 0.1 else ["\n"]
    mark = "\ufeff" if rng.random() < 0.1 else ""
    return mark + ends[-1].join(lines) + "\n"


def place_of(error: ModelFileError) -> str:
    """File and line of the message."""
    found = re.match(r"(.*?:\d+): ", error.message)
    assert found, error.message
    return found[1]


def check(path: Path) -> bool:
    """Whether both readers took the file; they must agree."""
    native: NativeModel | ModelFileError
    python: NEPModel | ModelFileError
    try:
        native = NativeModel(path, text=model_text(path))
    except ModelFileError as error:
        native = error
    try:
        python = read_nep_text(path).trained
    except ModelFileError as error:
        python = error
    if isinstance(native, ModelFileError) or isinstance(python, ModelFileError):
        assert isinstance(native, ModelFileError), f"the core took it: {python}"
        assert isinstance(python, ModelFileError), f"Python took it: {native}"
        assert place_of(native) == place_of(python), (native.message, python.message)
        return False
    compare_models(native, python, path.with_suffix(".again"))
    return True


def compare_models(native: NativeModel, python: NEPModel, again: Path) -> None:
    """What Python read and wrote again is what the core read."""
    write_lammps(again, python, python.counts)
    rewritten = NativeModel(again)
    assert native.species == rewritten.species == python.model.species
    assert native.cutoff == rewritten.cutoff == python.model.max_cutoff
    energies, expected = energies_of(rewritten), energies_of(native)
    np.testing.assert_allclose(energies, expected, rtol=1e-12)


def energies_of(model: NativeModel) -> FloatArray:
    """Of two atoms 1.7 Å apart; nan when a number of the file blew them up."""
    numbers = [atomic_numbers[symbol] for symbol in (model.species[0], model.species[-1])]
    try:
        return model.evaluate(numbers, [[0, 0, 0], [1.7, 0, 0]], 9.0 * np.eye(3)).energies
    except DataError:
        return np.full(2, np.nan)


@pytest.mark.parametrize("file", SMALL, ids=lambda file: file.token)
def test_readers_agree_on_damaged_files(file: NepFile, tmp_path: Path) -> None:
    """Some are still models, most are not."""
    agree(file, FEW_INPUTS // len(SMALL), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("file", SMALL, ids=lambda file: file.token)
def test_readers_agree_on_many_damaged_files(file: NepFile, tmp_path: Path) -> None:
    """The same with more of them."""
    agree(file, MANY_INPUTS // len(SMALL), tmp_path)


def agree(file: NepFile, n_inputs: int, folder: Path) -> None:
    rng = np.random.default_rng(12)
    path = folder / "nep.txt"
    taken = 0
    for _ in range(n_inputs):
        path.write_bytes(mutated(rng, file.lines()).encode())
        taken += check(path)
    assert 0 < taken < n_inputs
