"""The state of an interrupted training: everything that the next step depends on.

Kept in the stage's state folder; written to a temporary file and renamed, so that a kill leaves the
previous one. A resumed training gives the same bits as one that was never interrupted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch
from attrs import define, field, frozen
from torch import Tensor

FILE = "training.npz"


@define(eq=False)
class Progress:
    """How far a training has come. `history` holds one row of numbers per finished epoch."""

    epoch: int = 1  # the one being trained, 1-based
    order: list[int] = field(factory=list)  # frames of this epoch, in the order of their use
    done: int = 0  # how many of them are used
    seconds: float = 0.0  # of training, evaluation excluded
    validation_seconds: float = 0.0
    errors: list[float] = field(factory=list)  # ErrorSums.state() of this epoch so far
    averaged: int = 0  # steps in the mean of the parameters of this epoch
    history: list[dict[str, float]] = field(factory=list)
    best_epoch: int = 0
    best_loss: float = float("inf")


@frozen(eq=False)
class Checkpoint:
    """Progress, state of the random generator, and named tensors."""

    progress: Progress
    rng_state: Tensor
    tensors: Mapping[str, Tensor]


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, replacing the previous one."""
    header = json.dumps(attrs.asdict(checkpoint.progress)).encode()
    arrays: dict[str, Any] = {name: t.numpy() for name, t in checkpoint.tensors.items()}
    arrays["header"] = np.frombuffer(header, dtype=np.uint8)
    arrays["rng"] = checkpoint.rng_state.numpy()
    temporary = folder / f"{FILE}.tmp"  # the lock of the stage keeps others out
    with temporary.open("wb") as stream:
        np.savez(stream, **arrays)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(folder / FILE)


def load(folder: Path) -> Checkpoint | None:
    """The checkpoint that `save` wrote; None if there is none."""
    path = folder / FILE
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    progress = Progress(**json.loads(arrays.pop("header").tobytes().decode()))
    rng_state = torch.from_numpy(arrays.pop("rng"))
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return Checkpoint(progress, rng_state, tensors)
