"""Configurations of MLIP (Moment Tensor Potentials), `.cfg`.

Blocks from BEGIN_CFG to END_CFG: Size, Supercell (Å, rows), AtomData (columns named in its line),
Energy (eV), PlusStress (eV): -stress times volume, our virial. Types count from 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from attrs import field, frozen

from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.words import atomic_number, open_text, to_count, to_floats
from nepforge.data.frame import FloatArray, Frame, IntArray
from nepforge.errors import DataError

VIRIAL_COLUMNS = {
    "xx": (0, 0),
    "yy": (1, 1),
    "zz": (2, 2),
    "yz": (1, 2),
    "xz": (0, 2),
    "xy": (0, 1),
}
POSITIONS = ("cartes_x", "cartes_y", "cartes_z")
FRACTIONS = ("direct_x", "direct_y", "direct_z")
FORCES = ("fx", "fy", "fz")
TITLES = ("Size", "Supercell", "AtomData:", "Energy", "PlusStress:", "Feature")


def read_mtp(path: Path, options: ReadOptions) -> list[Frame]:
    """All configurations; types 0, 1, ... are `options.species` in order.

    Raises:
        DataError: A block is cut or has an unknown title, or nothing names the elements.
    """
    frames: list[Frame] = []
    with open_text(path) as stream:
        for block in _blocks(stream, path):
            source = options.source(path, len(frames))
            frames.append(_Configuration(block, source).frame(options))
    return frames


def _blocks(stream: Iterator[str], path: Path) -> Iterator[list[str]]:
    """The lines between BEGIN_CFG and END_CFG."""
    block: list[str] | None = None
    n_blocks = 0
    for line in stream:
        text = line.strip()
        if text == "BEGIN_CFG" and block is None:
            block = []
        elif text == "END_CFG" and block is not None:
            yield block
            block, n_blocks = None, n_blocks + 1
        elif (text and block is None) or text == "BEGIN_CFG":
            raise DataError(
                f'{path}: found "{text[:60]}" after {n_blocks} configurations, expected BEGIN_CFG'
            )
        elif text and block is not None:
            block.append(text)
    if block is not None:
        raise DataError(
            f"{path}: ends inside configuration {n_blocks}, without END_CFG",
            hint="the file may be truncated",
        )


@frozen
class _Configuration:
    lines: Sequence[str]
    source: str
    sections: Mapping[str, tuple[list[str], list[list[str]]]] = field(init=False)

    @sections.default
    def _sections(self) -> dict[str, tuple[list[str], list[list[str]]]]:
        """Title -> words after it, rows of words below it."""
        sections: dict[str, tuple[list[str], list[list[str]]]] = {}
        rows: list[list[str]] = []
        for line in self.lines:
            title, *words = line.split()
            if title[0].isalpha():
                if title not in TITLES:
                    raise DataError(
                        f'{self.source}: found "{title}", expected one of {", ".join(TITLES)}'
                    )
                if title in sections and title != "Feature":
                    raise DataError(f"{self.source}: has {title} twice")
                sections[title] = (words, rows := [])
            else:
                rows.append([title, *words])
        return sections

    def frame(self, options: ReadOptions) -> Frame:
        n_atoms = to_count(self._rows("Size", 1, 1)[0][0], self.source)
        names = self.sections.get("AtomData:", ([], []))[0]
        rows = self._rows("AtomData:", n_atoms, len(names))
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        order = np.argsort(self._floats(columns, ("id",)).ravel()) if "id" in columns else None
        order = np.arange(n_atoms) if order is None else order
        cell = self._cell()
        return Frame(
            numbers=self._numbers(columns, options.species)[order],
            positions=self._positions(columns, cell)[order],
            cell=np.zeros((3, 3)) if cell is None else cell,
            pbc=(cell is not None,) * 3,
            energy=self._energy(),
            forces=self._floats(columns, FORCES)[order] if set(FORCES) <= columns.keys() else None,
            virial=self._virial(),
            source=self.source,
        )

    def _rows(self, title: str, n_rows: int, width: int) -> list[list[str]]:
        rows = self.sections.get(title, ([], []))[1]
        if len(rows) != n_rows or any(len(row) != width for row in rows):
            raise DataError(
                f"{self.source}: {title} has {len(rows)} lines, expected {n_rows} of {width} words",
                hint="the file may be truncated",
            )
        return rows

    def _floats(self, columns: Mapping[str, Sequence[str]], names: Sequence[str]) -> FloatArray:
        """Shape [n_atoms, len(names)]."""
        return np.column_stack(
            [to_floats(columns[name], f"{self.source}: {name}") for name in names]
        )

    def _cell(self) -> FloatArray | None:
        if "Supercell" not in self.sections:
            return None
        words = [word for row in self._rows("Supercell", 3, 3) for word in row]
        return to_floats(words, f"{self.source}: Supercell").reshape(3, 3)

    def _positions(
        self, columns: Mapping[str, Sequence[str]], cell: FloatArray | None
    ) -> FloatArray:
        if set(POSITIONS) <= columns.keys():
            return self._floats(columns, POSITIONS)
        if set(FRACTIONS) <= columns.keys() and cell is not None:
            positions: FloatArray = self._floats(columns, FRACTIONS) @ cell
            return positions
        raise DataError(f"{self.source}: AtomData has no cartes_x, cartes_y, cartes_z")

    def _numbers(self, columns: Mapping[str, Sequence[str]], species: Sequence[str]) -> IntArray:
        types = columns.get("type", ())
        if not species:
            raise DataError(
                f"{self.source}: does not say which elements the MTP types are",
                hint="name the elements of types 0, 1, ... in order: --species Hf,O (a recipe "
                "takes its data.species)",
            )
        named = {str(idx): atomic_number(symbol, self.source) for idx, symbol in enumerate(species)}
        unknown = sorted(set(types) - named.keys())
        if unknown or not types:
            found = f"type {unknown[0]}" if unknown else "no column `type`"
            raise DataError(
                f"{self.source}: has {found}, species name the types 0 to {len(species) - 1}"
            )
        return np.array([named[word] for word in types], dtype=np.int64)

    def _energy(self) -> float | None:
        if "Energy" not in self.sections:
            return None
        words = self.sections["Energy"][0] or self._rows("Energy", 1, 1)[0]
        return float(to_floats(words[:1], f"{self.source}: Energy")[0])

    def _virial(self) -> FloatArray | None:
        if "PlusStress:" not in self.sections:
            return None
        names = self.sections["PlusStress:"][0]
        if sorted(names) != sorted(VIRIAL_COLUMNS):
            raise DataError(f'{self.source}: PlusStress has the columns "{" ".join(names)}"')
        values = to_floats(self._rows("PlusStress:", 1, 6)[0], f"{self.source}: PlusStress")
        virial = np.zeros((3, 3))
        for name, value in zip(names, values, strict=True):
            row, column = VIRIAL_COLUMNS[name]
            virial[row, column] = virial[column, row] = value
        return virial
