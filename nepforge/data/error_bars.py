"""How far the prediction of one frame may be off."""

from __future__ import annotations

from attrs import frozen

from nepforge.data.frame import FloatArray


@frozen(eq=False)
class ErrorBars:
    """Standard deviations."""

    energy: float  # eV, of the total
    forces: FloatArray  # [n_atoms, 3] eV/Å, by component
