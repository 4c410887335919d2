"""One table of test potentials for every evaluator: species, cutoffs, l_max, invariants, ZBL, bias.

Up to four species the core gives each species vectors of its own, from five on they share them: the
same features meet both ways. Every number of species meets every l_max, every invariant, every kind
of cutoff, of ZBL and of file, which `test_potential_table.py` counts.
"""

from __future__ import annotations

from ase.data import chemical_symbols

from tests.nep_files import NepFile

COUNTS = (1, 2, 3, 4, 5, 8, 16, 89)
FEWEST_MIXED = 5  # species that share vectors
UNEP = ("Ag", "Al", "Au", "Cr", "Cu", "Mg", "Mo", "Ni",
        "Pb", "Pd", "Pt", "Ta", "Ti", "V", "W", "Zr")  # fmt: skip
NEP89 = (*chemical_symbols[1:84], *chemical_symbols[89:95])  # H..Bi, Ac..Pu
L_MAX = (
    "1 0 1",  # q_1111
    "2 2 1 1",  # q_222, q_1111, q_112
    "3 0 0 0 1 1",  # q_123, q_233
    "4 1 1 1 1 1 1",  # every one
    "5 0 0",
    "6 2 0",
    "7 0 0 0 0 0 1",  # q_134
    "8 2 1",
)
KINDS_OF_FILE = ("nep4", "nep3", "nep5", "bias per species")
ZBL = ("", "1.0 2.0", "1.0 2.3 0.8", "0 0")  # none, universal, by type, flexible
CUTOFFS = ("equal", "unequal", "type-wise")
SIZES = (  # n_max, basis_size: several vectors, less than one, more functions than basis, ...
    ((3, 2), (5, 4)),
    ((2, 5), (4, 4)),
    ((8, 3), (3, 6)),
    ((0, 0), (0, 0)),
    ((4, 8), (8, 4)),
)
SMALL = ((1, 1), (1, 1))  # 89² pairs of species


def species_of(count: int) -> tuple[str, ...]:
    """Symbols of a model of `count` species: silicon first, then metals, or all of NEP89."""
    if count == len(NEP89):
        return NEP89
    return UNEP if count == len(UNEP) else ("Si", "O", *UNEP)[:count]


def _cutoffs(kind: str, count: int) -> str:
    if kind == "equal":
        return "4.2 4.2"
    if kind == "unequal" or count == 1:  # one pair of numbers is the same as for each species
        return "4.8 3.4"
    return " ".join(f"{4.0 + 0.3 * (idx % 4):g} {3.6 - 0.2 * (idx % 3):g}" for idx in range(count))


def _potential(count: int, row: int) -> NepFile:
    """Row of the table of one number of species. `turn` shifts the columns against each other."""
    turn = COUNTS.index(count)
    kind = KINDS_OF_FILE[(row + turn) % len(KINDS_OF_FILE)]
    zbl = ZBL[(row // 2 + row + turn) % len(ZBL)]
    n_max, basis_size = SMALL if count > len(UNEP) else SIZES[(row + turn) % len(SIZES)]
    return NepFile(
        token=("nep4" if kind == "bias per species" else kind) + ("_zbl" if zbl else ""),
        species=species_of(count),
        zbl=zbl,
        cutoff=_cutoffs(CUTOFFS[(row + turn) % len(CUTOFFS)], count),
        n_max=n_max,
        basis_size=basis_size,
        l_max=L_MAX[row],
        neurons=3 + row,
        last_biases=count if kind == "bias per species" else 1,
        seed=100 * count + row,
    )


POTENTIALS = {
    f"{count} species, l_max {L_MAX[row]}": _potential(count, row)
    for count in COUNTS
    for row in range(len(L_MAX))
}

# Polynomials of high degree at distances many times the angular cutoff: above 1e38 for a float.
SHORT_ANGULAR_CUTOFF = {
    f"{count} species, short angular cutoff": NepFile(
        species=species_of(count), cutoff="9.0 2.4", basis_size=(5, 20), seed=count
    )
    for count in (2, 5)
}

# The headers of two published models, with numbers of our own.
PUBLIC = {
    name: NepFile("nep4_zbl", species, "1 2", "6 5", (4, 4), (8, 8), "4 2 1", 80, seed=len(species))
    for name, species in {"UNEP-v1": UNEP, "NEP89": NEP89, "NEP89 cut to 5": NEP89[25:30]}.items()
}
