"""A set of frames ready for batches: neighbours found once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch, make_batch
from nepforge.data.frame import Frame
from nepforge.data.neighbors import FrameNeighbors, find_neighbors
from nepforge.models.nep import NEP, descriptor_range, predict
from nepforge.train.metrics import ErrorSums

EVALUATION_ATOMS = 2048  # atoms of one batch when nothing is learned


@frozen(eq=False)
class FrameSet:
    """Frames and their neighbours, in the same order."""

    frames: tuple[Frame, ...]
    neighbors: tuple[FrameNeighbors, ...]

    @classmethod
    def build(cls, frames: Sequence[Frame], model: NEP) -> FrameSet:
        """Find the neighbours of every frame.

        Raises:
            DataError: A frame cannot be evaluated with this model.
        """
        found = [find_neighbors(frame, model.species, model.max_cutoff[0]) for frame in frames]
        return cls(tuple(frames), tuple(found))

    def __len__(self) -> int:
        return len(self.frames)

    def batch(self, indices: Sequence[int]) -> Batch:
        return make_batch(
            [self.frames[idx] for idx in indices], [self.neighbors[idx] for idx in indices]
        )

    def batches(self) -> Iterator[tuple[list[int], Batch]]:
        """All frames in order, in batches of about EVALUATION_ATOMS atoms, with their indices."""
        indices: list[int] = []
        n_atoms = 0
        for idx, frame in enumerate(self.frames):
            if indices and n_atoms + frame.n_atoms > EVALUATION_ATOMS:
                yield indices, self.batch(indices)
                indices, n_atoms = [], 0
            indices.append(idx)
            n_atoms += frame.n_atoms
        if indices:
            yield indices, self.batch(indices)


def find_q_scaler(model: NEP, frames: FrameSet) -> Tensor:
    """1/(max - min) of every descriptor component over the set with all c = 1, [n_descriptor].

    A component that never varies gets the scaler 1.
    """
    ranges = [
        descriptor_range(model, batch, model.pair_kernels(batch).moments())
        for _, batch in frames.batches()
    ]
    smallest = torch.stack([low for low, _ in ranges]).amin(dim=0)
    largest = torch.stack([high for _, high in ranges]).amax(dim=0)
    width = largest - smallest
    return torch.where(width > 0, 1.0 / width.clamp_min(torch.finfo(width.dtype).tiny), 1.0)


def errors_of(model: NEP, parameters: Tensor, q_scaler: Tensor, frames: FrameSet) -> ErrorSums:
    """Errors of a model on a set."""
    sums = ErrorSums()
    for _, batch in frames.batches():
        sums.add(batch, predict(model, parameters, q_scaler, batch))
    return sums
