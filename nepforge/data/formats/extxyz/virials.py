"""The virial of a frame of extended XYZ from `virial`, `stress` or both.

Both must agree, virial = -stress * volume. One exception is known: GPUMD's dump_xyz,
dump_observer and active write `stress` = (virial + kinetic part) / volume, with the opposite sign.
There the virial is the one consistent with energy and forces.
"""

from __future__ import annotations

from collections.abc import Mapping

import ase.units
import numpy as np
from attrs import frozen

from nepforge.data.formats.notices import Notices
from nepforge.data.frame import FloatArray
from nepforge.errors import DataError
from nepforge.units import virial_from_stress

SAME_VIRIAL = 1.0e-3  # relative; a stress and a virial that differ by more contradict each other
GPUMD_KEY = "time"  # GPUMD begins the line with it
LEAST_KELVIN, MOST_KELVIN = 1.0, 1.0e6  # temperature of the kinetic part


@frozen
class StressAndVirial:
    """The values of a frame in eV and eV/Å³ with our signs, or None."""

    virial: FloatArray | None  # [3, 3] eV
    stress: FloatArray | None  # [3, 3] eV/Å³, ASE's sign
    cell: FloatArray | None  # [3, 3] Å
    n_atoms: int
    source: str

    def resolve(self, items: Mapping[str, str], notices: Notices) -> FloatArray | None:
        """The virial; `items` are the pairs of the comment line by lower-case key.

        Raises:
            DataError: The two contradict each other, but not as in GPUMD, or there is no volume for
                a stress.
        """
        if self.stress is None:
            return self.virial
        volume = 0.0 if self.cell is None else float(abs(np.linalg.det(self.cell)))
        if self.cell is None:
            raise DataError(
                f"{self.source}: has a stress and no Lattice", hint="give the virial instead"
            )
        if volume == 0.0:
            text = "a stress in a cell without volume is left out, it gives no virial"
            notices.add(self.source, text)
            return self.virial
        from_stress: FloatArray = virial_from_stress(self.stress, volume)
        if self.virial is None:
            return from_stress
        limit = SAME_VIRIAL * abs(self.virial).max() + SAME_VIRIAL
        if abs(self.virial - from_stress).max() <= limit:
            return self.virial
        if self._is_of_gpumd(from_stress, limit, is_marked=GPUMD_KEY in items):
            text = "stress is (virial + kinetic part) / volume, as GPUMD writes it"
            notices.add(self.source, f"{text}; the virial is read, the stress is left out")
            return self.virial
        raise self._contradiction(from_stress)

    def _is_of_gpumd(self, from_stress: FloatArray, limit: float, *, is_marked: bool) -> bool:
        """Whether the difference, with opposite sign, can be sum(m v v) of these atoms.

        Without GPUMD's mark it must be positive: otherwise one of the two has the wrong sign.
        """
        assert self.virial is not None
        kinetic = -from_stress - self.virial
        smallest = float(np.linalg.eigvalsh((kinetic + kinetic.T) / 2.0)[0])
        kelvin = float(np.trace(kinetic)) / (3.0 * self.n_atoms * ase.units.kB)
        is_kinetic = smallest >= -limit and kelvin <= MOST_KELVIN
        return is_kinetic and (is_marked or (smallest > 0.0 and kelvin >= LEAST_KELVIN))

    def _contradiction(self, from_stress: FloatArray) -> DataError:
        assert self.virial is not None
        place = np.unravel_index(abs(self.virial - from_stress).argmax(), (3, 3))
        name = "xyz"[place[0]] + "xyz"[place[1]]
        return DataError(
            f"{self.source}: stress and virial contradict each other: virial {name} is "
            f"{self.virial[place]:.6g} eV, -stress * volume {from_stress[place]:.6g} eV",
            hint="remove the wrong one, or name the right one: --virial virial, --stress stress,"
            ' in a recipe [data.labels] virial = "virial"',
        )
