"""How far the models of a committee disagree on structures; `nepforge deviation`.

The numbers are those that `pair_style nepforge` writes for several models.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import frozen

from nepforge.data.frame import Frame
from nepforge.errors import UsageError
from nepforge.evaluate.inference import infer

FEWEST_MODELS = 2


@frozen
class Deviation:
    """Spread of the models about their mean on one structure."""

    structure: str  # where it was read from
    max_force: float  # over the atoms, of sqrt(mean over the models of |F - <F>|^2), eV/Å
    min_force: float  # eV/Å
    mean_force: float  # eV/Å
    energy: float  # standard deviation over the models, eV/atom


def deviations(
    models: Sequence[Path], frames: Sequence[Frame], *, threads: int = 1
) -> list[Deviation]:
    """The deviation of every frame, in order. Labels are neither needed nor used.

    Args:
        models: At least two files, as `nepforge.evaluate.inference.infer` takes them.
        frames: Structures, as `nepforge.data.datasets.load` reads them.
        threads: OpenMP threads; 0 uses OMP_NUM_THREADS.

    Raises:
        UsageError: Fewer than two models.
        ModelFileError: A model is missing, damaged, or of a kind that is not evaluated.
        DataError: A frame has an element that a model does not know, or two atoms share a position.
    """
    if len(models) < FEWEST_MODELS:
        raise UsageError(
            f"found {len(models)} model, a deviation needs two or more",
            hint="nepforge deviation MODEL MODEL... STRUCTURE",
        )
    predicted = [infer(model, frames, threads=threads) for model in models]
    found = []
    for idx, frame in enumerate(frames):
        forces = np.array([of_model[idx].forces for of_model in predicted])  # [model, atom, 3]
        energies = [of_model[idx].energy / frame.n_atoms for of_model in predicted]
        squares = ((forces - forces.mean(axis=0)) ** 2).sum(axis=2)  # [model, atom]
        spread = np.sqrt(squares.mean(axis=0))
        found.append(
            Deviation(
                frame.source,
                float(spread.max()),
                float(spread.min()),
                float(spread.mean()),
                float(np.std(energies)),
            )
        )
    return found
