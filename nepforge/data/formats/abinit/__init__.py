"""Output of ABINIT. Begin at `read`; `echo` holds the variables of its datasets."""
