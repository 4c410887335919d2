"""Applies a trained model: energies, forces, error bars, descriptors.

Begin at `inference`, which evaluates datasets; `calculator` is the ASE interface.
"""
