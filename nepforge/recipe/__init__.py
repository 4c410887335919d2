"""TOML -> a frozen `Recipe`, with every problem reported at once; its canonical form and hash.

Begin at `load`; the keys are in `tables`, what must hold between them in `rules`.
"""
