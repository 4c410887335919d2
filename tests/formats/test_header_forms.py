"""Every form of header that public potentials have, read as the form of today."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nepforge.formats.neighbor_counts import NeighborCounts
from nepforge.formats.open_model import open_nep
from tests.broken_nep_files import Edit, line
from tests.formats.test_nep_reader import assert_same
from tests.nep_files import NepFile

ONE = NepFile(species=("Si",))
TWO = NepFile()
ZBL = NepFile("nep3_zbl", zbl="1.0 2.0")
THREE = NepFile(species=("Si", "O", "H"))
OF_EACH = NepFile(species=("Si", "O", "H"), cutoff="5.0 4.5 4.0 3.0 6.0 5.0")
FLAGGED = NepFile("nep3", l_max="4 2 0")
PLAIN = NepFile("nep3", l_max="4 0 0")
KNOWN = NeighborCounts(100, 100)
MARK = "\ufeff"


def joined(end: str, more: str = "") -> Callable[[list[str]], str]:
    return lambda lines: end.join(lines) + more


def lined(edit: Edit) -> Callable[[list[str]], str]:
    return lambda lines: "\n".join(edit(lines)) + "\n"


def padded(lines: list[str]) -> str:
    """As GPUMD writes them: a blank behind the symbols, numbers in columns."""
    head = [f"{lines[0]} ", *(text.replace(" ", "   ") for text in lines[1:6])]
    return "\n".join([*head, *(f"  {text}\t" for text in lines[6:])]) + "\n"


# name -> (file, its text in the other form, neighbour counts that it says)
FORMS: dict[str, tuple[NepFile, Callable[[list[str]], str], NeighborCounts | None]] = {
    "no counts, one species": (ONE, lined(line(2, "cutoff 4.5 3.5")), None),
    "no counts, two species": (TWO, lined(line(2, "cutoff 4.5 3.5")), None),
    "no counts, three species": (THREE, lined(line(2, "cutoff 4.5 3.5")), None),
    "no counts, nep3_zbl": (ZBL, lined(line(3, "cutoff 4.5 3.5")), None),
    "type-wise without counts": (OF_EACH, lined(line(2, "cutoff 5 4.5 4 3 6 5")), None),
    "counts of today": (TWO, lined(line(2, "cutoff 4.5 3.5 73 8")), NeighborCounts(73, 8)),
    "counts like cutoffs": (TWO, lined(line(2, "cutoff 4.5 3.5 4 3")), NeighborCounts(4, 3)),
    "unused factors": (TWO, lined(line(2, "cutoff 4.5 3.5 100 100 0 0 0")), KNOWN),
    "l_max of one token": (PLAIN, lined(line(5, "l_max 4")), KNOWN),
    "l_max of two tokens": (FLAGGED, lined(line(5, "l_max 4 2")), KNOWN),
    "l_max flag of 1": (FLAGGED, lined(line(5, "l_max 4 1 0")), KNOWN),
    "one hidden layer unsaid": (TWO, lined(line(6, "ANN 9")), KNOWN),
    "signed integers": (TWO, lined(line(6, "ANN +9 -0")), KNOWN),
    "byte order mark": (TWO, lambda lines: MARK + joined("\n")(lines), KNOWN),
    "mark and Windows line ends": (TWO, lambda lines: MARK + joined("\r\n", "\r\n")(lines), KNOWN),
    "Windows line ends": (ZBL, joined("\r\n", "\r\n\r\n"), KNOWN),
    "no last line end": (TWO, joined("\n"), KNOWN),
    "blank lines at the end": (TWO, joined("\n", "\n \n\t\n"), KNOWN),
    "columns and blanks": (TWO, padded, KNOWN),
    "short numbers": (TWO, lined(line(2, "cutoff 4.50 +3.5e0 100 100")), KNOWN),
}


@pytest.fixture(params=FORMS.values(), ids=FORMS.keys())
def pair(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[Path, Path, NeighborCounts | None]:
    file, text, counts = request.param
    (tmp_path / "other.txt").write_bytes(text(file.lines()).encode())
    return file.write(tmp_path / "today.txt"), tmp_path / "other.txt", counts


def test_it_is_the_same_model(
    pair: tuple[Path, Path, NeighborCounts | None],
) -> None:
    """Sizes, every bit of every number, and the counts that the file says, if any."""
    today, other, counts = pair
    found, expected = open_nep(other), open_nep(today)
    assert found.layout == expected.layout
    assert_same(found.trained, expected.trained)
    assert found.trained.neighbors == counts
