"""Figures as PNG files; numpy and matplotlib only.

`figure` sets size and style; each figure has its module.
"""
