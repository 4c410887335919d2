"""Frames that are there twice: copies, leaks into validation, both halves of one folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nepforge.data.doctor.finding import DataSet, Finding, file_of, finding
from nepforge.data.frame import Frame, frame_digest

SAME_ENERGY = 5.0e-3  # eV/atom; copies of a structure agree better than this
PARTS = ("train", "valid")


def find_copies(data: DataSet) -> Iterator[Finding]:
    """Duplicates within a set, leaks between the sets, copies whose labels differ."""
    train, valid = _by_structure(data.train), _by_structure(data.valid)
    for name, groups in (("training", train), ("validation", valid)):
        copies = [frame for group in groups.values() for frame in group[1:]]
        if copies:
            text = f"{len(copies)} of the {name} frames are copies of others in the set"
            yield finding("warning", "duplicates", text, copies)
    leaked = [frame for digest, group in valid.items() if digest in train for frame in group]
    if leaked:
        text = f"{len(leaked)} of {len(data.valid)} validation frames are copies of training frames"
        yield finding("warning", "leak", text, leaked)
    together = {
        digest: [*train.get(digest, ()), *valid.get(digest, ())] for digest in train | valid
    }
    differing = [frame for group in together.values() if _differ(group) for frame in group]
    if differing:
        text = f"copies of one structure whose energies differ by more than {SAME_ENERGY} eV/atom"
        yield finding("warning", "contradiction", text, differing)


def find_both_halves(data: DataSet) -> Iterator[Finding]:
    """Folders called train and valid beside each other, read into one set."""
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


def _by_structure(frames: Sequence[Frame]) -> dict[str, list[Frame]]:
    groups: dict[str, list[Frame]] = {}
    for frame in frames:
        groups.setdefault(frame_digest(frame), []).append(frame)
    return groups


def _differ(group: Sequence[Frame]) -> bool:
    energies = [frame.energy for frame in group if frame.energy is not None]
    return len(energies) > 1 and max(energies) - min(energies) > SAME_ENERGY * group[0].n_atoms
