"""Elements of the species of pw.x, which may be called Fe, FE1, Fe_up or Fe-2."""

from __future__ import annotations

import re

from ase.data import atomic_numbers

from nepforge.errors import DataError


def element(label: str, pseudopotential: str, where: str) -> int:
    """Atomic number of a species; its pseudopotential decides whether "CO" is cobalt or carbon.

    Raises:
        DataError: The label is not of an element, or of another element than the pseudopotential.
    """
    letters = re.sub(r"[^A-Za-z].*", "", label)
    symbols = (letters[:2].capitalize(), letters[:1].capitalize())
    known = [symbol for symbol in symbols if atomic_numbers.get(symbol, 0) > 0]
    symbol = pseudopotential.capitalize()
    is_element = atomic_numbers.get(symbol, 0) > 0
    if is_element and (symbol in known or not known):
        return int(atomic_numbers[symbol])
    if is_element or not known:
        beside = f' with a pseudopotential of "{symbol}"' if symbol else ""
        raise DataError(
            f'{where}: the species "{label}"{beside} is not an element, expected a label such as '
            "Fe, Fe1 or Fe_up"
        )
    return int(atomic_numbers[known[0]])
