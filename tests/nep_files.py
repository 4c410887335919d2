"""Small random NEP text files and structures for the tests of the C++ core and of LAMMPS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from attrs import frozen

from nepforge.data.frame import FloatArray, IntArray

SPECIES = ("Si", "O")
NUMBERS = (14, 8)


@frozen
class NepFile:
    """What a synthetic model file holds; the numbers come from `seed`."""

    token: str = "nep4"
    species: tuple[str, ...] = SPECIES
    zbl: str = ""  # numbers of the zbl record, "0 0" for the flexible kind
    cutoff: str = "4.5 3.5"
    n_max: tuple[int, int] = (3, 2)
    basis_size: tuple[int, int] = (5, 4)
    l_max: str = "4 2 1"
    neurons: int = 9
    last_biases: int = 1
    seed: int = 1

    @property
    def n_descriptor(self) -> int:
        l_max, *flags = (int(word) for word in self.l_max.split())
        return self.n_max[0] + 1 + (self.n_max[1] + 1) * (l_max + sum(map(bool, flags)))

    def pair_cutoff(self, first: str, second: str) -> tuple[float, float]:
        """Radial and angular cutoff of a pair of species in Å: the mean of the two."""
        numbers = np.array(self.cutoff.split(), dtype=float).reshape(-1, 2)
        own = np.broadcast_to(numbers, (len(self.species), 2))
        pair = [own[self.species.index(symbol)] for symbol in (first, second)]
        radial, angular = np.mean(pair, axis=0).tolist()
        return radial, angular

    def header(self) -> list[str]:
        record = [f"zbl {self.zbl}"] if self.zbl else []
        return [
            f"{self.token} {len(self.species)} {' '.join(self.species)}",
            *record,
            f"cutoff {self.cutoff} 100 100",
            f"n_max {self.n_max[0]} {self.n_max[1]}",
            f"basis_size {self.basis_size[0]} {self.basis_size[1]}",
            f"l_max {self.l_max}",
            f"ANN {self.neurons} 0",
        ]

    def numbers(self) -> FloatArray:
        """Everything after the header, of a size that gives forces of the order of 1 eV/Å."""
        rng = np.random.default_rng(self.seed)
        n_types = len(self.species)
        n_networks = 1 if self.token.startswith("nep3") else n_types
        parts = []
        for _ in range(n_networks):
            parts.append(rng.normal(0.0, 0.5, (self.n_descriptor + 1) * self.neurons))
            parts.append(rng.normal(0.0, 0.3, self.neurons))
            if self.token.startswith("nep5"):
                parts.append(rng.normal(0.0, 1.0, 1))
        parts.append(rng.normal(0.0, 1.0, self.last_biases))
        n_radial = (self.n_max[0] + 1) * (self.basis_size[0] + 1)
        n_angular = (self.n_max[1] + 1) * (self.basis_size[1] + 1)
        parts.append(rng.normal(0.0, 0.4, n_types**2 * (n_radial + n_angular)))
        parts.append(rng.uniform(0.5, 1.0, self.n_descriptor))
        if self.zbl == "0 0":
            for _ in range(n_types * (n_types + 1) // 2):
                parts.append(rng.uniform([0.8, 2.0], [1.2, 2.4]))
                parts.append(rng.uniform(0.1, 2.0, 8))
        return np.concatenate(parts)

    def lone_energy(self, symbol: str) -> float:
        """Energy in eV of an atom without neighbours: w1 . tanh(-b0) minus the biases."""
        numbers = self.numbers()
        n_networks = 1 if self.token.startswith("nep3") else len(self.species)
        n_inner = (self.n_descriptor + 2) * self.neurons
        n_own = n_inner + int(self.token.startswith("nep5"))
        species_idx = self.species.index(symbol)
        own = numbers[: n_networks * n_own].reshape(n_networks, n_own)[species_idx % n_networks]
        b0, w1 = own[n_inner - 2 * self.neurons : n_inner].reshape(2, -1)
        last = numbers[n_networks * n_own + species_idx % self.last_biases]
        return float(w1 @ np.tanh(-b0) - own[n_inner:].sum() - last)

    def lines(self) -> list[str]:
        return [*self.header(), *(f"{number:.15e}" for number in self.numbers())]

    def write(self, path: Path) -> Path:
        path.write_text("\n".join(self.lines()) + "\n", encoding="utf-8")
        return path


KINDS = {
    "nep3": NepFile("nep3"),
    "nep4": NepFile("nep4"),
    "nep5": NepFile("nep5"),
    "bias per species": NepFile("nep4", last_biases=2),
    "equal cutoffs": NepFile("nep4", cutoff="4.0 4.0", basis_size=(4, 4)),
    "larger angular basis": NepFile("nep4", cutoff="4.0 4.0", basis_size=(3, 6)),
    "type-wise cutoffs": NepFile("nep4", cutoff="5.0 4.5 4.0 3.0"),
    "one species": NepFile("nep4", species=("Si",)),
    "l_max 8": NepFile("nep4", l_max="8 2 1"),
    "l_max 1": NepFile("nep4", l_max="1 0 1"),
    "every invariant": NepFile("nep4", l_max="4 1 1 1 1 1 1"),
    "many functions": NepFile("nep4", n_max=(10, 10), basis_size=(10, 10), neurons=17),
    "one function": NepFile("nep4", n_max=(0, 0), basis_size=(0, 0), neurons=1),
    "zbl": NepFile("nep4_zbl", zbl="1.0 2.0"),
    "zbl by type": NepFile("nep5_zbl", zbl="1.0 2.4 0.8"),
    "flexible zbl": NepFile("nep4_zbl", zbl="0 0"),
}


@frozen(eq=False)
class Structure:
    """A periodic structure whose cell is lower triangular, as LAMMPS wants it."""

    numbers: IntArray  # [n_atoms]
    positions: FloatArray  # [n_atoms, 3] Å
    cell: FloatArray  # [3, 3] Å


def random_structure(
    seed: int = 1, n_atoms: int = 8, species: tuple[int, ...] = NUMBERS
) -> Structure:
    """A skewed cell of about 4.4 Å, smaller than the cutoffs; atoms at least 1.5 Å apart."""
    rng = np.random.default_rng(seed)
    cell = 4.4 * np.eye(3) + np.tril(rng.uniform(-0.5, 0.5, (3, 3)))
    grid = np.stack(np.meshgrid(*[np.arange(2)] * 3), axis=-1).reshape(-1, 3) / 2.0
    fractional = rng.permutation(grid)[:n_atoms] + rng.uniform(-0.03, 0.03, (n_atoms, 3))
    numbers = np.array([species[idx % len(species)] for idx in range(n_atoms)])
    return Structure(numbers, fractional @ cell, cell)
