"""LAMMPS: text dumps and data files."""
