"""The variables that ABINIT echoes before and after its datasets ("-outvars: echo values of ...").

A variable that differs between datasets has the dataset's number after its name (`acell2`).
"""

from __future__ import annotations

import re

import numpy as np
from ase.units import Bohr

from nepforge.data.formats.text.lines import Lines
from nepforge.data.formats.text.numbers import number
from nepforge.data.frame import FloatArray, IntArray

_VARIABLE = re.compile(r"^[-P]?\s+(?P<name>[A-Za-z]\w*)\s+(?P<values>.*\S)\s*$")
_END = "===="
MOST_ATOMS = 10**9


class Echo:
    """The values of one such list, as text."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def read(self, lines: Lines) -> None:
        """All lines up to the end of the list."""
        name = ""
        for line in lines:
            if line.startswith(_END):
                return
            match = _VARIABLE.match(line)
            if match is not None:
                name = match["name"]
                self._values[name] = match["values"]
            elif name:
                self._values[name] += f" {line.strip()}"

    def numbers(self, name: str, dataset: int) -> FloatArray | None:
        """The values of a variable in a dataset; None if it is not printed."""
        text = self._values.get(f"{name}{dataset}", self._values.get(name))
        if text is None:
            return None
        values = [number(word) for word in text.removesuffix("Bohr").split()]
        found = [value for value in values if value is not None]
        return np.array(found) if len(found) == len(values) > 0 else None

    def number(self, name: str, dataset: int, default: int) -> int:
        """One integer."""
        values = self.numbers(name, dataset)
        if values is None or len(values) != 1 or not 0 <= values[0] < MOST_ATOMS:
            return default
        return int(values[0])

    def elements(self, dataset: int, n_atoms: int) -> IntArray | None:
        """Atomic numbers, shape [n_atoms]; None for mixtures of elements and unclear cases."""
        charges, types = self.numbers("znucl", dataset), self.numbers("typat", dataset)
        if charges is None or self.numbers("mixalch", dataset) is not None:
            return None
        if types is None and len(charges) == 1:
            types = np.ones(n_atoms)  # the default is not echoed
        if types is None or len(types) != n_atoms:
            return None
        if types.min() < 1 or types.max() > len(charges) or (charges % 1.0).any():
            return None
        return charges[types.astype(np.int64) - 1].astype(np.int64)

    def cell(self, dataset: int) -> FloatArray | None:
        """acell (bohr) times rprim, in Å, shape [3, 3]."""
        lengths, vectors = self.numbers("acell", dataset), self.numbers("rprim", dataset)
        if lengths is None or len(lengths) != 3:
            return None
        vectors = np.eye(3).ravel() if vectors is None else vectors
        if len(vectors) != 9:
            return None
        return np.asarray(Bohr * lengths[:, None] * vectors.reshape(3, 3))
