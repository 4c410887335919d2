"""Figures as PNG files; numpy and matplotlib only.

`figure` sets size and style; one module per figure.
"""
