"""The content of a VASP OUTCAR as a sequence of items, one per relevant line or block.

Blocks have fixed Fortran columns, where wide numbers touch: 473254.270891-6163.613158. So each row
is split by its number of decimals first, and by blanks only if that fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from functools import cache
from typing import Any

import numpy as np
from attrs import frozen

from nepforge.data.formats.text.lines import Lines
from nepforge.data.formats.text.marks import items_of_runs
from nepforge.data.formats.text.words import to_count, to_floats
from nepforge.data.frame import FloatArray
from nepforge.errors import DataError

RUN = re.compile(r"^\s*vasp\.\d|vasp\.\d+\.\d.*(?:complex|gamma|\(build)")
ITERATION = re.compile(r"Iteration\s+(\d{1,9})\(\s*(\d{1,9})\)")
ENERGY = re.compile(r"free  energy\s+TOTEN\s*=\s*(\S+)\s+eV\b")
SETTING = re.compile(r"(\w+)\s*=\s*(-?\d{1,9})\b")
FORCE_ROW = (5, 5, 5, 6, 6, 6)  # decimals
CELL_ROW = (9,) * 6
STRESS_ROW = (5,) * 6
POSITION_ROW = (8,) * 3
WIDEST = 8  # digits before the decimal point
XX, YY, ZZ, XY, YZ, ZX = range(6)  # order of the columns of a stress
FULL_STRESS = [[XX, XY, ZX], [XY, YY, YZ], [ZX, YZ, ZZ]]


class Mark(Enum):
    """Lines with a single meaning."""

    RUN = "a run begins"
    GAVE_UP = "the electronic steps ended without converging"
    FINISHED = "the run came to its end"


@frozen
class Header:
    """Something printed before the first step; `name` is a field of `OutcarHeader`."""

    name: str
    value: Any


@frozen
class Iteration:
    """An electronic iteration begins; both count from 1."""

    step: int
    number: int


@frozen
class Learned:
    """Output of the machine-learned force field; energies are counted."""

    n_energies: int


@frozen
class Energy:
    """`free  energy   TOTEN`, eV."""

    value: float


@frozen
class Forces:
    """Positions in Å and forces in eV/Å, [n_ions, 3]."""

    positions: FloatArray
    forces: FloatArray


@frozen
class Cell:
    """Rows of a cell in Å, and the volume in Å³ that is printed with it, to two decimals."""

    vectors: FloatArray
    volume: float


@frozen
class Stress:
    """`kbar` [3, 3], None when it does not fit its columns, and the virial [3, 3] in eV printed
    above it; `half_digits` are the rounding errors of virial and kbar."""

    kbar: FloatArray | None
    virial: FloatArray | None = None
    half_digits: tuple[float, float] = (0.0, 0.0)


Item = Mark | Header | Iteration | Learned | Energy | Forces | Cell | Stress | DataError


def items(lines: Lines) -> Iterator[Item]:
    """Everything relevant, in the order of the file; errors as of `items_of_runs`."""
    return items_of_runs(lines, _begins_run, Mark.RUN, _item)


def _begins_run(line: str) -> bool:
    return "vasp." in line and RUN.search(line) is not None


def _item(lines: Lines) -> Item | None:
    text = lines.line.lstrip()
    if not text.startswith(MARKS):
        return None
    return next(read for mark, read in READERS.items() if text.startswith(mark))(lines)


def _rule(lines: Lines) -> Item | None:
    """A line of dashes: the beginning of an electronic iteration, or the end of the last one."""
    if match := ITERATION.search(lines.line):
        return Iteration(int(match[1]), int(match[2]))
    return Mark.GAVE_UP if "EDIFF was not reached" in lines.line else None


def _energy(lines: Lines) -> Item:
    """With two blanks the energy of an ionic step, with one that of an electronic iteration."""
    if "ML TOTEN" in lines.line:
        return Learned(1)
    match = ENERGY.search(lines.line)
    if match is None:
        raise DataError(f"{lines.where}: expected free  energy   TOTEN  = ... eV")
    return Energy(float(to_floats([match[1]], f"{lines.where}: energy")[0]))


def _forces(lines: Lines) -> Item | None:
    """Columns after the first six hold forces without dispersion."""
    title = lines.line
    if "TOTAL-FORCE" not in title:
        return None
    if "(ML)" in title:
        return Learned(0)
    next(lines, "")  # dashes
    n_columns = 9 if "w/o vdW" in title else 6
    rows = [_numbers(row, FORCE_ROW, n_columns, lines) for row in _rows_to_dashes(lines)]
    array = np.array(rows).reshape(-1, 6)
    return Forces(array[:, :3], array[:, 3:])


def _rows_to_dashes(lines: Lines) -> Iterator[str]:
    for line in lines:
        if line.lstrip().startswith("---"):
            return
        if not line.strip() or RUN.search(line):
            lines.put_back()
            break
        yield line
    raise DataError(f"{lines.where}: the positions and forces are cut")


def _positions(lines: Lines) -> Item:
    """Positions of the input, Å; an empty line ends them."""
    rows = []
    for line in lines:
        if not line.strip():
            break
        if RUN.search(line):
            lines.put_back()
            raise DataError(f"{lines.where}: the positions are cut")
        rows.append(_numbers(line, POSITION_ROW, 3, lines))
    return Header("positions", np.array(rows).reshape(-1, 3))


def _cell(lines: Lines) -> Item | None:
    """After `volume of cell`: three rows of vectors, with the reciprocal ones beside them."""
    volume = float(to_floats(lines.line.split()[-1:], f"{lines.where}: volume")[0])
    following = next(lines, "")
    if "lattice vectors" not in following:
        if following:
            lines.put_back()
        return None
    rows = [_numbers(next(lines, ""), CELL_ROW, 6, lines)[:3] for _ in range(3)]
    return Cell(np.array(rows), volume)


def _stress(lines: Lines) -> Item:
    """Rows "Total" in eV and "in kB", each XX YY ZZ XY YZ ZX, positive in compression."""
    total: list[str] = []
    for line in lines:
        words = line.split()
        if words[:1] == ["Total"]:
            total = words[1:]
        elif words[:2] == ["in", "kB"]:
            return _both_stresses(line.partition("kB")[2], total, lines)
        elif not words or RUN.search(line):
            lines.put_back()
            break
    raise DataError(f"{lines.where}: the stress is cut, expected a row `in kB`")


def _both_stresses(text: str, total: Sequence[str], lines: Lines) -> Stress:
    if "*" in text:
        return Stress(None)
    kbar = _numbers(text, STRESS_ROW, 6, lines)[FULL_STRESS]
    if len(total) != 6 or "*" in "".join(total):
        return Stress(kbar)
    virial = to_floats(total, lines.where)[FULL_STRESS]
    return Stress(kbar, virial, (_half_digit(total[0]), _half_digit(text.rsplit(maxsplit=1)[-1])))


def _half_digit(word: str) -> float:
    """Half of the last digit of a number with decimals."""
    return 0.5 * float(10.0 ** -len(word.partition(".")[2]))


def _n_ions(lines: Lines) -> Item | None:
    _, found, text = lines.line.partition("NIONS")
    return (
        Header("n_ions", to_count(text.strip(" =\n"), f"{lines.where}: NIONS")) if found else None
    )


def _counts(lines: Lines) -> Item:
    """Numbers of ions of each type, as text.

    VASP's format has room for ten. Of more types, the rest replaces the numbers above them when the
    whole table "Dimension of arrays" is printed again.
    """
    counts = lines.line.partition("=")[2].rstrip()
    following = next((line for line in lines if line.strip()), "")
    if not following.lstrip().startswith("Dimension of arrays"):
        if following:
            lines.put_back()
        return Header("counts", counts)
    for line in lines:
        if "equivalent" in line:
            break
        counts += "".join(f" {number}" for number in re.findall(r"=\s*(\d+)", line))
    return Header("counts", counts)


def _setting(lines: Lines) -> Item | None:
    """`NELM   =    100;   NELMIN=  6`: the first setting of the line, by its full name."""
    match = SETTING.match(lines.line.lstrip())
    return Header(match[1].lower(), int(match[2])) if match and match[1] in SETTINGS else None


def _text(lines: Lines) -> Item:
    """`TITEL  = PAW_PBE Si 05Jan2001`, `VRHFIN =Si: s2p2`, `POTCAR:    PAW_PBE Si 05Jan2001`."""
    name, text = re.split("[=:]", lines.line, maxsplit=1)
    return Header(TEXTS[name.strip()], text.strip())


TEXTS = {"VRHFIN": "valences", "TITEL": "titles", "POTCAR": "potcars"}
SETTINGS = ("NELM", "ICHARG")
READERS: dict[str, Callable[[Lines], Item | None]] = {
    "---": _rule,
    "free  energy": _energy,
    "POSITION ": _forces,
    "position of ions in cartesian coordinates": _positions,
    "volume of cell": _cell,
    "FORCE on cell": _stress,
    "ML FORCE on cell": lambda _: Learned(0),
    "VRHFIN =": _text,
    "TITEL  =": _text,
    "POTCAR:": _text,
    "number of dos": _n_ions,
    "ions per type": _counts,
    "NELM": _setting,
    "ICHARG": _setting,
    "General timing": lambda _: Mark.FINISHED,
}
MARKS = tuple(READERS)


def _numbers(row: str, decimals: tuple[int, ...], n_columns: int, lines: Lines) -> FloatArray:
    """The first numbers of a row of `n_columns`, one for each of `decimals`."""
    if lines.is_cut:
        raise DataError(f"{lines.where}: the row is cut")
    fixed = _columns(decimals).match(row)
    has_more = n_columns > len(decimals)
    if fixed is not None and (has_more or not row[fixed.end() :].strip()):
        return to_floats(fixed.groups(), lines.where)
    words = row.split()
    if RUN.search(row):
        lines.put_back()
    if len(words) != n_columns or not all("." in word for word in words[: len(decimals)]):
        raise DataError(
            f'{lines.where}: found "{row.strip()}", expected {n_columns} numbers with decimals'
        )
    return to_floats(words[: len(decimals)], lines.where)


@cache
def _columns(decimals: tuple[int, ...]) -> re.Pattern[str]:
    """Numbers with these decimals, which may touch, no wider than their columns."""
    numbers = [rf"(-?[0-9]{{0,{WIDEST}}}\.[0-9]{{{n}}})" for n in decimals]
    return re.compile(r"\s*".join(["", *numbers]) + r"(?!\d)")
