"""How far a prediction may be off: standard deviations of the energy and the forces of one frame."""

from __future__ import annotations

from attrs import frozen

from nepforge.data.frame import FloatArray


@frozen(eq=False)
class ErrorBars:
    """One standard deviation each."""

    energy: float  # eV, of the total
    forces: FloatArray  # [n_atoms, 3] eV/Å, by component
