"""LAMMPS text dumps in metal units: forces, no energy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from attrs import field, frozen

from nepforge.data.formats.lammps.types import unknown_elements, unnamed_type
from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.words import atomic_number, open_text, to_count, to_floats
from nepforge.data.frame import FloatArray, Frame, IntArray
from nepforge.errors import DataError

POSITION_COLUMNS = {  # column names -> whether they are fractions of the box
    ("x", "y", "z"): False,
    ("xu", "yu", "zu"): False,
    ("xs", "ys", "zs"): True,
    ("xsu", "ysu", "zsu"): True,
}
FORCE_COLUMNS = ("fx", "fy", "fz")


def read_dump(path: Path, options: ReadOptions) -> list[Frame]:
    """Every snapshot of a text dump, atoms sorted by id.

    Elements come from the column `element`, or from `options.species` by type. Units must be metal,
    which is assumed if the dump does not name them.
    """
    frames: list[Frame] = []
    with open_text(path) as stream:
        for title, sections in _snapshots(stream, path):
            source = options.source(path, len(frames))
            frames.append(_Snapshot(source, title, sections).frame(options.species))
    return frames


def _snapshots(
    stream: Iterator[str], path: Path
) -> Iterator[tuple[dict[str, str], dict[str, list[str]]]]:
    """The text after ITEM: NAME, and the lines below it, for each snapshot."""
    titles: dict[str, str] = {}
    sections: dict[str, list[str]] = {}
    current: list[str] | None = None
    n_snapshots = 0
    for line in stream:
        if line.startswith("ITEM:"):
            name, rest = _item(line)
            if name in ("TIMESTEP", "UNITS") and "ATOMS" in sections:
                yield titles, sections
                titles, sections, n_snapshots = {}, {}, n_snapshots + 1
            elif name in sections:
                raise DataError(
                    f"{path}: snapshot {n_snapshots} has ITEM: {name} twice",
                    hint="a line ITEM: TIMESTEP may be missing",
                )
            titles[name], sections[name] = rest, (current := [])
        elif current is not None:
            current.append(line)
        elif line.strip():
            raise DataError(
                f'{path}: begins with "{line.strip()[:60]}", expected ITEM: TIMESTEP',
                hint="this is not a LAMMPS text dump",
            )
    if sections:
        yield titles, sections


def _item(line: str) -> tuple[str, str]:
    text = line.removeprefix("ITEM:").strip()
    for name in ("NUMBER OF ATOMS", "BOX BOUNDS"):
        if text.startswith(name):
            return name, text.removeprefix(name)
    name, _, rest = text.partition(" ")
    return name, rest


@frozen
class _Snapshot:
    source: str
    titles: Mapping[str, str]
    sections: Mapping[str, Sequence[str]]
    n_atoms: int = field(init=False)

    @n_atoms.default
    def _count(self) -> int:
        return to_count(self._lines("NUMBER OF ATOMS", 1)[0].strip(), self.source)

    def frame(self, species: Sequence[str]) -> Frame:
        self._refuse_other_units()
        origin, cell, pbc = self._box()
        names = self.titles.get("ATOMS", "").split()
        rows = [line.split() for line in self._lines("ATOMS", self.n_atoms)]
        for idx, row in enumerate(rows):
            if len(row) != len(names):
                raise DataError(
                    f"{self.source}: line {idx} of the atoms has {len(row)} columns, expected "
                    f"{len(names)}: {' '.join(names)}"
                )
        columns = dict(zip(names, zip(*rows, strict=True), strict=False))
        order = self._order(columns)
        return Frame(
            numbers=self._elements(columns, species)[order],
            positions=self._positions(columns, origin, cell)[order],
            cell=cell,
            pbc=pbc,
            forces=self._vectors(columns, FORCE_COLUMNS)[order]
            if set(FORCE_COLUMNS) <= columns.keys()
            else None,
            source=self.source,
        )

    def _lines(self, name: str, n_lines: int) -> list[str]:
        lines = [line for line in self.sections.get(name, ()) if line.strip()]
        if len(lines) != n_lines:
            raise DataError(
                f"{self.source}: ITEM: {name} has {len(lines)} lines, expected {n_lines}",
                hint="the file may be truncated",
            )
        return lines

    def _refuse_other_units(self) -> None:
        units = self._lines("UNITS", 1)[0].strip() if "UNITS" in self.sections else "metal"
        if units != "metal":
            raise DataError(f"{self.source}: is in {units} units, expected metal (Å, eV)")

    def _box(self) -> tuple[FloatArray, FloatArray, tuple[bool, bool, bool]]:
        """Origin [3], cell [3, 3] and periodicity; bounds of a tilted box include the tilt."""
        words = self.titles.get("BOX BOUNDS", "").split()
        boundaries = [word for word in words if len(word) == 2 and set(word) <= set("pfsm")]
        pbc = [word == "pp" for word in boundaries] or [True] * 3
        tilted = words[:3] == ["xy", "xz", "yz"]
        if len(pbc) != 3 or words != ["xy", "xz", "yz"] * tilted + boundaries:
            raise DataError(
                f'{self.source}: box bounds are "{" ".join(words)}", expected "xy xz yz pp pp pp" '
                'or "pp pp pp"'
            )
        rows = [line.split() for line in self._lines("BOX BOUNDS", 3)]
        if any(len(row) != 2 + tilted for row in rows):
            raise DataError(f"{self.source}: a box bound needs {2 + tilted} numbers")
        bounds = to_floats([word for row in rows for word in row], f"{self.source}: box bounds")
        bounds = bounds.reshape(3, -1)
        xy, xz, yz = bounds[:, 2] if tilted else np.zeros(3)
        low = bounds[:, 0] - [min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0]
        high = bounds[:, 1] - [max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0]
        cell = np.diag(high - low) + np.array([[0, 0, 0], [xy, 0, 0], [xz, yz, 0]])
        return low, cell, (pbc[0], pbc[1], pbc[2])

    def _order(self, columns: Mapping[str, Sequence[str]]) -> IntArray:
        if "id" not in columns:
            return np.arange(self.n_atoms)
        ids = to_floats(columns["id"], f"{self.source}: id")
        if len(np.unique(ids)) != self.n_atoms:
            raise DataError(f"{self.source}: two atoms have the same id")
        return np.argsort(ids, kind="stable")

    def _elements(self, columns: Mapping[str, Sequence[str]], species: Sequence[str]) -> IntArray:
        if "element" in columns:
            symbols = columns["element"]
        elif "type" in columns and species:
            types = columns["type"]
            named = {str(idx + 1): symbol for idx, symbol in enumerate(species)}
            unnamed = sorted(set(types) - named.keys())
            if unnamed:
                raise unnamed_type(self.source, unnamed[0], len(species))
            symbols = tuple(named[word] for word in types)
        else:
            raise unknown_elements(self.source)
        numbers = {symbol: atomic_number(symbol, self.source) for symbol in set(symbols)}
        return np.array([numbers[symbol] for symbol in symbols], dtype=np.int64)

    def _positions(
        self, columns: Mapping[str, Sequence[str]], origin: FloatArray, cell: FloatArray
    ) -> FloatArray:
        for names, is_fraction in POSITION_COLUMNS.items():
            if set(names) <= columns.keys():
                values = self._vectors(columns, names)
                return values @ cell if is_fraction else values - origin
        raise DataError(
            f"{self.source}: no positions among the columns {', '.join(columns)}",
            hint="dump x y z, xs ys zs, xu yu zu or xsu ysu zsu",
        )

    def _vectors(
        self, columns: Mapping[str, Sequence[str]], names: tuple[str, str, str]
    ) -> FloatArray:
        return np.column_stack(
            [to_floats(columns[name], f"{self.source}: {name}") for name in names]
        )
