"""Extended XYZ: the comment line, the table of atoms, where the labels are.

Begin at `read` and `write`.
"""
