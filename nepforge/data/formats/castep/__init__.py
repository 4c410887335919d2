"""Output of CASTEP. Begin at `read`."""
