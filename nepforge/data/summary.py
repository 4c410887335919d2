"""Facts about the frames of each file: `nepforge data show`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from attrs import frozen

from nepforge.data.doctor.finding import by_file
from nepforge.data.doctor.structure import composition_of
from nepforge.data.frame import Frame
from nepforge.data.frame_labels import has_label
from nepforge.quantities import QUANTITIES
from nepforge.units import EV_PER_A3_IN_GPA


@frozen
class Summary:
    """Facts about the frames of one file. A range is (smallest, largest), None without values."""

    name: str
    n_frames: int
    n_atoms: tuple[int, int]
    compositions: dict[str, int]  # formula -> frames
    volume: tuple[float, float] | None  # Å³/atom, of cells with a volume
    energy: tuple[float, float] | None  # eV/atom
    force_rms: float | None  # eV/Å
    force_max: float | None  # eV/Å, magnitude of a force
    pressure_gpa: tuple[float, float] | None  # tr W / (3V), without the kinetic part
    n_without: dict[str, int]  # energy, forces, virial -> frames that lack it
    n_unconverged: int  # frames whose electronic steps did not converge


def summarize(frames: Sequence[Frame]) -> list[Summary]:
    """One summary per file, in order."""
    return [_summary(name, of_file) for name, of_file in by_file(frames).items()]


def _summary(name: str, frames: Sequence[Frame]) -> Summary:
    forces = [frame.forces for frame in frames if frame.forces is not None]
    lengths = np.linalg.norm(np.concatenate(forces), axis=1) if forces else None
    return Summary(
        name=name,
        n_frames=len(frames),
        n_atoms=(min(f.n_atoms for f in frames), max(f.n_atoms for f in frames)),
        compositions=dict(Counter(composition_of(frame) for frame in frames)),
        volume=_range([f.volume / f.n_atoms for f in frames if f.volume > 0.0]),
        energy=_range([f.energy / f.n_atoms for f in frames if f.energy is not None]),
        force_rms=None if lengths is None else float(np.sqrt(np.mean(lengths**2) / 3.0)),
        force_max=None if lengths is None else float(lengths.max()),
        pressure_gpa=_range([p for f in frames if (p := _pressure_gpa(f)) is not None]),
        n_without={
            one.field: sum(not has_label(frame, one) for frame in frames)
            for one in QUANTITIES
            if not one.is_optional
        },
        n_unconverged=sum(not frame.converged for frame in frames),
    )


def _range(values: Sequence[float]) -> tuple[float, float] | None:
    return (float(min(values)), float(max(values))) if values else None


def _pressure_gpa(frame: Frame) -> float | None:
    if frame.virial is None or frame.volume == 0.0:
        return None
    return EV_PER_A3_IN_GPA * float(np.trace(frame.virial)) / (3.0 * frame.volume)
