"""LAMMPS data files in metal units: structures without labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ase
import ase.io
from ase.data import atomic_masses

from nepforge.data.formats.ase_atoms import frame_from_atoms, reading_with_ase
from nepforge.data.formats.lammps.types import unknown_elements, unnamed_type
from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.text.words import atomic_number, open_text
from nepforge.data.frame import Frame

MASS_TOLERANCE = 0.1  # amu between a mass in the file and that of the element


def read_data(path: Path, options: ReadOptions) -> list[Frame]:
    """A data file in metal units; elements from `options.species`, type labels or masses."""
    source = options.source(path, 0)
    z_of_type = _NumberOfType(options.species, source)
    with open_text(path) as stream, reading_with_ase(source):
        atoms = ase.io.read(stream, format="lammps-data", Z_of_type=z_of_type or None)
    with open_text(path) as stream:
        words = {line.split("#")[0].strip() for line in stream}
    labelled = bool(options.species) or "Atom Type Labels" in words
    if not labelled:
        expected = atomic_masses[atoms.numbers]
        far = abs(atoms.get_masses() - expected).max() > MASS_TOLERANCE
        if "Masses" not in words or far:
            raise unknown_elements(source)
    elif options.species and "Masses" in words:
        _compare_masses(atoms, options, source)
    return [frame_from_atoms(atoms, source)]


def _compare_masses(atoms: ase.Atoms, options: ReadOptions, source: str) -> None:
    """Report an atom with the mass of another species: their order may be wrong."""
    known = {name: atomic_masses[atomic_number(name, source)] for name in options.species}
    for symbol, mass in {(a.symbol, float(a.mass)) for a in atoms}:
        fits = [name for name, own in known.items() if abs(own - mass) <= MASS_TOLERANCE]
        if fits and symbol not in fits:
            options.notice(
                f"{source}: what is {symbol} by --species {','.join(options.species)} has the mass "
                f"of {fits[0]} ({mass:g}): look at the order of the species"
            )


class _NumberOfType(dict[int, int]):
    """Atomic number of each LAMMPS type, as ASE looks it up."""

    def __init__(self, species: Sequence[str], source: str) -> None:
        super().__init__(
            {idx + 1: atomic_number(symbol, source) for idx, symbol in enumerate(species)}
        )
        self.source = source

    def __missing__(self, kind: int) -> int:
        raise unnamed_type(self.source, int(kind), len(self))
