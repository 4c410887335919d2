"""Remarks about a whole output of CASTEP."""

from __future__ import annotations

from attrs import define, field

from nepforge.data.formats.text.steps import Steps


@define
class Remarks:
    """Numbers of the lines concerned, 0 or empty where there is nothing to report."""

    constrained: list[int] = field(factory=list)
    stress_after_md: int = 0
    without_dispersion: int = 0
    has_correction: bool = False  # for the finite basis set

    def say(self, steps: Steps, *, is_done: bool) -> None:
        """Report all of it at the end of the file; `is_done` if the last run finished."""
        if not is_done:
            steps.say('has no "Total time": what its last step lacks may be cut off')
        if self.constrained:
            steps.say(
                f"the forces of {len(self.constrained)} steps are left out, since they are "
                f"constrained and no derivatives of the energy (line {self.constrained[0]})"
            )
        if self.stress_after_md:
            steps.say(
                f"the stress at line {self.stress_after_md} is left out: after the last step of "
                "MD some versions print it with the other sign"
            )
        if self.without_dispersion:
            steps.say(
                "has a dispersion correction that is on, and energies without a dispersion "
                f"corrected one beside them (line {self.without_dispersion})"
            )
        cells = {frame.cell.tobytes() for frame in steps.frames}
        if self.has_correction and len(cells) > 1:
            steps.say(
                "energies are those without the finite basis set correction, which is printed "
                "for the first cell alone; the stress contains it"
            )
