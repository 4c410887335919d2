"""A set of frames with their neighbours, ready to be batched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch, make_batch
from nepforge.data.frame import Frame
from nepforge.data.neighbors import FrameNeighbors, find_neighbors
from nepforge.models.potential import Potential
from nepforge.train.metrics import ErrorSums

EVALUATION_ATOMS = 2048  # atoms per batch when only evaluating


@frozen(eq=False)
class FrameSet:
    """Frames and their neighbours, in the same order."""

    frames: tuple[Frame, ...]
    neighbors: tuple[FrameNeighbors, ...]

    @classmethod
    def build(cls, frames: Sequence[Frame], model: Potential) -> FrameSet:
        """Find the neighbours of every frame.

        Raises:
            DataError: A frame cannot be evaluated with this model.
        """
        found = [find_neighbors(frame, model.species, model.neighbor_cutoff) for frame in frames]
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


def find_scaler(model: Potential, frames: FrameSet) -> Tensor:
    """The scaler of the model, determined on these frames."""
    return model.find_scaler(batch for _, batch in frames.batches())


def errors_of(model: Potential, parameters: Tensor, scaler: Tensor, frames: FrameSet) -> ErrorSums:
    """Errors of a model on a set."""
    sums = ErrorSums()
    for _, batch in frames.batches():
        sums.add(batch, model.predict(parameters, scaler, batch))
    return sums
