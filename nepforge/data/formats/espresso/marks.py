"""The relevant lines of pw.x's output, by how they begin."""

from __future__ import annotations

from nepforge.data.formats.text.marks import marks

MARKS = marks(
    run=r"Program PWSCF\b",
    alat=r"lattice parameter \((?:alat|a_0)\)\s*=",
    celldm=r"celldm\(1\)\s*=",
    n_atoms=r"number of atoms/cell\s*=",
    volume=r"(?:new )?unit-cell volume\s*=",
    axes=r"crystal axes:",
    species=r"atomic species\s+valence",
    sites=r"site n\.\s+atom\s+positions \((?:alat|a_0) units\)",
    cell=r"CELL_PARAMETERS\b",
    positions=r"ATOMIC_POSITIONS\b",
    threshold=r"(?:scf )?convergence threshold\s*=",
    energy=r"!{1,2}\s+total energy\s*=",
    trial_energy=r"total energy\s*=",
    accuracy=r"estimated scf accuracy\s*<",
    unconverged=r"(?:EXX )?convergence NOT achieved",
    settled=r"convergence has been achieved",
    forces=r"Forces acting on atoms\b",
    stress=r"total\s+stress\s+\(",
    zero_moment=r"lsda relaxation\s*:",
    final_scf=r"(?:A final|Final) scf calculation at the relaxed structure",
    hybrid=r"EXX-fraction\s*=",
    settled_hybrid=r"EXX self-consistency reached",
    done=r"JOB DONE\.",
    berry_field=r"Using Berry phase electric field",
    field=r"E field amplitude \[Ha a\.u\.\]\s*:",
)
