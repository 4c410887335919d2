"""Uses a finished model: energies, forces, error bars, descriptors.

Begin at `evaluator` (any model file -> something that evaluates structures); `calculator` is the
ASE interface, `inference` evaluates whole datasets.
"""
