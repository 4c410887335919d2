"""Formats of labelled structures: one file, or small package, and one row of `table` each.

Which energy: where a file has several, the one that the forces derive from, F = -dE/dr. With
smeared electrons that is the free energy, not the energy extrapolated to no smearing; under
pressure it is not the enthalpy. A frame knows whether the electronic steps behind its labels
converged. What a reader cannot turn into a frame is left out and reported at the end of a run,
and is an error in the middle of one.

Begin at `table`, then `read` and `write`.
"""
