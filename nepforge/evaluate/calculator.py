"""ASE calculator: NEP on the C++ core that also runs inside LAMMPS, Deep Potential on torch."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ase
import numpy as np
from ase.calculators import calculator as ase_calculator
from ase.stress import full_3x3_to_voigt_6_stress

from nepforge.data.frame import FloatArray, Frame
from nepforge.formats.open_model import ModelFile, open_model
from nepforge.models.arguments import checked_skin, checked_threads
from nepforge.models.nep.native import NativeModel
from nepforge.units import stress_from_virial

if TYPE_CHECKING:
    from nepforge.formats.potential_file import NEPModel
    from nepforge.models.uncertainty import Covariance

SKIN = 1.0  # Å, usual in molecular dynamics: a list lasts some tens of steps
ERROR_BARS = ("energy_std", "forces_std")


class Calculator(ase_calculator.Calculator):  # type: ignore[misc] # ase has no types
    """Energy, energies, forces, stress and stresses of a model for ASE.

    A slab or molecule gets no images along non-periodic directions. Stress needs a cell with a
    volume. One object serves one thread at a time; it can be pickled and copied.

    `stresses` [n_atoms, 6] are atomic stresses per volume of the cell, eV/Å^3, so that their sum
    is the stress (as in ASE's LennardJones). -r_ij dU_i/dr_ij, the part of neighbour j
    in the virial of atom i, is assigned to j: what GPUMD, calorine and LAMMPS's
    `compute centroid/stress/atom` do, and what the heat current of a many-body potential needs.
    The Voigt form keeps the symmetric part. They are computed on request, for NEP only.

    Args:
        model: nep_model.ckpt, GPUMD's nep.txt (nep3, nep4, nep5), the LAMMPS layout,
            dp_model.ckpt, or a frozen model of DeePMD-kit (the extra `deepmd`).
        threads: OpenMP threads; 0 uses OMP_NUM_THREADS.
        skin: Å; neighbours are searched this far beyond the cutoff, and the list is kept until an
            atom has moved by half of it or the cell has changed. 0 makes a new list each time.
            Results differ by rounding only.
        uncertainty: Whether `energy_std` (eV, of the total) and `forces_std` (eV/Å, by component)
            are properties too; needs covariance.npz beside nep_model.ckpt. They are computed on
            request, as in `calculator.get_property("energy_std", atoms)`: dynamics
            costs nothing extra. The forces of 96 atoms take a second at 3000 parameters, the energy
            some 20 ms.

    Raises:
        ModelFileError: The file is missing, damaged, or of a kind that is not evaluated, or the
            model has no covariance.
        UsageError: `threads` or `skin` is negative, far too large, or not a number.
    """

    implemented_properties: Sequence[str] = (
        "energy",
        "free_energy",
        "energies",
        "forces",
        "stress",
        "stresses",
    )

    def __init__(
        self,
        model: Path | str,
        *,
        threads: int = 1,
        skin: float = SKIN,
        uncertainty: bool = False,
    ) -> None:
        opened = open_model(model)
        self._use(opened, threads, skin, _covariance_of(opened) if uncertainty else None)

    def _use(
        self,
        opened: ModelFile,
        threads: int,
        skin: float,
        known: tuple[NEPModel, Covariance] | None,
    ) -> None:
        super().__init__()
        self._opened = opened
        self._evaluator = opened.evaluator()
        self._known = known
        self.threads = checked_threads(threads)
        self.skin = checked_skin(skin)
        if known is not None:
            self.implemented_properties = (*self.implemented_properties, *ERROR_BARS)
        if not isinstance(self._evaluator, NativeModel):
            self.implemented_properties = tuple(
                name for name in self.implemented_properties if name != "stresses"
            )
        self.results: dict[str, Any] = {}

    def __reduce__(self) -> tuple[object, ...]:
        return _reopen, (copy.copy(self._opened), self.threads, self.skin, self._known)

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols that the model knows, in its order."""
        return self._evaluator.species

    @property
    def cutoff(self) -> tuple[float, float]:
        """Largest radial and angular cutoff in Å."""
        return self._evaluator.cutoff

    def check_state(self, atoms: ase.Atoms, tol: float = 0.0) -> list[str]:
        """What has changed since the last evaluation, bit for bit, apart from charges and magnetic
        moments, which models ignore. ASE's own comparison takes longer than to evaluate 100
        atoms."""
        del tol
        if self.atoms is None:
            return list(ase_calculator.all_changes)
        pairs = {
            "positions": (self.atoms.positions, atoms.positions),
            "numbers": (self.atoms.numbers, atoms.numbers),
            "cell": (self.atoms.cell.array, atoms.cell.array),
            "pbc": (self.atoms.pbc, atoms.pbc),
        }
        return [name for name, (old, new) in pairs.items() if not np.array_equal(old, new)]

    def calculate(
        self,
        atoms: ase.Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(ase_calculator.all_changes),
    ) -> None:
        """Compute energy, forces and stress together; error bars and stresses only if `properties`
        names them.

        Raises:
            DataError: An element that the model does not know, a position that is not finite, or
                two atoms that share a position.
        """
        super().calculate(atoms, properties, system_changes)
        if system_changes or "energy" not in self.results:
            self.results = self._evaluate()
        if "stresses" in properties and "stress" in self.results:
            self.results["stresses"] = self._stresses()
        for name in set(properties) & set(ERROR_BARS):
            self.results[name] = self._error_bar(name)

    def _evaluate(self) -> dict[str, Any]:
        cell = self.atoms.cell.array
        found = self._evaluator.evaluate_structure(
            self.atoms.numbers,
            self.atoms.positions,
            cell,
            self.atoms.pbc,
            n_threads=self.threads,
            skin=self.skin,
        )
        energy = float(found.energies.sum())
        results = {
            "energy": energy,
            "free_energy": energy,
            "energies": found.energies,
            "forces": found.forces,
        }
        volume = abs(float(np.linalg.det(cell)))
        if volume > 0.0:
            results["stress"] = _voigt_stress(found.virial, volume)
        return results

    def _stresses(self) -> FloatArray:
        """Atomic stresses in eV/Å^3, [n_atoms, 6]."""
        if not isinstance(self._evaluator, NativeModel):
            raise ase_calculator.PropertyNotImplementedError("only NEP has stresses")
        atoms = self.atoms
        found = self._evaluator.evaluate(
            atoms.numbers,
            atoms.positions,
            atoms.cell.array,
            atoms.pbc,
            n_threads=self.threads,
            skin=self.skin,
        )
        return _voigt_stress(found.virials, abs(float(np.linalg.det(atoms.cell.array))))

    def _error_bar(self, name: str) -> Any:
        from nepforge.models import uncertainty  # noqa: PLC0415 - torch

        if self._known is None:
            raise ase_calculator.PropertyNotImplementedError(
                "error bars need Calculator(model, uncertainty=True)"
            )
        x, y, z = map(bool, self.atoms.pbc)
        cell = self.atoms.cell.array
        frame = Frame(self.atoms.numbers, self.atoms.positions, cell, (x, y, z))
        find = {"energy_std": uncertainty.energy_std, "forces_std": uncertainty.forces_std}
        return find[name](*self._known, frame)


def _voigt_stress(virial: FloatArray, volume: float) -> FloatArray:
    """The symmetric part of -W/V in eV/Å^3 in ASE's order, [..., 6]."""
    symmetric = (virial + virial.swapaxes(-1, -2)) / 2
    stress: FloatArray = full_3x3_to_voigt_6_stress(stress_from_virial(symmetric, volume))
    return stress


def _covariance_of(opened: ModelFile) -> tuple[NEPModel, Covariance]:
    from nepforge.formats.covariance_file import covariance_of  # noqa: PLC0415 - torch

    return covariance_of(opened)


def _reopen(
    opened: ModelFile,
    threads: int,
    skin: float,
    known: tuple[NEPModel, Covariance] | None,
) -> Calculator:
    """A calculator of an open model, whose file may be gone."""
    calculator = Calculator.__new__(Calculator)
    calculator._use(opened, threads, skin, known)
    return calculator
