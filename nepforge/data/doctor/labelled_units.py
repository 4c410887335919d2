"""Which unit or convention explains the ratio between labels and their expected values."""

from __future__ import annotations

from collections.abc import Mapping

from ase.units import Bohr, Hartree, Rydberg, kcal, kJ, mol

from nepforge.units import EV_PER_A3_IN_GPA

NEAR = 3.0  # largest factor between the ratio and its explanation
ENERGIES = {
    "the energies in hartree": 1.0 / Hartree,
    "the energies in rydberg": 1.0 / Rydberg,
    "the energies in kcal/mol": mol / kcal,
    "the energies in kJ/mol": mol / kJ,
    "the energies in meV": 1000.0,
    "the forces in hartree/bohr": Hartree / Bohr,
    "the forces in rydberg/bohr": Rydberg / Bohr,
    "the forces in kcal/mol/Å": kcal / mol,
    "the forces in meV/Å": 1.0e-3,
}
STRESSES = {
    "the stress in GPa, not eV/Å³": EV_PER_A3_IN_GPA,
    "the stress in kbar, not eV/Å³": 10.0 * EV_PER_A3_IN_GPA,
    "the stress in eV/Å³, not GPa": 1.0 / EV_PER_A3_IN_GPA,
    "the virials in hartree": 1.0 / Hartree,
    "the virials in rydberg": 1.0 / Rydberg,
}


def energy_words(ratio: float, n_atoms: float) -> str:
    """ ", as with ..." for energies that change `ratio` times as much as forces imply."""
    return _words(ratio, {"the energies given per atom": 1.0 / n_atoms, **ENERGIES})


def virial_words(ratio: float, n_atoms: float) -> str:
    """ ", as with ..." for virials `ratio` times as large as forces imply."""
    return _words(ratio, {"the virials given per atom": 1.0 / n_atoms, **STRESSES})


def _words(ratio: float, explanations: Mapping[str, float]) -> str:
    """All close explanations, the closest first; "" where there is none."""
    distances = {
        words: max(ratio / factor, factor / ratio) for words, factor in explanations.items()
    }
    near = sorted((far, words) for words, far in distances.items() if far < NEAR)
    found = [words for _, words in near]
    return f", as with {' or '.join(found)}" if found else ""
