"""Damaged NEP text files: how to break a good one, the line that is named, words of the message."""

from __future__ import annotations

from collections.abc import Callable

from tests.nep_files import NepFile

PLAIN = NepFile()
ZBL = NepFile("nep4_zbl", zbl="1.0 2.0")
FLEXIBLE = NepFile("nep4_zbl", zbl="0 0")
TYPE_WISE = NepFile(cutoff="5.0 4.5 4.0 3.0")
THREE = NepFile(species=("Si", "O", "H"))
FACTORS = "factors of use_typewise_cutoff .* of GPUMD 3.9.5 to 4.6, .* train it again with 4.7"

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
    "NEP1": (PLAIN, line(1, "nep 1"), 1, "found 'nep', a NEP1 model of 2021"),
    "NEP2": (PLAIN, line(1, "nep2 2 Si O"), 1, "found 'nep2', a NEP2 model of 2022"),
    "NEP6": (PLAIN, line(1, "nep6 2 Si O"), 1, "found 'nep6 2 Si O', expected nep3, nep4 or nep5"),
    "unknown kind": (PLAIN, line(1, "nep4_efa 2 Si O"), 1, "found 'nep4_efa 2 Si O', expected"),
    "capital token": (PLAIN, line(1, "NEP4 2 Si O"), 1, "found 'NEP4 2 Si O', expected nep3"),
    "spins": (PLAIN, line(1, "nep4_spin 2 Si O"), 1, "a model with spins"),
    "zbl charges": (PLAIN, line(1, "nep4_zbl_charge3 2 Si O"), 1, "a model with charges"),
    "charge and vdw": (PLAIN, line(1, "nep4_zbl_charge_vdw 2 Si O"), 1, "a model with charges"),
    "zbl temperature": (PLAIN, line(1, "nep4_zbl_temperature 2 Si O"), 1, "a temperature-depend"),
    "nep3 dipole": (PLAIN, line(1, "nep3_dipole 2 Si O"), 1, "a dipole model"),
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
    "small letters": (PLAIN, line(1, "nep4 2 si O"), 1, "found 'si', expected an element .*'Si'"),
    "all capitals": (PLAIN, line(1, "nep4 2 SI O"), 1, "found 'SI', expected an element"),
    "species twice": (PLAIN, line(1, "nep4 2 Si Si"), 1, "found 'Si' twice"),
    "zbl missing": (ZBL, line(2, "cutoff 4.5 3.5 1 1"), 2, "expected 'zbl r_in r_out"),
    "zbl range": (ZBL, line(2, "zbl 2.0 1.0"), 2, "expected r_in below r_out"),
    "zbl too long": (ZBL, line(2, "zbl 1.0 3.6"), 2, r"expected 0 <= inner < outer <= 3.5"),
    "zbl words": (ZBL, line(2, "zbl 1.0 2.0 0.7 1"), 2, "expected 'zbl r_in r_out"),
    "zbl negative": (ZBL, line(2, "zbl -1.0 2.0"), 2, "expected 'zbl r_in r_out"),
    "one cutoff": (PLAIN, line(2, "cutoff 4.5"), 2, "two cutoffs .or two for each of the 2 sp"),
    "three cutoffs": (PLAIN, line(2, "cutoff 4.5 3.5 9"), 2, "and two neighbour counts"),
    "type-wise without counts": (PLAIN, line(2, "cutoff 4.5 3.5 4 3.5"), 2, "counts after"),
    "no sure cutoffs": (THREE, line(2, "cutoff 5 4 90 70 2.5 2"), 2, "for each of the 3 species"),
    "type-wise of other": (THREE, line(2, "cutoff 5 4 5 4 90 9"), 2, "for each of the 3 species"),
    "factors": (PLAIN, line(2, "cutoff 4.5 3.5 9 9 2.5 2 0.65"), 2, FACTORS),
    "zbl factor": (PLAIN, line(2, "cutoff 4.5 3.5 9 9 0 0 0.65"), 2, FACTORS),
    "factor words": (PLAIN, line(2, "cutoff 4.5 3.5 9 9 a b c"), 2, "counts and factors"),
    "cutoff zero": (PLAIN, line(2, "cutoff 4.5 0 9 9"), 2, "expected cutoffs above 0"),
    "cutoff huge": (PLAIN, line(2, "cutoff 450 3.5 9 9"), 2, "at most 100 Å"),
    "cutoff nan": (PLAIN, line(2, "cutoff nan 3.5 9 9"), 2, "expected cutoffs above 0"),
    "cutoff order": (PLAIN, line(2, "cutoff 3.5 4.5 9 9"), 2, "angular cutoff not above"),
    "cutoff hint": (PLAIN, line(2, "cutoff 4.5 3.5 9 x"), 2, "two neighbour counts after"),
    "type-wise order": (TYPE_WISE, line(2, "cutoff 5 4.5 3 4 9 9"), 2, "angular cutoff not above"),
    "cutoff hex": (PLAIN, line(2, "cutoff 0x5 3.5 9 9"), 2, "expected cutoffs above 0"),
    "cutoff infinite": (PLAIN, line(2, "cutoff inf 3.5"), 2, "expected cutoffs above 0"),
    "records swapped": (
        PLAIN,
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        2,
        "found 'n_max 3 2', expected 'cutoff radial",
    ),
    "no basis_size": (PLAIN, lambda lines: [*lines[:3], *lines[4:]], 4, "'basis_size radial"),
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
    "three layers": (PLAIN, line(6, "ANN 9 0 0"), 6, "with at least one neuron"),
    "no neuron": (PLAIN, line(6, "ANN 0 0"), 6, "at least one neuron"),
    "no header end": (PLAIN, cut(5), 6, "the file ends here, expected 'ANN neurons 0'"),
    "cut": (PLAIN, cut(100), 101, "found 94 numbers after the header, expected [0-9]+ .one common"),
    "nan": (PLAIN, line(50, "nan"), 50, "found 'nan', expected one finite number"),
    "infinite": (PLAIN, line(50, "1e999"), 50, "found '1e999', expected one finite number"),
    "hexadecimal": (PLAIN, line(50, "0x1p-3"), 50, "found '0x1p-3', expected one finite number"),
    "Fortran exponent": (PLAIN, line(50, "1.0D-3"), 50, "found '1.0D-3', expected one finite"),
    "underscore": (PLAIN, line(50, "1_0"), 50, "found '1_0', expected one finite number"),
    "half a number": (PLAIN, line(50, "1.25e-"), 50, "found '1.25e-', expected one finite number"),
    "two numbers": (PLAIN, line(50, "1.0 2.0"), 50, "expected one finite number on the line"),
    "blank line": (PLAIN, line(50, ""), 50, "found '', expected one finite number"),
    "decimal comma": (PLAIN, line(50, "0,5"), 50, "found '0,5', expected one finite number"),
    "flexible table": (FLEXIBLE, lambda lines: lines[:-30] + ["9.0"] * 30, 2, "found ZBL from 9"),
}
