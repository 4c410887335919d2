"""The relevant lines of ABINIT's output, by how they begin."""

from __future__ import annotations

from nepforge.data.formats.text.marks import marks

MARKS = marks(
    run=r"\.Version\s+\S+\s+of ABINIT",
    done=r"Calculation completed",
    echo_before=r"-* *outvars: echo values of preprocessed input variables",
    echo_after=r"-* *outvars: echo values of variables after computation",
    dataset=r"== DATASET\s+\d+",
    end_of_datasets=r"== END DATASET",
    cell=r"Real\(R\)\+Recip\(G\) space primitive vectors",
    iteration=r"--- Iteration:",
    end=r"-*iterations are completed or convergence reached",
    scf=r"ETOT\s+1\s",
    response=r"iter\s+2DEtotal",
    unconverged=r"nstep=\s*\d+\s+was not enough SCF cycles to converge",
    xcart=r"Cartesian coordinates \(xcart\) \[bohr\]",
    xred=r"Reduced coordinates \(xred\)\s*$|reduced coordinates \(array xred\)",
    fcart=r"Cartesian forces \(fcart\) \[Ha/bohr\]",
    rprimd=r"Real space primitive translations \(rprimd\) \[bohr\]",
    ucvol=r"(?:Unitary Cell Volume|Unit cell volume) ",
    strten=r"Stress tensor in cartesian coordinates \(strten\) \[Ha/bohr\^3\]",
    etotal=r"Total energy \(etotal\) \[Ha\]\s*=",
    coordinates_at_end=r"cartesian coordinates \(angstrom\) at end:",
    forces_at_end=r"cartesian forces \((?:hartree/bohr|eV/Angstrom)\) at end:",
    energy_at_end=r">>>>>>>>> Etotal=|total_energy\s*:",
    sigma=r"Cartesian components of stress tensor \(hartree/bohr\^3\)",
    yaml_stress=r"cartesian_stress_tensor: # hartree/bohr\^3",
)
