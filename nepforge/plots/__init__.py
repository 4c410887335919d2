"""Figures as PNG files; numpy and matplotlib only."""
