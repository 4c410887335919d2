"""Extended XYZ as ASE and GPUMD write it.

Stricter than ASE's reader, which ends at an empty line and passes over columns and keys that it
does not know, and wider: GPUMD's keys are found in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from ase.stress import voigt_6_to_full_3x3_stress
from attrs import frozen

from nepforge.data.frame import FloatArray, Frame, IntArray
from nepforge.data.readers.options import ReadOptions
from nepforge.data.readers.text import atomic_number, open_text, to_count, to_floats
from nepforge.errors import DataError
from nepforge.units import virial_from_stress

ATOMIC_ENERGIES = ("energies", "atomic_energies", "atomic_energy")  # the first is ASE's
PLAIN_COLUMNS = "species:S:1:pos:R:3"
SAME_VIRIAL = 1.0e-3  # relative; a stress and a virial that are both given agree better than this

_QUOTED = r'"(?:\\.|[^"\\])*"|\'[^\']*\'|\{[^}]*\}|\[[^\]]*\]'
_ITEM = re.compile(rf'(?P<key>"[^"]*"|[^\s="]+)(?:\s*=\s*(?P<value>{_QUOTED}|[^\s"]+))?')
_BETWEEN_WORDS = re.compile(r"[\s,]+")
_BRACKETS = str.maketrans("[]{}", "    ")
_TRUTH = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}


def read_extxyz(path: Path, options: ReadOptions) -> list[Frame]:
    """Frames with energy, and stress or virial in the comment line, forces and atomic energies.

    `virial` (eV, positive when compressed) is GPUMD's key, `stress` (eV/Å³) has ASE's sign.
    """
    frames: list[Frame] = []
    with open_text(path) as stream:
        for line in stream:
            if line.strip():
                frames.append(_read_frame(line, stream, options.source(path, len(frames)), options))
    return frames


def _read_frame(count: str, stream: Iterator[str], source: str, options: ReadOptions) -> Frame:
    n_atoms = to_count(count.strip(), f"{source}: first line of the frame")
    comment = next(stream, "")
    lines = list(islice(stream, n_atoms))
    if len(lines) < n_atoms or not lines[-1].strip():
        found = sum(1 for line in lines if line.strip())
        raise DataError(
            f"{source}: ends after {found} of {n_atoms} atoms", hint="the file may be cut"
        )
    pairs = parse_comment(comment, source)
    items = {key.lower(): value for key, value in pairs.items()}
    table = _table(lines, items.get("properties", PLAIN_COLUMNS), source)
    cell = _cell(items, source)
    virial = _virial(items, cell, source)
    energy = items.get("energy", items.get("free_energy"))
    return Frame(
        numbers=_numbers(table, source),
        positions=table.floats("pos", 3),
        cell=np.zeros((3, 3)) if cell is None else cell,
        pbc=_pbc(items, cell, source),
        energy=None if energy is None else float(_values("energy", energy, (1,), source)[0]),
        forces=_forces(table),
        virial=virial,
        group=pairs.get(options.group_by, ""),
        source=source,
        weight=float(_values("weight", items.get("weight", "1"), (1,), source)[0]),
        atomic_energy=_atomic_energy(table),
        converged=_TRUTH.get(items.get("converged", "T").lower(), True),
    )


def parse_comment(comment: str, source: str) -> dict[str, str]:
    """The key=value pairs of a comment line, values without their quotes.

    Raises:
        DataError: Something stands between the pairs, as after a wrong quotation mark. A comment
            without any pair is free text.
    """
    pairs: dict[str, str] = {}
    end, stray = 0, ""
    for match in _ITEM.finditer(comment):
        between = comment[end : match.start()]
        if between.strip() or (end and not between):
            stray = stray or comment[end:]
        end = match.end()
        if match["value"] is not None:
            pairs[match["key"].strip('"')] = match["value"].strip("\"'")
    stray = stray or comment[end:].strip()
    if pairs and stray:
        raise DataError(
            f"{source}: the comment line cannot be understood from here on: {stray[:60]}",
            hint="look for a quotation mark that is not closed",
        )
    return pairs


@frozen
class _Table:
    """The atom lines: rows of words, and where each property has its columns."""

    rows: list[list[str]]
    columns: Mapping[str, tuple[int, int]]  # name in lower case -> first column, number of columns
    source: str

    def words(self, name: str) -> list[str]:
        first = self.columns[name][0]
        return [row[first] for row in self.rows]

    def floats(self, name: str, width: int) -> FloatArray:
        """Shape [n_atoms, width]."""
        if self.columns.get(name, (0, 0))[1] != width:
            raise DataError(f"{self.source}: Properties need {name}:R:{width}")
        first = self.columns[name][0]
        words = [word for row in self.rows for word in row[first : first + width]]
        return to_floats(words, f"{self.source}: {name}").reshape(-1, width)


def _table(lines: Sequence[str], properties: str, source: str) -> _Table:
    parts = properties.split(":")
    widths = parts[2::3]
    if len(parts) % 3 or not all(w.isascii() and w.isdigit() and 0 < int(w) < 1000 for w in widths):
        raise DataError(
            f'{source}: Properties is "{properties}", expected name:type:columns, repeated',
            hint=f"the shortest is {PLAIN_COLUMNS}",
        )
    columns, n_columns = {}, 0
    for name, width in zip(parts[::3], widths, strict=True):
        columns[name.lower()] = (n_columns, int(width))
        n_columns += int(width)
    rows = [line.split() for line in lines]
    for idx, row in enumerate(rows):
        if len(row) != n_columns:
            raise DataError(
                f"{source}: atom {idx} has {len(row)} columns, Properties name {n_columns}",
                hint="the frame may be cut, or its number of atoms wrong",
            )
    return _Table(rows, columns, source)


def _numbers(table: _Table, source: str) -> IntArray:
    if "species" in table.columns:
        numbers = {word: atomic_number(word, source) for word in set(table.words("species"))}
        return np.array([numbers[word] for word in table.words("species")], dtype=np.int64)
    if "z" in table.columns:
        return table.floats("z", 1).ravel().astype(np.int64)
    raise DataError(f"{source}: Properties name neither species nor Z")


def _forces(table: _Table) -> FloatArray | None:
    name = next((name for name in ("forces", "force") if name in table.columns), None)
    return None if name is None else table.floats(name, 3)


def _atomic_energy(table: _Table) -> FloatArray | None:
    name = next((name for name in ATOMIC_ENERGIES if name in table.columns), None)
    return None if name is None else table.floats(name, 1).ravel()


def _words(text: str) -> list[str]:
    """Words between blanks or commas; brackets count as such in a value that begins with one."""
    inside = text.translate(_BRACKETS) if text.startswith(("[", "{")) else text
    return [word for word in _BETWEEN_WORDS.split(inside) if word]


def _values(name: str, text: str, sizes: tuple[int, ...], source: str) -> FloatArray:
    words = _words(text)
    if len(words) not in sizes:
        expected = " or ".join(map(str, sizes))
        raise DataError(f"{source}: {name} has {len(words)} numbers, expected {expected}")
    return to_floats(words, f"{source}: {name}")


def _cell(items: Mapping[str, str], source: str) -> FloatArray | None:
    if "lattice" not in items:
        return None
    return _values("Lattice", items["lattice"], (9,), source).reshape(3, 3)


def _pbc(items: Mapping[str, str], cell: FloatArray | None, source: str) -> tuple[bool, bool, bool]:
    if "pbc" not in items:
        return (cell is not None,) * 3
    flags = [_TRUTH.get(word.lower()) for word in _words(items["pbc"])]
    match flags:
        case [bool(a), bool(b), bool(c)]:
            return a, b, c
    raise DataError(f'{source}: pbc is "{items["pbc"]}", expected three of T and F')


def _virial(items: Mapping[str, str], cell: FloatArray | None, source: str) -> FloatArray | None:
    """From `virial` or `stress`; where both are given they must agree."""
    text = items.get("virial", items.get("virials"))
    virial = None if text is None else _values("virial", text, (9,), source).reshape(3, 3)
    if "stress" not in items:
        return virial
    stress = _values("stress", items["stress"], (6, 9), source)
    if cell is None:
        raise DataError(f"{source}: has a stress and no Lattice", hint="give the virial instead")
    full = voigt_6_to_full_3x3_stress(stress) if stress.size == 6 else stress.reshape(3, 3)
    from_stress: FloatArray = virial_from_stress(full, abs(np.linalg.det(cell)))
    if virial is None:
        return from_stress
    if abs(virial - from_stress).max() > SAME_VIRIAL * abs(virial).max() + SAME_VIRIAL:
        raise DataError(
            f"{source}: stress and virial contradict each other, expected virial = -stress * volume"
            " (eV, eV/Å³)",
            hint="take the wrong one of the two away",
        )
    return virial
