"""Extended XYZ as ASE, GPUMD, QUIP, CONQUEST, MACE and dpdata write it.

Stricter than ASE's reader, which stops at an empty line and ignores unknown columns and keys, and
more general: GPUMD's keys are found in any case, labels may have other names and units, given by
options or in the file. Everything that is not a label is kept with the frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np
from ase.stress import voigt_6_to_full_3x3_stress
from attrs import frozen

from nepforge.data.formats.extxyz.atom_table import (
    PLAIN_COLUMNS,
    TRUTH,
    AtomTable,
    LazyColumns,
    read_table,
)
from nepforge.data.formats.extxyz.comment import FREE_TEXT, parse_comment, value_words
from nepforge.data.formats.extxyz.foreign import is_of_cp2k, refuse_cp2k, refuse_ipi
from nepforge.data.formats.extxyz.labels import (
    STRUCTURE_COLUMNS,
    STRUCTURE_KEYS,
    LabelKeys,
    absent_error,
    absent_names,
    find_labels,
    looks_like_column,
    looks_like_key,
)
from nepforge.data.formats.extxyz.virials import StressAndVirial
from nepforge.data.formats.notices import Notices
from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.words import open_text, to_count, to_floats
from nepforge.data.frame import FloatArray, Frame
from nepforge.data.labels.names import LabelNames
from nepforge.data.labels.scales import LabelScales, scaled
from nepforge.errors import DataError

SAME_ENERGY = 1.0e-6  # eV/atom; an energy and a free energy this close are equal


def read_extxyz(path: Path, options: ReadOptions) -> list[Frame]:
    """Frames with energy, and stress or virial in the comment line, forces and atomic energies.

    `virial` (eV, positive when compressed) is GPUMD's key, `stress` (eV/Å³) has ASE's sign,
    `free_energy` takes precedence over `energy`. Names, units and signs may be
    changed by `options.labels`, units also by the file.

    Raises:
        DataError: The file is damaged, a unit is unknown or not the requested one, or no frame has
            a label name that was requested.
    """
    reader = _Reader(options, path.name)
    frames: list[Frame] = []
    with open_text(path) as stream:
        for line in stream:
            if line.strip():
                source = options.source(path, len(frames))
                frames.append(reader.frame(line, stream, source))
    reader.finish(options.label or path.name, len(frames))
    return frames


@frozen
class _Layout:
    """The roles of keys and columns of a frame; most frames of a file have the same."""

    labels: LabelKeys
    info: tuple[str, ...]
    columns: tuple[str, ...]


class _Reader:
    """Reads one file frame by frame, and knows at the end what no frame had."""

    def __init__(self, options: ReadOptions, file: str) -> None:
        self.file = file
        self.group_by = options.group_by
        self.names: LabelNames = options.labels
        self.notice = options.notice
        self.scales = LabelScales(options.labels)
        self.notices = Notices()
        self.n_smeared = self.n_plain = 0  # frames whose energy is a free energy, or the only one
        self.seen_labels: set[str] = set()
        self.seen_names: set[str] = set()
        self.unread: Counter[tuple[str, str]] = Counter()  # (label, name) -> frames
        self.layouts: dict[tuple[tuple[str, ...], tuple[str, ...]], _Layout] = {}

    def frame(self, count: str, stream: Iterator[str], source: str) -> Frame:
        n_atoms = to_count(count.strip(), f"{source}: first line of the frame")
        comment = next(stream, "")
        lines = list(islice(stream, n_atoms))
        if len(lines) < n_atoms or not lines[-1].strip():
            found = sum(1 for line in lines if line.strip())
            raise DataError(
                f"{source}: ends after {found} of {n_atoms} atoms", hint="the file may be truncated"
            )
        pairs = parse_comment(comment, source)
        refuse_ipi(pairs.get(FREE_TEXT, ""), source)
        if is_of_cp2k(pairs):
            refuse_cp2k(self.file, self.names.given, source)
        items = _by_lower_case(pairs, source)
        table = read_table(lines, items.get("properties", PLAIN_COLUMNS), source)
        layout = self._layout(pairs, table, source)
        return self._frame(pairs, items, table, layout)

    def _layout(self, pairs: Mapping[str, str], table: AtomTable, source: str) -> _Layout:
        names = tuple(pairs), tuple(table.columns)
        if names not in self.layouts:
            labels = find_labels(pairs, table.columns, self.names, source)
            used = {*STRUCTURE_COLUMNS, *filter(None, labels.columns.values())}
            keys = labels.used_keys()
            info = [key for key in pairs if key.lower() not in STRUCTURE_KEYS and key not in keys]
            columns = [
                name for name in table.columns if name not in used and name.lower() not in used
            ]
            self.layouts[names] = _Layout(labels, tuple(info), tuple(columns))
            self.seen_names.update(*names)
            found = {**labels.keys, **labels.columns}
            self.seen_labels.update(label for label, name in found.items() if name)
        return self.layouts[names]

    def _frame(
        self, pairs: Mapping[str, str], items: Mapping[str, str], table: AtomTable, layout: _Layout
    ) -> Frame:
        labels, source = layout.labels, table.source
        scale = self.scales.of(pairs, labels.units, source)
        cell = _cell(items, source)
        positions = table.named("pos", 3)
        energy = self._energy(pairs, labels, table, scale)
        self._note_unread(pairs, table, layout)
        virial = StressAndVirial(
            scaled(_matrix("virial", labels, pairs, source), scale["virial"]),
            scaled(_matrix("stress", labels, pairs, source), scale["stress"]),
            None if cell is None else cell * scale["cell"],
            len(positions),
            source,
        ).resolve(items, self.notices)
        return Frame(
            numbers=table.numbers(),
            positions=positions * scale["position"],
            cell=np.zeros((3, 3)) if cell is None else cell * scale["cell"],
            pbc=_pbc(items, cell, source),
            energy=energy,
            forces=scaled(_column("forces", 3, labels, table), scale["force"]),
            virial=virial,
            group=pairs.get(self.group_by, ""),
            source=source,
            weight=float(_values("weight", items.get("weight", "1"), (1,), source)[0]),
            atomic_energy=scaled(_atomic_energy(labels, table), scale["energy"]),
            converged=_flags("scf_converged", items.get("scf_converged", "T"), 1, source)[0],
            info={key: pairs[key] for key in layout.info},
            columns=LazyColumns(table, layout.columns) if layout.columns else {},
        )

    def _energy(
        self,
        pairs: Mapping[str, str],
        labels: LabelKeys,
        table: AtomTable,
        scale: Mapping[str, float],
    ) -> float | None:
        key, source = labels.keys["energy"], table.source
        if key is None:
            return None
        shown = key.lower() if key not in self.names.given.values() else key
        energy = float(_values(shown, pairs[key], (1,), source)[0]) * scale["energy"]
        if labels.other_energy is not None:
            name = labels.other_energy
            other = float(_values(name, pairs[name], (1,), source)[0]) * scale["energy"]
            if abs(energy - other) > SAME_ENERGY * len(table.words[0]):
                text = f"{name} and {key} differ; {key} is read, from which the forces derive"
                example = f"{name} {other:.10g}, {key} {energy:.10g} eV"
                self.notices.add(source, f"{text}; --energy {name} reads the other one", example)
                self.n_smeared += 1
        elif key.lower() == "energy":
            self.n_plain += 1
        return energy

    def _note_unread(self, pairs: Mapping[str, str], table: AtomTable, layout: _Layout) -> None:
        for key in layout.info:
            label = looks_like_key(key, pairs[key])
            if label is not None:
                self.unread[label, key] += 1
        for name in layout.columns:
            column = table.columns[name]
            label = looks_like_column(name, column.kind, column.width)
            if label is not None:
                self.unread[label, name] += 1

    def finish(self, file: str, n_frames: int) -> None:
        """Report what was read otherwise than its name says, and what was not read.

        Raises:
            DataError: No frame has a given label name.
        """
        for label, name in absent_names(self.names, self.seen_labels):
            raise absent_error(file, label, name, self.seen_names)
        self.notices.tell(self.notice)
        if self.n_smeared and self.n_plain:
            self.notice(
                f"{file}: energies of two kinds: free_energy in {self.n_smeared} frames where it "
                f"differs from energy, energy in {self.n_plain} frames that have no other"
            )
        if self.unread:
            options = [
                f"{name} (--{label.replace('_', '-')} {name}"
                + (f", in {n} of {n_frames} frames)" if n != n_frames else ")")
                for (label, name), n in self.unread.items()
            ]
            (label, name), _ = self.unread.most_common(1)[0]
            self.notice(
                f"{file}: looks like a label and is not read: {', '.join(options)}; in a recipe "
                f'[data.labels] {label} = "{name}"'
            )


def _by_lower_case(pairs: Mapping[str, str], source: str) -> dict[str, str]:
    """The pairs by lower-case key."""
    items = {key.lower(): value for key, value in pairs.items()}
    if len(items) != len(pairs):
        counts = Counter(key.lower() for key in pairs)
        twice = [key for key in STRUCTURE_KEYS if counts[key] > 1]
        if twice:
            raise DataError(f"{source}: {twice[0]} is given twice, in upper and lower case")
    return items


def _column(name: str, width: int, labels: LabelKeys, table: AtomTable) -> FloatArray | None:
    column = labels.columns[name]
    return None if column is None else table.floats(column, width)


def _atomic_energy(labels: LabelKeys, table: AtomTable) -> FloatArray | None:
    values = _column("atomic_energy", 1, labels, table)
    return None if values is None else values.ravel()


def _matrix(
    name: str, labels: LabelKeys, pairs: Mapping[str, str], source: str
) -> FloatArray | None:
    """Nine numbers, or six of a stress in Voigt order as in ASE; shape [3, 3]."""
    key = labels.keys[name]
    if key is None:
        return None
    values = _values(key, pairs[key], (6, 9) if name == "stress" else (9,), source)
    full: FloatArray = (
        voigt_6_to_full_3x3_stress(values) if values.size == 6 else values.reshape(3, 3)
    )
    return full


def _values(name: str, text: str, sizes: tuple[int, ...], source: str) -> FloatArray:
    words = value_words(text)
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
    a, b, c = _flags("pbc", items["pbc"], 3, source)
    return a, b, c


def _flags(name: str, text: str, n: int, source: str) -> list[bool]:
    """Exactly n flags T or F."""
    flags = [flag for word in value_words(text) if (flag := TRUTH.get(word.lower())) is not None]
    if len(flags) != n or len(value_words(text)) != n:
        expected = "T or F" if n == 1 else "three of T and F"
        raise DataError(f'{source}: {name} is "{text}", expected {expected}')
    return flags
