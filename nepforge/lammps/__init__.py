"""Writes LAMMPS input, runs LAMMPS, finds our plugin.

Begin at `runner`.
"""
