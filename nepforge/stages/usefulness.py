"""Whether a model is better than none: its validation errors beside those of a trivial guess.

The guess is 0 for forces and virials, one energy per species for energies, and the mean of the
species for atomic energies. A training that diverged ends there or beyond, and its files would pass
every other check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from attrs import frozen

from nepforge.data.frame import FloatArray, Frame
from nepforge.data.neighbors import type_indices
from nepforge.data.prepare import composition, energy_baseline, mean_atomic_energies
from nepforge.stages.outputs import write_json

FILE = "usefulness.json"
NOT_BELOW = 0.99  # of the error of the guess: nearer than this is no better
# Below these the labels say nothing: forces of relaxed or symmetric structures are numerical noise.
LEAST_FORCE = 0.01  # eV/Å
LEAST_ENERGY = 1.0e-5  # eV/atom, and eV for atomic energies
GUESSES = {
    "force": "the rms of the labels",
    "energy": "what one energy per species leaves",
    "virial": "the rms of the labels",
    "atomic_energy": "what the mean of each species leaves",
}
UNITS = {"force": "eV/Å", "energy": "eV/atom", "virial": "eV/atom", "atomic_energy": "eV"}


@frozen
class Comparison:
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
        return (
            f"validation {name} RMSE {self.rmse:.4g} {self.unit} is not clearly below "
            f"{self.guess:.4g} {self.unit}, {GUESSES[self.label]}"
        )


@frozen
class Usefulness:
    """What `judge` found; `is_useless` is the verdict on the model as a whole."""

    compared: tuple[Comparison, ...]
    is_useless: bool

    @property
    def warnings(self) -> list[str]:
        """One text for each kind of label that the model does not predict."""
        return [one.text for one in self.compared if one.is_useless]

    def write(self, folder: Path) -> None:
        """Leave it for the stages after."""
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
    guesses = {
        "force": _rms([frame.forces for frame in valid], LEAST_FORCE),
        "energy": _energy_guess(train, valid, species),
        "virial": _rms(
            [None if f.virial is None else f.virial / f.n_atoms for f in valid], LEAST_ENERGY
        ),
        "atomic_energy": _atomic_guess(train, valid, species),
    }
    compared = tuple(
        Comparison(label, metrics[name], guess, UNITS[label])
        for label, guess in guesses.items()
        if guess is not None and (name := f"valid_{label}_rmse") in metrics
    )
    deciding = [one for one in compared if one.label == "force"] or compared
    return Usefulness(compared, bool(deciding) and all(one.is_useless for one in deciding))


def _rms(values: Sequence[FloatArray | None], least: float) -> float | None:
    """Root mean square of what is known; None for labels that say nothing."""
    known = [value.ravel() for value in values if value is not None]
    if not known:
        return None
    rms = float(np.sqrt(np.mean(np.concatenate(known) ** 2)))
    return rms if rms >= least else None


def _energy_guess(
    train: Sequence[Frame], valid: Sequence[Frame], species: Sequence[str]
) -> float | None:
    labelled = [frame for frame in valid if frame.energy is not None]
    if not labelled:
        return None
    guess = composition(labelled, species) @ energy_baseline(train, species)
    missed = [
        np.array([(frame.energy - energy) / frame.n_atoms])
        for frame, energy in zip(labelled, guess, strict=True)
        if frame.energy is not None
    ]
    return _rms(missed, LEAST_ENERGY)


def _atomic_guess(
    train: Sequence[Frame], valid: Sequence[Frame], species: Sequence[str]
) -> float | None:
    means = mean_atomic_energies(train, species)
    missed = [
        None if f.atomic_energy is None else f.atomic_energy - means[type_indices(f, species)]
        for f in valid
    ]
    return _rms(missed, LEAST_ENERGY)


def refusal(content: Mapping[str, Any]) -> str:
    """Why nothing should be computed with a model, from what `write` wrote; "" for a useful one."""
    return "; ".join(content["warnings"]) if content["useless"] else ""
