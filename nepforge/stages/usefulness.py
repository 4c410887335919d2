"""Whether a model is better than none: its validation errors beside those of a trivial guess.

The guess is 0 for forces and virials, one energy per species for energies, and the mean of the
species for atomic energies. A training that diverged ends there or beyond, and its files would pass
every other check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from attrs import frozen

from nepforge.data.frame import FloatArray, Frame
from nepforge.data.frame_labels import has_label, label_of
from nepforge.data.neighbors import type_indices
from nepforge.data.prepare import composition, energy_baseline, mean_atomic_energies
from nepforge.quantities import ATOMIC_ENERGY, ENERGY, FORCE, QUANTITIES, Quantity
from nepforge.stages.outputs import write_json

FILE = "usefulness.json"
NOT_BELOW = 0.99  # of the error of the guess: nearer than this is no better
# Below these the labels say nothing: forces of relaxed or symmetric structures are numerical noise.
LEAST_FORCE = 0.01  # eV/Å
LEAST_ENERGY = 1.0e-5  # eV/atom, eV for atomic energies; of every other quantity in its unit


@frozen
class BesideGuess:
    """One kind of label: the validation RMSE and that of the trivial guess, in `unit`."""

    label: str
    rmse: float
    guess: float
    unit: str

    @property
    def is_useless(self) -> bool:
        return self.rmse >= NOT_BELOW * self.guess

    @property
    def text(self) -> str:
        name = self.label.replace("_", " ")
        words = GUESSES[self.label].words if self.label in GUESSES else "the rms of the labels"
        return (
            f"validation {name} RMSE {self.rmse:.4g} {self.unit} is not clearly below "
            f"{self.guess:.4g} {self.unit}, {words}"
        )


@frozen
class Usefulness:
    """What `judge` found; `is_useless` is the verdict on the model as a whole."""

    compared: tuple[BesideGuess, ...]
    is_useless: bool

    @property
    def warnings(self) -> list[str]:
        """One text for each kind of label that the model does not predict."""
        return [one.text for one in self.compared if one.is_useless]

    def write(self, folder: Path) -> None:
        """Write it for the later stages."""
        rows = [attrs.asdict(one) for one in self.compared]
        content = {"useless": self.is_useless, "warnings": self.warnings, "compared": rows}
        write_json(folder / FILE, content)


def judge(
    metrics: Mapping[str, float],
    train: Sequence[Frame],
    valid: Sequence[Frame],
    species: Sequence[str],
) -> Usefulness:
    """Compare the validation errors with those of the guess.

    Forces decide where there are any that say something; else the model is useless when it predicts
    no kind of label.

    Args:
        metrics: valid_force_rmse (eV/Å), valid_energy_rmse (eV/atom), ...
        train: What the guess is fitted to.
        valid: What it is compared on.
        species: Symbols in model order.
    """
    compared = []
    for quantity in sorted(
        QUANTITIES, key=lambda one: one is not FORCE
    ):  # what decides comes first
        guess = _guess(quantity, train, valid, species)
        rmse = metrics.get(f"valid_{quantity.metric}")
        if guess is not None and rmse is not None:
            compared.append(BesideGuess(quantity.name, rmse, guess, quantity.unit))
    deciding = [one for one in compared if one.label == FORCE.name] or compared
    return Usefulness(tuple(compared), bool(deciding) and all(one.is_useless for one in deciding))


def _guess(
    quantity: Quantity, train: Sequence[Frame], valid: Sequence[Frame], species: Sequence[str]
) -> float | None:
    """RMSE of the guess; None for labels without information."""
    labelled = [frame for frame in valid if has_label(frame, quantity)]
    if not labelled:
        return None
    if quantity.name in GUESSES:
        missed = GUESSES[quantity.name].missed(train, labelled, species)
    else:
        missed = [label_of(frame, quantity) for frame in labelled]
    rms = float(np.sqrt(np.mean(np.concatenate([part.ravel() for part in missed]) ** 2)))
    return rms if rms >= (LEAST_FORCE if quantity is FORCE else LEAST_ENERGY) else None


def _missed_energies(
    train: Sequence[Frame], valid: Sequence[Frame], species: Sequence[str]
) -> list[FloatArray]:
    guess = composition(valid, species) @ energy_baseline(train, species)
    return [
        np.array([(frame.energy - energy) / frame.n_atoms])
        for frame, energy in zip(valid, guess, strict=True)
        if frame.energy is not None
    ]


def _missed_atomic_energies(
    train: Sequence[Frame], valid: Sequence[Frame], species: Sequence[str]
) -> list[FloatArray]:
    means = mean_atomic_energies(train, species)
    return [
        frame.atomic_energy - means[type_indices(frame, species)]
        for frame in valid
        if frame.atomic_energy is not None
    ]


@frozen
class _Guess:
    """A guess that is fitted to the training frames."""

    words: str
    missed: Callable[[Sequence[Frame], Sequence[Frame], Sequence[str]], list[FloatArray]]


# by name of the quantity; for all others the guess is 0
GUESSES: Mapping[str, _Guess] = {
    ENERGY.name: _Guess("what one energy per species leaves", _missed_energies),
    ATOMIC_ENERGY.name: _Guess("what the mean of each species leaves", _missed_atomic_energies),
}


def refusal(content: Mapping[str, Any]) -> str:
    """Why nothing should be computed with a model, from what `write` wrote; "" for a useful one."""
    return "; ".join(content["warnings"]) if content["useless"] else ""
