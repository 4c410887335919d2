"""Several frames as flat tensors. Every shape that the models see is documented here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from attrs import frozen
from torch import Tensor

from nepforge.data.frame import Frame, rows_of
from nepforge.data.neighbors import FrameNeighbors
from nepforge.quantities import QUANTITIES

PADDING_DISTANCE = 1.0e3  # Å, beyond every cutoff


@frozen(eq=False)
class Batch:
    """Atoms of several frames, sorted by type, within a type by frame.

    N atoms, F frames, T types, K padded neighbours. Neighbour columns are grouped by type; padded
    entries point to the atom itself with a vector longer than the cutoff.
    """

    type_offsets: tuple[int, ...]  # T + 1: atoms of type t are type_offsets[t]:type_offsets[t + 1]
    segment_offsets: tuple[tuple[int, ...], ...]  # T x (F + 1): atoms of one type by frame
    column_offsets: tuple[int, ...]  # T + 1: columns of neighbour type t
    frame_idx: Tensor  # [N] frame of each atom
    source_idx: Tensor  # [N] place of each atom in the frames' own order, frames one after another
    neighbor_idx: Tensor  # [N, K]
    neighbor_vector: Tensor  # [N, K, 3] r_j - r_i in Å
    n_atoms: Tensor  # [F]
    energy: Tensor  # [F] eV, nan when unknown
    forces: Tensor  # [N, 3] eV/Å, nan when unknown
    virial: Tensor  # [F, 3, 3] eV, nan when unknown
    weight: Tensor  # [F]
    atomic_energy: Tensor  # [N] eV, nan when unknown

    @property
    def n_frames(self) -> int:
        return len(self.n_atoms)

    @property
    def n_types(self) -> int:
        return len(self.segment_offsets)

    @property
    def type_idx(self) -> Tensor:
        """Type of each atom, [N]."""
        return _run_numbers(self.type_offsets, self.neighbor_idx)

    @property
    def column_type(self) -> Tensor:
        """Type of the neighbours in each column, [K]."""
        return _run_numbers(self.column_offsets, self.neighbor_idx)

    def type_slice(self, type_idx: int) -> slice:
        return slice(self.type_offsets[type_idx], self.type_offsets[type_idx + 1])

    def column_slice(self, type_idx: int) -> slice:
        return slice(self.column_offsets[type_idx], self.column_offsets[type_idx + 1])

    def sum_by_frame(self, per_atom: Tensor) -> Tensor:
        """Sums of [N, ...] over the atoms of each frame, [F, ...]."""
        total = per_atom.new_zeros(self.n_frames, *per_atom.shape[1:])
        return total.index_add_(0, self.frame_idx, per_atom)

    def to_source_order(self, per_atom: Tensor) -> Tensor:
        """[N, ...] in the order of the frames' own atoms."""
        ordered = torch.empty_like(per_atom)
        ordered[self.source_idx] = per_atom
        return ordered


def _run_numbers(offsets: Sequence[int], like: Tensor) -> Tensor:
    """0 for the places before offsets[1], 1 for those before offsets[2], ..."""
    lengths = torch.tensor(offsets, device=like.device).diff()
    return torch.repeat_interleave(lengths)


def make_batch(
    frames: Sequence[Frame],
    neighbors: Sequence[FrameNeighbors],
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Batch:
    """Lay out frames and their neighbours (same order) as one batch."""
    counts = np.stack([neighbor.type_counts for neighbor in neighbors])  # [F, T]
    n_types = counts.shape[1]
    type_offsets = np.concatenate([[0], np.cumsum(counts.sum(axis=0))])
    segments = np.vstack([np.zeros(n_types, dtype=np.int64), np.cumsum(counts, axis=0)])
    first = type_offsets[:-1] + segments[:-1]  # [F, T] first atom of (frame, type)
    frame_starts = np.cumsum(counts.sum(axis=1)) - counts.sum(axis=1)
    places = [
        np.concatenate([np.arange(n) + start for start, n in zip(first[f], counts[f], strict=True)])
        for f in range(len(frames))
    ]
    widths = [max(nb.indices[t].shape[1] for nb in neighbors) for t in range(n_types)]
    columns = np.concatenate([[0], np.cumsum(widths)])
    n_total = int(type_offsets[-1])
    neighbor_idx = np.repeat(np.arange(n_total)[:, None], columns[-1], axis=1)
    neighbor_vector = np.zeros((n_total, int(columns[-1]), 3))
    neighbor_vector[:, :, 0] = PADDING_DISTANCE
    frame_idx = np.empty(n_total, dtype=np.int64)
    source_idx = np.empty(n_total, dtype=np.int64)
    of_atoms = {
        one.field: np.empty((n_total, *one.shape)) for one in QUANTITIES if one.belongs_to == "atom"
    }
    for f, (frame, neighbor, place) in enumerate(zip(frames, neighbors, places, strict=True)):
        frame_idx[place] = f
        source_idx[place] = frame_starts[f] + neighbor.order
        for quantity in QUANTITIES:
            if quantity.belongs_to == "atom":
                of_atoms[quantity.field][place] = rows_of(frame, quantity)[neighbor.order]
        for t in range(n_types):
            stop = columns[t] + neighbor.indices[t].shape[1]
            neighbor_idx[place, columns[t] : stop] = place[neighbor.indices[t]]
            neighbor_vector[place, columns[t] : stop] = neighbor.vectors[t]

    def real(values: Any) -> Tensor:
        return torch.as_tensor(np.asarray(values), dtype=dtype, device=device)

    def index(values: Any) -> Tensor:
        return torch.as_tensor(np.asarray(values), device=device)

    return Batch(
        type_offsets=tuple(type_offsets.tolist()),
        segment_offsets=tuple(tuple(column) for column in segments.T.tolist()),
        column_offsets=tuple(columns.tolist()),
        frame_idx=index(frame_idx),
        source_idx=index(source_idx),
        neighbor_idx=index(neighbor_idx),
        neighbor_vector=real(neighbor_vector),
        n_atoms=index(counts.sum(axis=1)),
        weight=real([frame.weight for frame in frames]),
        **{name: real(values) for name, values in of_atoms.items()},
        **{
            one.field: real(np.concatenate([rows_of(frame, one) for frame in frames]))
            for one in QUANTITIES
            if one.belongs_to == "frame"
        },
    )
