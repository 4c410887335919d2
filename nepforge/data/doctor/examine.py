"""The table of the doctor's checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nepforge.data.doctor.consistency import find_wrong_forces, find_wrong_virials
from nepforge.data.doctor.copies import find_both_halves, find_copies
from nepforge.data.doctor.energies import find_energies_per_atom, find_wrong_energies
from nepforge.data.doctor.finding import DataSet, Finding, finding
from nepforge.data.doctor.labels import (
    find_atomic_energies,
    find_energy_zeros,
    find_missing,
    find_net_forces,
    find_outliers,
    find_sentinels,
)
from nepforge.data.doctor.lengths import find_wrong_lengths
from nepforge.data.doctor.structure import (
    find_cells,
    find_compositions,
    find_elements,
    find_short_distances,
)

LEVELS = ("error", "warning", "info")


def find_notices(data: DataSet) -> Iterator[Finding]:
    """What the readers left out or read otherwise than its name says."""
    for text in dict.fromkeys(data.notices):
        yield finding("warning", "reading", text)


def find_unconverged(data: DataSet) -> Iterator[Finding]:
    """Frames whose electronic steps did not converge, left out or kept."""
    kept = [frame for frame in data.frames if not frame.converged]
    for frames, fate in ((data.left_out, "are left out"), (kept, "are kept")):
        if frames:
            text = f"{len(frames)} frames {fate} whose electronic steps did not converge"
            yield finding("warning", "unconverged", text, frames)


CHECKS: tuple[Callable[[DataSet], Iterator[Finding]], ...] = (
    find_notices,
    find_unconverged,
    find_elements,
    find_missing,
    find_sentinels,
    find_cells,
    find_wrong_lengths,
    find_short_distances,
    find_copies,
    find_both_halves,
    find_wrong_forces,
    find_energies_per_atom,
    find_wrong_energies,
    find_wrong_virials,
    find_atomic_energies,
    find_net_forces,
    find_outliers,
    find_energy_zeros,
    find_compositions,
)


def examine(data: DataSet) -> list[Finding]:
    """All findings about the data: errors first, then warnings, then facts."""
    findings = [found for check in CHECKS for found in check(data)]
    return sorted(findings, key=lambda found: LEVELS.index(found.level))
