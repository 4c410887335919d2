"""Frames that occur twice: copies, leaks into validation, both halves of one folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nepforge.data.copies import group_copies
from nepforge.data.doctor.finding import DataSet, Finding, file_of, finding
from nepforge.data.frame import Frame

SAME_ENERGY = 5.0e-3  # eV/atom; copies of a structure agree better than this
PARTS = ("train", "valid")


def find_copies(data: DataSet) -> Iterator[Finding]:
    """Duplicates within a set, leaks between the sets, copies whose labels differ."""
    n_train = len(data.train)
    groups = [group for group in group_copies(data.frames) if len(group) > 1]
    for name, part in (
        ("training", range(n_train)),
        ("validation", range(n_train, len(data.frames))),
    ):
        inside = [[idx for idx in group if idx in part] for group in groups]
        copies = [data.frames[idx] for idx in sorted(i for group in inside for i in group[1:])]
        if copies:
            text = f"{len(copies)} of the {name} frames are copies of others in the set"
            yield finding("warning", "duplicates", text, copies)
    leaks = [idx for group in groups if group[0] < n_train for idx in group if idx >= n_train]
    leaked = [data.frames[idx] for idx in sorted(leaks)]
    if leaked:
        text = f"{len(leaked)} of {len(data.valid)} validation frames are copies of training frames"
        yield finding("warning", "leak", text, leaked)
    together = [[data.frames[idx] for idx in group] for group in groups]
    differing = [frame for group in together if _differ(group) for frame in group]
    if differing:
        text = f"copies of one structure whose energies differ by more than {SAME_ENERGY} eV/atom"
        yield finding("warning", "contradiction", text, differing)


def find_both_halves(data: DataSet) -> Iterator[Finding]:
    """Sibling folders called train and valid, read into one set."""
    for frames in (data.train, data.valid):
        files = {file_of(frame) for frame in frames}
        parents = {name.rpartition("/")[0] for name in files if name.endswith(f"/{PARTS[0]}")}
        mixed = sorted(parent for parent in parents if f"{parent}/{PARTS[1]}" in files)
        if mixed:
            inside = {f"{parent}/{part}" for parent in mixed for part in PARTS}
            text = f"train/ and valid/ of {len(mixed)} folders ({mixed[0]}, ...) are in one set"
            yield finding(
                "warning", "both-halves", text, [f for f in frames if file_of(f) in inside]
            )


def _differ(group: Sequence[Frame]) -> bool:
    energies = [frame.energy for frame in group if frame.energy is not None]
    return len(energies) > 1 and max(energies) - min(energies) > SAME_ENERGY * group[0].n_atoms
