"""One step of CASTEP, with the several energies printed for it."""

from __future__ import annotations

from attrs import define

from nepforge.data.formats.text.steps import Step


@define
class CastepStep(Step):
    """Energies in eV, by what they include; constrained forces are not their derivatives.

    `awaits` names what CASTEP prints next for the step, "" once its energy is complete.
    `path_energy` is the energy that a transition search repeats beside a structure.
    """

    plain: float | None = None
    free: float | None = None
    dispersed: float | None = None
    dispersed_free: float | None = None
    has_free_forces: bool = False
    is_constrained: bool = False
    path_energy: float | None = None
    awaits: str = ""

    def energies(self) -> list[float]:
        """All that were printed."""
        known = (self.plain, self.free, self.dispersed, self.dispersed_free)
        return [value for value in known if value is not None]

    def choose_energy(self) -> float | None:
        """The energy that forces derive from: with entropy and dispersion where printed."""
        if self.dispersed_free is not None:
            return self.dispersed_free
        best = self.plain if self.free is None else self.free
        if self.dispersed is None or self.plain is None or best is None:
            return best
        return best + self.dispersed - self.plain
