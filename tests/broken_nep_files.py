"""Damaged NEP text files: how to break a good one, the line that is named, words of the message."""

from __future__ import annotations

from collections.abc import Callable

from tests.nep_files import NepFile

PLAIN = NepFile()
ZBL = NepFile("nep4_zbl", zbl="1.0 2.0")
FLEXIBLE = NepFile("nep4_zbl", zbl="0 0")
TYPE_WISE = NepFile(cutoff="5.0 4.5 4.0 3.0")

Edit = Callable[[list[str]], list[str]]


def line(number: int, text: str) -> Edit:
    """Replace one line, counted from 1."""

    def edit(lines: list[str]) -> list[str]:
        return [*lines[: number - 1], text, *lines[number:]]

    return edit


def cut(n_lines: int) -> Edit:
    return lambda lines: lines[:n_lines]


def more(*extra: str) -> Edit:
    return lambda lines: [*lines, *extra]


BROKEN: dict[str, tuple[NepFile, Edit, int, str]] = {
    "empty": (PLAIN, cut(0), 1, "found an empty file"),
    "not NEP": (PLAIN, line(1, "LAMMPS data"), 1, "found 'LAMMPS data', expected nep3"),
    "binary": (PLAIN, line(1, "\x1b[31m\x00"), 1, r"found '\?\[31m\?', expected nep3"),
    "NEP2": (PLAIN, line(1, "nep2 2 Si O"), 1, "found 'nep2 2 Si O', expected nep3"),
    "charges": (PLAIN, line(1, "nep4_charge1 2 Si O"), 1, "a model with charges"),
    "dipole": (PLAIN, line(1, "nep4_dipole 2 Si O"), 1, "a dipole model"),
    "polarizability": (PLAIN, line(1, "nep3_polarizability 2 Si O"), 1, "a polarizability model"),
    "temperature": (PLAIN, line(1, "nep4_temperature 2 Si O"), 1, "a temperature-dependent model"),
    "vdw": (PLAIN, line(1, "nep4_zbl_vdw 2 Si O"), 1, "a model with van der Waals terms"),
    "species count": (PLAIN, line(1, "nep4 3 Si O"), 1, "expected 'nep4 T' followed by T"),
    "control characters": (
        PLAIN,
        line(1, "nep4 2 Si X\x1b"),
        1,
        r"found 'X\?', expected an element",
    ),
    "no element": (PLAIN, line(1, "nep4 2 Si Xx"), 1, "found 'Xx', expected an element"),
    "species twice": (PLAIN, line(1, "nep4 2 Si Si"), 1, "found 'Si' twice"),
    "zbl missing": (ZBL, line(2, "cutoff 4.5 3.5 1 1"), 2, "expected 'zbl r_in r_out"),
    "zbl range": (ZBL, line(2, "zbl 2.0 1.0"), 2, "expected r_in below r_out"),
    "zbl too long": (ZBL, line(2, "zbl 1.0 3.6"), 2, r"expected 0 <= inner < outer <= 3.5"),
    "zbl words": (ZBL, line(2, "zbl 1.0 2.0 0.7 1"), 2, "expected 'zbl r_in r_out"),
    "zbl negative": (ZBL, line(2, "zbl -1.0 2.0"), 2, "expected 'zbl r_in r_out"),
    "old cutoff": (PLAIN, line(2, "cutoff 4.5 3.5"), 2, "two neighbour counts"),
    "cutoff zero": (PLAIN, line(2, "cutoff 4.5 0 9 9"), 2, "expected cutoffs above 0"),
    "cutoff huge": (PLAIN, line(2, "cutoff 450 3.5 9 9"), 2, "at most 100 Å"),
    "cutoff nan": (PLAIN, line(2, "cutoff nan 3.5 9 9"), 2, "expected cutoffs above 0"),
    "cutoff order": (PLAIN, line(2, "cutoff 3.5 4.5 9 9"), 2, "angular cutoff not above"),
    "cutoff hint": (PLAIN, line(2, "cutoff 4.5 3.5 9 x"), 2, "two neighbour counts at the end"),
    "type-wise order": (TYPE_WISE, line(2, "cutoff 5 4.5 3 4 9 9"), 2, "angular cutoff not above"),
    "n_max word": (PLAIN, line(3, "n_max 3"), 3, "found 'n_max 3', expected two integers"),
    "n_max huge": (PLAIN, line(3, "n_max 3 2000000000"), 3, "expected two integers"),
    "n_max beyond 64 bits": (PLAIN, line(3, f"n_max 3 {10**30}"), 3, "expected two integers"),
    "n_max real": (PLAIN, line(3, "n_max 3 2.0"), 3, "expected two integers"),
    "basis keyword": (PLAIN, line(4, "basis 5 4"), 4, "expected 'basis_size radial angular'"),
    "l_max zero": (PLAIN, line(5, "l_max 0"), 5, "expected L from 1 to 8"),
    "l_max nine": (PLAIN, line(5, "l_max 9 0 0"), 5, "expected L from 1 to 8"),
    "flags": (PLAIN, line(5, "l_max 4 1 1 1 1 1 1 1"), 5, "at most six flags"),
    "flag three": (PLAIN, line(5, "l_max 4 3 0"), 5, "at most six flags"),
    "flag without l": (PLAIN, line(5, "l_max 3 0 0 0 0 0 1"), 5, "expected L of at least 4"),
    "two layers": (PLAIN, line(6, "ANN 9 9"), 6, "two hidden layers are not evaluated"),
    "no neuron": (PLAIN, line(6, "ANN 0 0"), 6, "at least one neuron"),
    "no header end": (PLAIN, cut(5), 6, "the file ends here, expected 'ANN neurons 0'"),
    "cut": (PLAIN, cut(100), 101, "found 94 numbers after the header, expected [0-9]+ .one common"),
    "nan": (PLAIN, line(50, "nan"), 50, "found 'nan', expected one finite number"),
    "infinite": (PLAIN, line(50, "1e999"), 50, "found '1e999', expected one finite number"),
    "half a number": (PLAIN, line(50, "1.25e-"), 50, "found '1.25e-', expected one finite number"),
    "two numbers": (PLAIN, line(50, "1.0 2.0"), 50, "expected one finite number on the line"),
    "blank line": (PLAIN, line(50, ""), 50, "found '', expected one finite number"),
    "decimal comma": (PLAIN, line(50, "0,5"), 50, "found '0,5', expected one finite number"),
    "flexible table": (FLEXIBLE, lambda lines: lines[:-30] + ["9.0"] * 30, 2, "found ZBL from 9"),
}
