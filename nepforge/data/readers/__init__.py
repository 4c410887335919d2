"""Readers of labelled structures, one module a family of formats.

Which energy: where a file has several, the one that the forces derive from, F = -dE/dr. With
smeared electrons that is the free energy, not the energy extrapolated to no smearing; under
pressure it is not the enthalpy. A frame knows whether the electronic steps behind its labels
converged. What a reader cannot make a frame of it leaves out and says, at the end of a run, and
refuses in the middle of one.
"""

from nepforge.data.readers.table import READERS, read_frames

__all__ = ["READERS", "read_frames"]
