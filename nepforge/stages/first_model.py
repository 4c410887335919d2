"""What training starts from: the model of the recipe, with random numbers or those of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch

from nepforge.data.frame import Frame
from nepforge.data.prepare import energy_baseline, mean_atomic_energies
from nepforge.errors import ModelFileError
from nepforge.formats.fine_tune import start_from
from nepforge.formats.open_model import open_nep
from nepforge.formats.potential_file import Trained, with_numbers
from nepforge.models.dp.network import DP
from nepforge.models.nep.network import NEP
from nepforge.models.nep.zbl import ZBL
from nepforge.plan.tables import TrainTable
from nepforge.quantities import ATOMIC_ENERGY
from nepforge.recipe.tables import (
    AdamOptimizer,
    DPModelTable,
    Model,
    NEPModelTable,
    Zbl,
    ZblRange,
)
from nepforge.train.training_set import FrameSet, find_scaler


def model_from_table(species: Sequence[str], table: Model) -> NEP | DP:
    """The model that a recipe's [model] table describes.

    Raises:
        ModelFileError: No formula has these sizes.
    """
    return MODELS[type(table)](species, table)


def nep_from_table(species: Sequence[str], table: NEPModelTable) -> NEP:
    """The model of a table of the kind "nep".

    Raises:
        ModelFileError: No formula has these sizes.
    """
    try:
        return NEP(
            species=tuple(species),
            cutoff=table.cutoff,
            n_max=table.n_max,
            basis_size=table.basis_size,
            l_max=table.l_max,
            invariants=table.invariants,
            neurons=table.neurons,
            zbl=_zbl(table.zbl),
        )
    except ValueError as error:
        raise ModelFileError(f"[model] of the recipe: found {error}") from error


def dp_from_table(species: Sequence[str], table: DPModelTable) -> DP:
    """The model of a table of the kind "dp".

    Raises:
        ModelFileError: No formula has these sizes.
    """
    try:
        return DP(
            species=tuple(species),
            cutoff=table.cutoff,
            smooth_cutoff=table.smooth_cutoff,
            embedding=table.embedding,
            axis=table.axis,
            fitting=table.fitting,
            type_embedding=table.type_embedding,
        )
    except ValueError as error:
        raise ModelFileError(f"[model] of the recipe: found {error}") from error


# class of the [model] table -> model(species, table)
MODELS: Mapping[type, Callable[[Sequence[str], Any], NEP | DP]] = {
    NEPModelTable: nep_from_table,
    DPModelTable: dp_from_table,
}


def _zbl(zbl: Zbl | None) -> ZBL | None:
    match zbl:
        case None:
            return None
        case ZblRange():
            inner = zbl.outer / 2 if zbl.inner is None else zbl.inner
            return ZBL(inner, zbl.outer, zbl.factor)
        case tuple():
            return ZBL(rows=zbl)
        case _:
            return ZBL(zbl / 2, zbl)


def first_baseline(table: TrainTable, frames: Sequence[Frame]) -> list[float]:
    """Energy of one atom of each species in eV that the output biases begin with.

    That of the recipe; else, when atomic energies are trained on, their means; else least squares.

    Args:
        table: Of the train stage.
        frames: For training.
    """
    if table.data.energy_baseline is not None:
        return list(table.data.energy_baseline)
    optimizer = table.optimizer
    wanted = [getattr(optimizer.weights, ATOMIC_ENERGY.name)]
    if isinstance(optimizer, AdamOptimizer):
        wanted += getattr(optimizer.prefactors, ATOMIC_ENERGY.name) or ()
    fit = mean_atomic_energies if any(wanted) else energy_baseline
    baseline: list[float] = fit(frames, table.data.species).tolist()
    return baseline


def first_model(
    model: NEP | DP,
    start: Path | None,
    frames: FrameSet,
    rng: torch.Generator,
    baseline: Sequence[float],
) -> Trained:
    """Parameters and scaler to begin with.

    Without a file: random ones, with `baseline` (eV) in the output biases, and the scaler of the
    training frames. With one: its own, cut down to the species of `model`, the output biases
    moved by least squares to the energies of the training frames, which may have another zero.

    Raises:
        ModelFileError: The file is damaged or does not fit the model.
    """
    if start is None:
        parameters = model.initial_parameters(baseline, rng)
        return with_numbers(model, parameters, find_scaler(model, frames))
    if not isinstance(model, NEP):
        raise ModelFileError(f"{start.name}: only a NEP model is trained further")
    first = start_from(open_nep(start).trained, model, start.name)
    missed = _energies_missed(model, first.parameters, first.q_scaler, frames)
    shift = torch.from_numpy(energy_baseline(missed, model.species))
    model.views(first.parameters).bias.sub_(shift)
    return first


def _energies_missed(
    model: NEP, parameters: torch.Tensor, q_scaler: torch.Tensor, frames: FrameSet
) -> list[Frame]:
    """The frames with label minus prediction as their energy."""
    missed: list[Frame] = []
    for indices, batch in frames.batches():
        errors = (batch.energy - model.predict(parameters, q_scaler, batch).energy).tolist()
        for idx, error in zip(indices, errors, strict=True):
            energy = None if np.isnan(error) else error
            missed.append(attrs.evolve(frames.frames[idx], energy=energy))
    return missed
