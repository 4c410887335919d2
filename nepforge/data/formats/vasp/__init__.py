"""VASP: OUTCAR, vasprun.xml, POSCAR and XDATCAR."""
