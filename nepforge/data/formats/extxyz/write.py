"""Extended XYZ for GPUMD and ASE, with all digits of every number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ase.data import chemical_symbols
from numpy.typing import NDArray

from nepforge.data.error_bars import ErrorBars
from nepforge.data.formats.extxyz.comment import comment_item
from nepforge.data.formats.extxyz.labels import (
    STRUCTURE_COLUMNS,
    STRUCTURE_KEYS,
    USUAL_COLUMNS,
    USUAL_KEYS,
    quantity_of,
    unit_key,
)
from nepforge.data.formats.losses import Losses
from nepforge.data.frame import Frame
from nepforge.errors import DataError
from nepforge.units import stress_from_virial

_LABEL_KEYS = {name for names in USUAL_KEYS.values() for name in names}
_LABEL_COLUMNS = {name for names in USUAL_COLUMNS.values() for name in names}
_KINDS = {"f": "R", "i": "I", "u": "I", "b": "L", "U": "S"}


def write_extxyz(
    path: Path,
    frames: Sequence[Frame],
    bars: Sequence[ErrorBars] = (),
    *,
    losses: Losses,
) -> None:
    """One file: `virial` for GPUMD, and `stress` for ASE where the cell has a volume.

    Info keys and columns follow, except those that would be read as labels of the frame.

    Args:
        path: A new file.
        frames: Structures and labels.
        bars: Error bars of every frame, written as `energy_std` and `forces_std`; may be empty.
        losses: Told what cannot be written.

    Raises:
        DataError: A column contains text with blanks.
    """
    with path.open("w", encoding="utf-8") as file:
        for frame, bar in zip_longest(frames, bars):
            file.writelines(f"{line}\n" for line in _lines(frame, bar, losses))


def write_part(path: Path, frames: Sequence[Frame], part: str, losses: Losses) -> None:
    """The file `path`, or `path/PART.xyz` for a part of a set."""
    write_extxyz(path / f"{part}.xyz" if part else path, frames, losses=losses)


def _lines(frame: Frame, bars: ErrorBars | None, losses: Losses) -> Iterator[str]:
    columns: dict[str, NDArray[Any]] = {"pos": frame.positions}
    if frame.forces is not None:
        columns["forces"] = frame.forces
    if frame.atomic_energy is not None:
        columns["energies"] = frame.atomic_energy
    items = {**_items(frame), **dict(_info(frame, losses))}
    if bars is not None:
        items["energy_std"] = repr(bars.energy)
        columns["forces_std"] = bars.forces
    columns |= {name: values for name, values in _further(frame, losses) if name not in columns}
    properties = ["species:S:1", *(_property(name, columns[name], frame) for name in columns)]
    comment = [comment_item(key, text) for key, text in items.items()]
    yield str(frame.n_atoms)
    yield " ".join([*comment, f"Properties={':'.join(properties)}"])
    symbols = [chemical_symbols[z] for z in frame.numbers.tolist()]
    words = [_words(values) for values in columns.values()]
    yield from map(" ".join, zip(symbols, *words, strict=True))


def _items(frame: Frame) -> dict[str, str]:
    """The pairs for structure and labels."""
    items = {}
    has_volume = frame.volume > 0.0
    if has_volume or any(frame.pbc):
        items["Lattice"] = _numbers(frame.cell.ravel().tolist())
    items["pbc"] = " ".join("T" if flag else "F" for flag in frame.pbc)
    if frame.energy is not None:
        items["energy"] = repr(frame.energy)
    if frame.virial is not None:
        items["virial"] = _numbers(frame.virial.ravel().tolist())
        if has_volume:
            stress = stress_from_virial(frame.virial, frame.volume)
            items["stress"] = _numbers(stress.ravel().tolist())
    if frame.weight != 1.0:
        items["weight"] = repr(frame.weight)
    if not frame.converged:
        items["scf_converged"] = "F"
    if frame.group:
        items["group"] = frame.group
    return items


def _info(frame: Frame, losses: Losses) -> Iterator[tuple[str, str]]:
    """The info keys that will be read as such again; the group is one of them."""
    for key, text in frame.info.items():
        is_group = key == "group" and frame.group
        if _is_taken(key, text, frame) or (is_group and text != frame.group):
            losses.add(frame.source, key)
        elif not is_group:
            yield key, text


def _is_taken(key: str, text: str, frame: Frame) -> bool:
    """Whether a key names structure, labels or their units, which are ours in this file."""
    name, quantity = key.lower(), unit_key(key)
    is_of_units = name in ("unit", "units") and any(char.isalpha() for char in text)
    is_of_unit = quantity is not None and quantity in _quantities(frame)
    return name in STRUCTURE_KEYS or name in _LABEL_KEYS or is_of_unit or is_of_units


def _quantities(frame: Frame) -> set[str]:
    """The quantities of a frame that are written in our units."""
    labels = ("energy", "forces", "virial", "stress", "atomic_energy")
    has = {label: getattr(frame, label.replace("stress", "virial")) for label in labels}
    found = {quantity_of(label) for label, value in has.items() if value is not None}
    return found | {"length", "lattice", "position"}


def _further(frame: Frame, losses: Losses) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, values in frame.columns.items():
        if name.lower() in STRUCTURE_COLUMNS or name.lower() in _LABEL_COLUMNS:
            losses.add(frame.source, f"column {name}")
        else:
            yield name, values


def _property(name: str, values: NDArray[Any], frame: Frame) -> str:
    """ "name:type:columns"; rejects what the line of an atom cannot hold."""
    kind = _KINDS.get(values.dtype.kind)
    texts = values.ravel().tolist() if kind == "S" else []
    if kind is None or ":" in name or not name or any(len(text.split()) != 1 for text in texts):
        raise DataError(
            f"{frame.source}: column {name} cannot be written as extended XYZ: names must not "
            "contain colons, nor text blanks"
        )
    return f"{name}:{kind}:{values[0].size}"


def _words(values: NDArray[Any]) -> Iterator[str]:
    """The words of each atom."""
    rows = values.reshape(len(values), -1).tolist()
    word = {"b": lambda flag: "T" if flag else "F", "f": repr}.get(values.dtype.kind, str)
    return (" ".join(map(word, row)) for row in rows)


def _numbers(values: Iterable[float]) -> str:
    return " ".join(map(repr, values))
