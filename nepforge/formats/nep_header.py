"""The header of a NEP text file: from the model token to the ANN line.

nep4_zbl 2 Hf O                 kind, number of species, species
zbl 1.0 2.0 [factor]            only with _zbl; "0 0" announces a flexible table at the end
cutoff 6.0 5.0 80 60            one pair or one pair a species, then two neighbour counts (or none)
n_max 4 4
basis_size 8 8
l_max 4 2 1                     then up to six flags of many-body invariants
ANN 40 0                        neurons, second hidden layer (0 or left away)

`core/nep_model.cpp` reads the same: a test gives damaged files to both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from attrs import define, frozen

from nepforge.errors import ModelFileError
from nepforge.formats.neighbor_counts import NeighborCounts
from nepforge.models.nep.angular import L_MAX_LIMIT
from nepforge.models.nep.invariants import INVARIANTS, smallest_l_max
from nepforge.models.nep.network import NEP
from nepforge.models.nep.sizes import CutoffPair
from nepforge.models.nep.zbl import RADII, ZBL

FIRST_NEW_INVARIANT = INVARIANTS.index("112")
FLEXIBLE = ZBL()  # announced by "zbl 0 0": its rows stand at the end of the file
# Sizes beyond these are damage: every published model is far below.
LARGEST_SIZE = 1000
MOST_NEURONS = 100_000
LONGEST_CUTOFF = 100.0  # Å
SURE_CUTOFFS = (2.5, 10.0)  # Å, what GPUMD's trainer allows
N_WITH_FACTORS = 7  # numbers of a cutoff record of GPUMD 3.9.5 to 4.6 with use_typewise_cutoff
BLANKS = " \t\r\f\v"
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
LARGEST_COUNT = 2**31 - 1
REFUSED_KINDS = {  # word of the token -> what it means
    "charge": "a model with charges (qNEP)",
    "vdw": "a model with van der Waals terms",
    "dipole": "a dipole model (TNEP)",
    "polarizability": "a polarizability model (TNEP)",
    "temperature": "a temperature-dependent model",
    "spin": "a model with spins",
}
OLD_KINDS = {
    "nep": "a NEP1 model of 2021",
    "nep1": "a NEP1 model of 2021",
    "nep_zbl": "a NEP1 model of 2021",
    "nep2": "a NEP2 model of 2022",
    "nep2_zbl": "a NEP2 model of 2022",
}
KINDS = "nep3, nep4 or nep5, plain or with _zbl"


@frozen
class Header:
    """What the records before the numbers say."""

    version: int  # 3, 4 or 5
    model: NEP  # without its ZBL
    zbl: ZBL | None  # a flexible one has no rows yet
    neighbors: NeighborCounts | None  # None in files from before August 2022
    n_lines: int
    zbl_line: int  # 0 without ZBL


@define
class TextLines:
    """The lines of a file and which of them was read last."""

    path: Path
    lines: list[str]
    number: int = 0  # 1-based, of the line read last

    @classmethod
    def of(cls, path: Path, content: str) -> TextLines:
        """The lines of a text, without blank ones at its end."""
        lines = content.split("\n")
        while lines and not lines[-1].strip(BLANKS):
            lines.pop()
        return cls(path, lines)

    def next(self, expected: str) -> list[str]:
        """Words of the next line; `expected` says what belongs there."""
        if self.number == len(self.lines):
            raise ModelFileError(
                f"{self.path}:{self.number + 1}: the file ends here, expected {expected}"
            )
        self.number += 1
        return re.findall(f"[^{BLANKS}]+", self.lines[self.number - 1])

    def record(self, keyword: str, expected: str) -> list[str]:
        """Words after the keyword, which the next line must begin with."""
        words = self.next(f"'{expected}'")
        if not words or words[0] != keyword:
            self.fail_here(f"'{expected}'")
        return words[1:]

    def fail_here(self, expected: str) -> NoReturn:
        """Refuse the line read last."""
        found = _printable(self.lines[self.number - 1].rstrip("\r"))
        self.fail(f"found '{found}', expected {expected}")

    def fail(self, text: str, number: int = 0) -> NoReturn:
        raise ModelFileError(
            f"{self.path}:{number or self.number}: {text}",
            hint="export the model again, or name the file that you meant",
        )


def read_header(text: TextLines) -> Header:
    """Read and check the records before the numbers.

    Raises:
        ModelFileError: Damaged, or a kind of model that is not evaluated; names the line.
    """
    version, has_zbl, species = _token(text)
    zbl = _zbl_record(text) if has_zbl else None
    zbl_line = text.number if has_zbl else 0
    cutoff, neighbors = _cutoff(text, species)
    n_max = _two_sizes(text, "n_max")
    basis_size = _two_sizes(text, "basis_size")
    l_max, invariants = _l_max(text)
    neurons = _neurons(text)
    model = NEP(species, cutoff, n_max, basis_size, l_max, invariants, neurons)
    return Header(version, model, zbl, neighbors, text.number, zbl_line)


def format_header(version: int, model: NEP, neighbors: NeighborCounts) -> list[str]:
    """The lines that `read_header` reads back to the same model."""
    zbl = []
    if model.zbl is not None:
        parts = [0, 0] if model.zbl.rows else [model.zbl.inner, model.zbl.outer, model.zbl.factor]
        zbl = [f"zbl {' '.join(repr(value) for value in parts if value is not None)}"]
    cutoff, *sizes = size_records(model)
    return [
        f"nep{version}{'_zbl' * len(zbl)} {species_record(model)}",
        *zbl,
        f"{cutoff} {neighbors.radial} {neighbors.angular}",
        *sizes,
        f"ANN {model.neurons} 0",
    ]


def species_record(model: NEP) -> str:
    """Number and symbols of the species."""
    return f"{model.n_types} {' '.join(model.species)}"


def size_records(model: NEP) -> list[str]:
    """cutoff, n_max, basis_size and l_max: the same words in nep.txt, which adds the neighbour
    counts, and in nep.in, which GPUMD compares with it before it trains a model further."""
    cutoffs = model.cutoffs if isinstance(model.cutoff[0], tuple) else model.cutoffs[:1]
    numbers = " ".join(repr(float(value)) for pair in cutoffs for value in pair)
    return [
        f"cutoff {numbers}",
        f"n_max {model.n_max[0]} {model.n_max[1]}",
        f"basis_size {model.basis_size[0]} {model.basis_size[1]}",
        f"l_max {model.l_max} {' '.join(map(str, invariant_flags(model)))}",
    ]


def invariant_flags(model: NEP) -> list[int]:
    """Flags behind l_max: 222 first, trailing zeros of the newer ones left away.

    The historic flag of 222 is 2. Beside one of the newer invariants a 2 makes NEP_CPU read the
    old format and drop them, so 1 is written there, which all readers understand.
    """
    flags = [int(name in model.invariants) for name in INVARIANTS]
    if any(flags[FIRST_NEW_INVARIANT:]):
        while not flags[-1]:
            flags.pop()
        return flags
    return [2 * flags[0], flags[1]]


def _token(text: TextLines) -> tuple[int, bool, tuple[str, ...]]:
    words = text.next("a model token such as 'nep4'")
    token = words[0] if words else ""
    if meaning := _refused_meaning(token):
        text.fail(f"found '{_printable(token)}', {meaning} that is not evaluated, expected {KINDS}")
    match = re.fullmatch(r"nep([345])(_zbl)?", token)
    if not match:
        text.fail_here(KINDS)
    count = _integer(words[1], 1, len(RADII)) if len(words) > 1 else None
    if count is None or len(words) != count + 2:
        text.fail_here(f"'{token} T' followed by T element symbols")
    species = tuple(words[2:])
    for idx, symbol in enumerate(species):
        if symbol not in RADII:
            text.fail(
                f"found '{_printable(symbol)}', expected an element H..Pu, written as in 'Si'"
            )
        if symbol in species[:idx]:
            text.fail(f"found '{symbol}' twice, expected distinct elements")
    return int(match[1]), bool(match[2]), species


def _refused_meaning(token: str) -> str:
    """What the token says of a kind that is known and not evaluated; empty otherwise."""
    if not token.startswith("nep"):
        return ""
    named = (meaning for word, meaning in REFUSED_KINDS.items() if word in token)
    return next(named, OLD_KINDS.get(token, ""))


def _zbl_record(text: TextLines) -> ZBL:
    expected = "'zbl r_in r_out [factor]'"
    numbers = [parse_number(word) for word in text.record("zbl", expected[1:-1])]
    known = [number for number in numbers if number is not None and number >= 0.0]
    if len(known) != len(numbers) or len(known) not in (2, 3):
        text.fail_here(f"{expected} in Å")
    if known == [0.0, 0.0]:
        return FLEXIBLE
    if known[0] >= known[1]:
        text.fail_here("r_in below r_out")
    return ZBL(known[0], known[1], known[2] if len(known) == 3 else None)


def _cutoff(
    text: TextLines, species: Sequence[str]
) -> tuple[CutoffPair | tuple[CutoffPair, ...], NeighborCounts | None]:
    words = text.record("cutoff", "cutoff radial angular MN_radial MN_angular")
    n_cutoffs = _n_cutoffs(text, words, len(species))
    numbers = [parse_number(word) for word in words[:n_cutoffs]]
    known = [n for n in numbers if n is not None and 0.0 < n <= LONGEST_CUTOFF]
    if len(known) != len(numbers):
        text.fail_here(f"cutoffs above 0 and at most {LONGEST_CUTOFF:g} Å")
    pairs = tuple(zip(known[::2], known[1::2], strict=True))
    if any(angular > radial for radial, angular in pairs):
        text.fail_here("an angular cutoff not above the radial one")
    type_wise = n_cutoffs == 2 * len(species) and len(species) > 1
    return pairs if type_wise else pairs[0], _counts(text, words[n_cutoffs:])


def _n_cutoffs(text: TextLines, words: Sequence[str], n_species: int) -> int:
    """How many words of a cutoff record are cutoffs; the rest are counts.

    2: nothing else, as before August 2022. 4: two of them, also of two species. 2 T and 2 T + 2:
    two for each species; the first was never written, so it must be nothing else. 7: GPUMD 3.9.5
    to 4.6.
    """
    if len(words) in (2, 4):
        return 2
    if len(words) == N_WITH_FACTORS:
        _check_factors(text, words[4:])
        return 2
    if n_species > 1 and len(words) == 2 * n_species + 2:
        return 2 * n_species
    low, high = SURE_CUTOFFS
    numbers = [parse_number(word) for word in words]
    sure = all(number is not None and low <= number <= high for number in numbers)
    if n_species > 2 and len(words) == 2 * n_species and sure:
        return 2 * n_species
    return text.fail_here(
        f"two cutoffs (or two for each of the {n_species} species) and two neighbour counts"
    )


def _check_factors(text: TextLines, words: Sequence[str]) -> None:
    """Refuse the factors of use_typewise_cutoff; three zeros mean that it was not used."""
    factors = [parse_number(word) for word in words]
    if None in factors:
        text.fail_here("cutoffs, two neighbour counts and factors")
    if any(factors):
        text.fail_here(
            "two cutoffs and two neighbour counts; the last three are factors of "
            "use_typewise_cutoff (radial, angular, ZBL) of GPUMD 3.9.5 to 4.6, which nobody else "
            "evaluates: run the file with such a GPUMD, or train it again with 4.7 or newer and a "
            "pair of cutoffs for each species"
        )


def _counts(text: TextLines, words: Sequence[str]) -> NeighborCounts | None:
    if not words:
        return None
    counts = [_integer(word, 0, LARGEST_COUNT) for word in words[:2]]
    if counts[0] is None or counts[1] is None:
        text.fail_here("two neighbour counts behind the cutoffs")
    return NeighborCounts(counts[0], counts[1])


def _two_sizes(text: TextLines, keyword: str) -> tuple[int, int]:
    words = text.record(keyword, f"{keyword} radial angular")
    values = [_integer(word, 0, LARGEST_SIZE) for word in words]
    if len(values) != 2 or values[0] is None or values[1] is None:
        text.fail_here(f"two integers from 0 to {LARGEST_SIZE}")
    return values[0], values[1]


def _l_max(text: TextLines) -> tuple[int, tuple[str, ...]]:
    words = text.record("l_max", "l_max L q_222 q_1111 ...")
    flags = [_integer(word, 0, 2) for word in words[1:]]
    l_max = _integer(words[0], 1, L_MAX_LIMIT) if words else None
    if l_max is None or len(flags) > len(INVARIANTS) or None in flags:
        text.fail_here(
            "L from 1 to 8, then at most six flags (222, 1111, 112, 123, 233, 134) that are 0, 1 "
            "or 2"
        )
    names = tuple(name for name, flag in zip(INVARIANTS, flags, strict=False) if flag)
    for name in names:
        if l_max < smallest_l_max(name):
            flag = INVARIANTS.index(name) + 1
            text.fail_here(f"L of at least {smallest_l_max(name)} for flag {flag}")
    return l_max, names


def _neurons(text: TextLines) -> int:
    words = text.record("ANN", "ANN neurons 0")
    values = [_integer(word, 0, MOST_NEURONS) for word in words]
    if len(values) not in (1, 2) or not values[0] or None in values:
        text.fail_here("'ANN neurons 0' with at least one neuron")
    if any(values[1:]):
        text.fail_here("'ANN neurons 0': two hidden layers are not evaluated")
    return values[0]


def parse_number(word: str) -> float | None:
    """A finite decimal number, None for anything else ("1_0" and "nan" included)."""
    if not NUMBER.fullmatch(word):
        return None
    value = float(word)
    return value if math.isfinite(value) else None


def _integer(word: Any, low: int, high: int) -> int | None:
    if not re.fullmatch(r"[+-]?[0-9]{1,12}", word):
        return None
    value = int(word)
    return value if low <= value <= high else None


def _printable(line: str) -> str:
    """Beginning of a line: a binary file must not reach the terminal."""
    longest = 60
    text = "".join(c if " " <= c <= "~" else "?" for c in line[:longest])
    return text + "..." if len(line) > longest else text
