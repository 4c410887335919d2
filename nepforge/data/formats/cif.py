"""Crystallographic information files: structures without labels, read by ASE."""

from __future__ import annotations

from nepforge.data.formats.ase_atoms import ase_reader

read_cif = ase_reader("cif")
