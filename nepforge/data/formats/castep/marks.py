"""The relevant lines of CASTEP's output, by how they begin."""

from __future__ import annotations

from nepforge.data.formats.text.marks import marks

MARKS = marks(
    run=r"\|.*CASTEP version|Run started:",
    done=r"Total time\s*=",
    dispersion=r"DFT\+D: Semi-empirical dispersion correction\s*: on",
    end_of_md=r"Finished MD\b",
    cell=r"Real Lattice\s*\(",
    volume=r"Current cell volume\s*=",
    n_atoms=r"Total number of ions in cell\s*=",
    path_end=r"x\s+(?:Reactant|Product|Intermediate)\s+x\s*$",
    mixture=r"x\s+Mixture\b",
    positions=r"x\s+Element\s+Atom\s+Fractional coordinates of atoms",
    cutoffs=r"Calculating total energy with cut-off of",
    corrected=r"Total energy corrected for finite basis set",
    unconverged=r"(?i:\*?warning\W*)?max\. SCF cycles performed but system has not reached",
    free_energy=r"Final free energy \(E-TS\)\s*=",
    energy=r"Final energy(?:, E)?\s*=",
    dispersed_free_energy=r"Dispersion corrected final free energy",
    dispersed_energy=r"Dispersion corrected final energy",
    forces=r"\*+ ?[A-Za-z ]*Forces \*+",
    stress=r"\*+ ?[A-Za-z ]*Stress Tensor \*+",
    path_place=r"(?:Path coordinate|Location of [LQ]ST maximum)\s*:",
    path_energy=r"Energy(?: of [LQ]ST maximum| of transition state)?:",
    path_positions=r"Coordinates: Fractional components",
)
