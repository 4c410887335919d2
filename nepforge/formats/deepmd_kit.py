"""A Deep Potential of DeePMD-kit evaluated by DeePMD-kit itself, to be compared with our models."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import atomic_numbers
from attrs import define
from numpy.typing import ArrayLike

from nepforge.errors import DataError, ModelFileError
from nepforge.models.arguments import checked_skin, checked_structure, checked_threads
from nepforge.models.nep.native import StructureResult

if TYPE_CHECKING:
    from nepforge.models.potential import TrainedPotential

SUFFIXES = (".pb", ".pth", ".pt2", ".savedmodel", ".hlo")  # of frozen models, by backend


@define(slots=False)
class DeepMDModel:
    """An open model file and its evaluator; DeePMD-kit reads the file when it is first asked."""

    path: Path

    @cached_property
    def _potential(self) -> Any:
        try:
            from deepmd.infer import DeepPot  # noqa: PLC0415 - the extra `deepmd`
        except ImportError as error:
            raise ModelFileError(
                f"{self.path}: a model of DeePMD-kit, which is not installed here: {error}",
                hint="pip install 'nepforge[deepmd]'",
            ) from error
        try:
            return DeepPot(str(self.path))
        except Exception as error:  # each backend raises errors of its own
            raise ModelFileError(
                f"{self.path}: DeePMD-kit cannot read it: {error}",
                hint="give a frozen model, and install the backend that it was trained with",
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    @property
    def name(self) -> str:
        """Path of the file, for messages."""
        return str(self.path)

    @property
    def trained(self) -> TrainedPotential:
        """Nothing that torch can take over.

        Raises:
            ModelFileError: Always.
        """
        raise ModelFileError(f"{self.path}: only DeePMD-kit has the numbers of this model")

    def evaluator(self) -> DeepMDModel:
        """DeePMD-kit."""
        return self

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols in model order."""
        return tuple(self._potential.get_type_map())

    @property
    def cutoff(self) -> tuple[float, float]:
        """Cutoff in Å, twice: radial and angular parts have the same."""
        return (float(self._potential.get_rcut()),) * 2

    def evaluate_structure(
        self,
        numbers: ArrayLike,
        positions: ArrayLike,
        cell: ArrayLike,
        pbc: Sequence[bool] = (True, True, True),
        *,
        n_threads: int = 1,
        skin: float = 0.0,
    ) -> StructureResult:
        """Energies, forces and the virial of one structure.

        Args:
            numbers: Atomic numbers, [n_atoms].
            positions: Å, [n_atoms, 3].
            cell: Å, [3, 3], rows are vectors.
            pbc: All directions periodic, or none.
            n_threads: DeePMD-kit takes its number of threads from the environment.
            skin: Ignored: neighbours are searched anew each time.

        Raises:
            ModelFileError: DeePMD-kit or the backend of the model is not installed.
            UsageError: `n_threads` or `skin` is negative, far too large, or not a number.
            DataError: An element that the model does not know, a position that is not finite, a
                periodic cell without volume, or a structure that is periodic in some directions
                only.
        """
        checked_threads(n_threads)
        checked_skin(skin)
        structure = checked_structure(numbers, positions, cell, pbc)
        if any(pbc) != all(pbc):
            raise DataError(
                f"found pbc {tuple(map(bool, pbc))}, expected all or none",
                hint="DeePMD-kit cannot treat slabs: use a cell with a vacuum, periodic everywhere",
            )
        if all(pbc) and np.linalg.det(structure.cell) == 0.0:
            raise DataError("the periodic cell vectors span no volume")
        known = [atomic_numbers[symbol] for symbol in self.species]
        wanted = structure.numbers.tolist()
        if unknown := sorted(set(wanted) - set(known)):
            raise DataError(
                f"atomic numbers {unknown}: the model only knows {', '.join(self.species)}"
            )
        energy, forces, virial, energies, _ = self._potential.eval(
            structure.positions.reshape(1, -1),
            structure.cell.reshape(1, 9) if all(pbc) else None,
            [known.index(number) for number in wanted],
            atomic=True,
        )
        del energy
        return StructureResult(
            np.asarray(energies, dtype=np.float64).reshape(-1),
            np.asarray(forces, dtype=np.float64).reshape(-1, 3),
            np.asarray(virial, dtype=np.float64).reshape(3, 3),
        )
