"""Compares two recorded runs: recipes, software, metrics, training curves, weights, frames.

Begin at `compare`.
"""
