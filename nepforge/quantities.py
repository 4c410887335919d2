"""The kinds of labels: one row each, and whatever lists them iterates over these rows.

A new label is a row here, a field of the same name in `Frame`, `Batch` and `Prediction`, a reader
that fills it, and its Jacobian in `train/jacobians.py`.
"""

from __future__ import annotations

from typing import Any, Literal

from attrs import frozen


@frozen(kw_only=True)
class Quantity:
    """One kind of label.

    Its error is projected for the Kalman filter by what it belongs to: that of a frame on its own
    direction, those of atoms on that of each group of atoms (`train/observations.py`).
    """

    name: str  # of weights and metrics: "force" in optimizer.weights.force and valid_force_rmse
    field: str  # attribute of Frame, Batch and Prediction, array in predictions_*.npz: "forces"
    words: str  # for people: "atomic energy"
    plural: str  # for people: "atomic energies"
    axis: str  # in a parity plot: "Force component"
    unit: str  # of metrics and files, after the division by the number of atoms
    shown_unit: str  # in tables and figures
    shown_factor: float  # from `unit` to `shown_unit`
    belongs_to: Literal["frame", "atom"]
    shape: tuple[int, ...] = ()  # of one frame or atom
    is_symmetric: bool = False  # a tensor whose components off the diagonal are there twice
    is_extensive: bool = False  # grows with the frame: errors are per atom
    takes_force_weights: bool = False  # optimizer.force_weights multiply its errors
    weight_unit: str  # of a weight in the recipe
    prefactor_unit: str  # of a prefactor of the squared error
    prefactors: tuple[float, float] | None = None  # first and last one of MatPL, the default
    remark: str = ""  # in the reference of recipes
    is_optional: bool = True  # left out of files and tables where no frame has it
    xyz_names: tuple[str, ...] = ()  # in extended XYZ, any case: key of the comment line, or column
    hint: str = ""  # added to the error when the data lack it

    @property
    def metric(self) -> str:
        """Name of its RMSE without the set: "force_rmse"."""
        return f"{self.name}_rmse"

    @property
    def n_components(self) -> int:
        """Numbers of one frame or atom."""
        return _product(self.shape)

    @property
    def n_independent(self) -> int:
        """Components that are not the mirror image of another one."""
        n_rows = self.shape[0] if self.is_symmetric else 0
        return self.n_components - n_rows * (n_rows - 1) // 2

    def reported(self, values: Any, n_atoms: Any) -> Any:
        """Values as errors are reported: extensive ones per atom.

        Args:
            values: numpy or torch, [F, *shape] or [N, *shape]; or those of one frame.
            n_atoms: [F]; or that of the frame.
        """
        if not self.is_extensive:
            return values
        if isinstance(n_atoms, int):
            return values / n_atoms
        return values / n_atoms.reshape(-1, *(1 for _ in self.shape))


def _product(shape: tuple[int, ...]) -> int:
    result = 1
    for size in shape:
        result *= size
    return result


ENERGY = Quantity(
    name="energy",
    field="energy",
    words="energy",
    plural="energies",
    axis="Energy",
    unit="eV/atom",
    shown_unit="meV/atom",
    shown_factor=1.0e3,
    belongs_to="frame",
    is_extensive=True,
    is_optional=False,
    xyz_names=("free_energy", "energy"),
    weight_unit="atoms/eV",
    prefactor_unit="atoms/eV²",
    prefactors=(0.02, 1.0),
)
FORCE = Quantity(
    name="force",
    field="forces",
    words="force",
    plural="forces",
    axis="Force component",
    unit="eV/Å",
    shown_unit="eV/Å",
    shown_factor=1.0,
    belongs_to="atom",
    shape=(3,),
    takes_force_weights=True,
    is_optional=False,
    xyz_names=("forces", "force"),
    weight_unit="Å/eV",
    prefactor_unit="Å²/eV²",
    prefactors=(1000.0, 1.0),
)
VIRIAL = Quantity(
    name="virial",
    field="virial",
    words="virial",
    plural="virials",
    axis="Virial",
    unit="eV/atom",
    shown_unit="meV/atom",
    shown_factor=1.0e3,
    belongs_to="frame",
    shape=(3, 3),
    is_symmetric=True,
    is_extensive=True,
    is_optional=False,
    xyz_names=("virial", "virials"),
    weight_unit="atoms/eV",
    prefactor_unit="atoms/eV²",
    prefactors=(50.0, 1.0),
)
ATOMIC_ENERGY = Quantity(
    name="atomic_energy",
    field="atomic_energy",
    words="atomic energy",
    plural="atomic energies",
    axis="Atomic energy",
    unit="eV",
    shown_unit="meV",
    shown_factor=1.0e3,
    belongs_to="atom",
    xyz_names=("energies", "atomic_energies", "atomic_energy"),  # the first is ASE's
    weight_unit="1/eV",
    prefactor_unit="1/eV²",
    remark="Few codes write them (PWmat does)",
    hint="; an ei.npy of pwdata that only shares out the energy does not count",
)

QUANTITIES: tuple[Quantity, ...] = (ENERGY, FORCE, VIRIAL, ATOMIC_ENERGY)
