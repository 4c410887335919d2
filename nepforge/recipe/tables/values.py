"""The types of recipe values, each with its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NewType

from nepforge.quantities import QUANTITIES
from nepforge.recipe.limits import in_range, matching, one_of

_ALL_SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se "
    "Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb "
    "Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu"
)
SYMBOLS = _ALL_SYMBOLS.split()
METRICS = [
    f"{part}_{quantity.name}_{error}"
    for part in ("train", "valid")
    for quantity in QUANTITIES
    for error in ("rmse", "mae")
]

MOST_FUNCTIONS = 100  # n_max and basis_size; far beyond what anybody has trained
MOST_NEURONS = 1000

_NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
RANGE = rf"{_NUMBER}:({_NUMBER})?|:{_NUMBER}"

FileName = NewType("FileName", str)  # relative to the recipe file; a field of it says its use
Name = Annotated[
    str,
    matching(
        r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}",
        "of 1 to 64 letters, digits and . _ + -, starting with a letter or digit",
    ),
]
KeyName = Annotated[str, matching(r"\S(.*\S)?", "that is a name")]
Symbol = Annotated[str, one_of(SYMBOLS, "that is a chemical symbol from H to Pu")]
Metric = Annotated[str, one_of(METRICS, "like valid_force_rmse")]

Count = Annotated[int, in_range(at_least=1)]
Index = Annotated[int, in_range(at_least=0)]
FunctionCount = Annotated[int, in_range(at_least=0, at_most=MOST_FUNCTIONS)]
Positive = Annotated[float, in_range(above=0)]
NonNegative = Annotated[float, in_range(at_least=0)]
Fraction = Annotated[float, in_range(above=0, below=1)]
UpToOne = Annotated[float, in_range(above=0, at_most=1)]
Share = Annotated[float, in_range(at_least=0, at_most=1)]

RangeText = Annotated[str, matching(RANGE, 'like "-9.5:-3.0", either end may be left out')]
SliceText = Annotated[str, matching(r"-?\d+|-?\d*:-?\d*(:\d*[1-9]\d*)?", 'like "100::5"')]
FormulaText = Annotated[str, matching(r"([A-Z][a-z]?\d*)+", "like HfO2")]
InfoValues = str | tuple[str, ...]  # texts, or ranges of numbers

Validation = Fraction | tuple[FileName, ...]
CutoffPair = tuple[Positive, Positive]  # radial, angular, Å
Cutoff = CutoffPair | tuple[CutoffPair, ...]
ZblRow = tuple[
    NonNegative, Positive, float, float, float, float, float, float, float, float
]  # inner, outer in Å, then amplitude and decay of four terms
Invariant = Literal["222", "1111", "112", "123", "233", "134"]
ForceWeights = Mapping[Symbol, NonNegative]
Precision = Literal["double", "mixed"]

ENERGY_UNITS = ["eV", "meV", "hartree", "Ry", "kcal/mol", "kJ/mol"]
LENGTH_UNITS = ["angstrom", "bohr", "nm"]
FORCE_UNITS = [f"{energy}/{length}" for energy in ENERGY_UNITS for length in LENGTH_UNITS]
STRESS_UNITS = ["GPa", "MPa", "Pa", "kbar", "bar", *(f"{unit}^3" for unit in FORCE_UNITS)]
EnergyUnit = Annotated[str, one_of(ENERGY_UNITS, f"that is {', '.join(ENERGY_UNITS)}")]
ForceUnit = Annotated[str, one_of(FORCE_UNITS, "that is a force like hartree/bohr")]
StressUnit = Annotated[
    str, one_of(STRESS_UNITS, "that is GPa, MPa, Pa, kbar, bar, or like Ry/bohr^3")
]
StressSign = Literal["compression-positive", "tension-positive"]


def is_one_file(kind: Any) -> bool:
    """Whether a type is one file name and not an array of them."""
    return kind in (FileName, FileName | None)
