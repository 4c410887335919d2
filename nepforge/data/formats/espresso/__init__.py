"""Output of pw.x of Quantum ESPRESSO. Begin at `read`."""
