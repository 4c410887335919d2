"""Damaged NEP text files: a model, or a refusal that names file and line.

The default run tries some hundred files; `-m slow` more, NEPFORGE_FUZZ_INPUTS as many as wanted.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from nepforge.errors import ModelFileError
from nepforge.formats.nep_txt import write_lammps
from nepforge.formats.open_model import open_nep
from tests.formats.test_nep_reader import assert_same
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


def check_refusal(path: Path, error: ModelFileError) -> None:
    """File and line come first, and nothing of a binary file reaches the terminal."""
    assert re.match(rf"{re.escape(str(path))}:\d+: (found|the file ends)", error.message)
    assert error.message.isprintable()


def opens(path: Path) -> bool:
    """Whether the file opens: then it is a model that survives being written again."""
    try:
        opened = open_nep(path)
        again = path.with_suffix(".again")
        write_lammps(again, opened.trained, opened.trained.counts)
    except ModelFileError as error:
        check_refusal(path, error)
        return False
    rewritten = open_nep(again)
    assert rewritten.species == opened.species
    assert rewritten.cutoff == opened.cutoff == opened.trained.model.max_cutoff
    assert_same(rewritten.trained, opened.trained)
    return True


@pytest.mark.parametrize("file", SMALL, ids=lambda file: file.token)
def test_damaged_files_are_models_or_refused(file: NepFile, tmp_path: Path) -> None:
    """Some are still models, most are not."""
    damage(file, FEW_INPUTS // len(SMALL), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("file", SMALL, ids=lambda file: file.token)
def test_many_damaged_files_are_models_or_refused(file: NepFile, tmp_path: Path) -> None:
    """The same with more of them."""
    damage(file, MANY_INPUTS // len(SMALL), tmp_path)


def damage(file: NepFile, n_inputs: int, folder: Path) -> None:
    rng = np.random.default_rng(12)
    path = folder / "nep.txt"
    taken = 0
    for _ in range(n_inputs):
        path.write_bytes(mutated(rng, file.lines()).encode())
        taken += opens(path)
    assert 0 < taken < n_inputs
