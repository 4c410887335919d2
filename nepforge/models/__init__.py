"""Potentials behind one protocol, `potential.Potential`; one package per family.

`nep` is NEP with ZBL, `dp` is Deep Potential; `uncertainty` turns the filter's covariance into
error bars.
"""
