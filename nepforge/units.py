"""Units and THE sign of virial and stress.

Inside nepforge: Å, eV, eV/Å, amu, fs, K. The virial is extensive, W = -dU/dstrain in eV, positive
trace when compressed. ASE stress = -W/V in eV/Å³. Pressure = +tr W / (3V) plus the kinetic part.
"""

from __future__ import annotations

from typing import Any

EV_PER_A3_IN_GPA = 160.2176634  # 1 eV/Å³ in GPa (CODATA 2018: e = 1.602176634e-19 C)
BAR_PER_GPA = 1.0e4


def virial_from_stress(stress: Any, volume: Any) -> Any:
    """W = -stress * V in eV, from stress in eV/Å³ (ASE sign) and V in Å³."""
    return -stress * volume


def stress_from_virial(virial: Any, volume: Any) -> Any:
    """Stress = -W / V in eV/Å³ (ASE sign), from W in eV and V in Å³."""
    return -virial / volume
