"""The tables of a recipe, as TOML names them. Units stand beside the fields.

`recipes/README.md` is the reference of every key; a test compares it with these classes. A key has
a default only where a named upstream has that default, or where it cannot change numbers.
Rules between several keys are in `rules.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, NewType

from attrs import field, frozen

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

MOST_FUNCTIONS = 100  # n_max and basis_size; far beyond what anybody trained
MOST_NEURONS = 1000

_NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
RANGE = rf"{_NUMBER}:({_NUMBER})?|:{_NUMBER}"

FileName = NewType("FileName", str)  # relative to the recipe file
Name = Annotated[
    str,
    matching(
        r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}",
        "of 1 to 64 letters, digits and . _ + -, starting with a letter or digit",
    ),
]
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
Validation = Fraction | tuple[FileName, ...]
CutoffPair = tuple[Positive, Positive]  # radial, angular, Å
Cutoff = CutoffPair | tuple[CutoffPair, ...]
RangeText = Annotated[str, matching(RANGE, 'like "-9.5:-3.0", either end may be left out')]
SliceText = Annotated[str, matching(r"-?\d+|-?\d*:-?\d*(:\d*[1-9]\d*)?", 'like "100::5"')]
FormulaText = Annotated[str, matching(r"([A-Z][a-z]?\d*)+", "like HfO2")]
InfoValues = str | tuple[str, ...]  # texts, or ranges of numbers
ForceWeights = Mapping[Symbol, NonNegative]  # factor of the force errors of a species, else 1
ZblRow = tuple[
    NonNegative, Positive, float, float, float, float, float, float, float, float
]  # inner, outer in Å, then amplitude and decay of four terms
Invariant = Literal["222", "1111", "112", "123", "233", "134"]


ENERGY_UNITS = ["eV", "meV", "hartree", "Ry", "kcal/mol", "kJ/mol"]
LENGTH_UNITS = ["angstrom", "bohr", "nm"]
FORCE_UNITS = [f"{energy}/{length}" for energy in ENERGY_UNITS for length in LENGTH_UNITS]
STRESS_UNITS = ["GPa", "MPa", "Pa", "kbar", "bar", *(f"{unit}^3" for unit in FORCE_UNITS)]
EnergyUnit = Annotated[str, one_of(ENERGY_UNITS, f"that is {', '.join(ENERGY_UNITS)}")]
ForceUnit = Annotated[str, one_of(FORCE_UNITS, "that is a force like hartree/bohr")]
StressUnit = Annotated[
    str, one_of(STRESS_UNITS, "that is GPa, MPa, Pa, kbar, bar, or like Ry/bohr^3")
]
KeyName = Annotated[str, matching(r"\S(.*\S)?", "that is a name")]
StressSign = Literal["compression-positive", "tension-positive"]


@frozen(kw_only=True)
class Labels:
    """[data.labels]: where extended XYZ has the labels, and how they are to be read."""

    energy: KeyName | None = None  # key of the comment line
    forces: KeyName | None = None  # column
    virial: KeyName | None = None  # key of the comment line
    stress: KeyName | None = None  # key of the comment line
    atomic_energy: KeyName | None = None  # column
    energy_unit: EnergyUnit | None = None  # of atomic energies too
    force_unit: ForceUnit | None = None
    virial_unit: EnergyUnit | None = None
    stress_unit: StressUnit | None = None
    force_sign: Literal["force", "gradient"] | None = None
    virial_sign: StressSign | None = None
    stress_sign: StressSign | None = None


@frozen(kw_only=True)
class Select:
    """[data.select]: which frames are used; all conditions must hold."""

    slice: Annotated[str, matching(r"-?\d+|-?\d*:-?\d*(:\d*[1-9]\d*)?", 'like "100::5"')] | None = (
        None
    )
    every: Count | None = None  # of each file
    energy: RangeText | None = None  # eV/atom
    force: RangeText | None = None  # eV/Å, of the largest
    distance: RangeText | None = None  # Å, of the shortest
    elements: tuple[Symbol, ...] | None = None  # all of them are there
    without: tuple[Symbol, ...] | None = None  # none of them is there
    formula: tuple[FormulaText, ...] | None = None  # one of them, in any multiple
    info: Mapping[str, InfoValues] | None = None  # key -> one of its values
    farthest: Count | None = None  # frames, drawn by farthest-point sampling
    random: Count | None = None  # frames, drawn by seed


@frozen(kw_only=True)
class Data:
    """[data]: the labelled structures. A folder with train/ and valid/ gives one part to each."""

    species: tuple[Symbol, ...]  # model order, never sorted
    train: tuple[FileName, ...]
    validation: Validation  # share of the train frames, or files
    group_by: str | None = None  # info key of the frames
    energy_baseline: Mapping[Symbol, float] | None = None  # eV of one atom; fitted when not given
    select: Select | None = None
    labels: Labels | None = None  # names, units and signs in extended XYZ
    unconverged: Literal["leave-out", "keep"] | None = None  # leave-out when not given


@frozen(kw_only=True)
class ZblRange:
    """zbl = { ... }: a range that the number alone does not say."""

    outer: Positive  # Å
    inner: NonNegative | None = None  # Å, outer/2 when not given
    factor: Positive | None = None  # outer cutoff of a pair: factor times its radii, at most outer


Zbl = Positive | ZblRange | tuple[ZblRow, ...]


@frozen(kw_only=True)
class NEPModel:
    """[model], kind = "nep": the shape of the potential."""

    kind: Literal["nep"]
    cutoff: Cutoff  # of all species, or of each
    n_max: tuple[FunctionCount, FunctionCount]  # radial, angular: n_max + 1 functions
    basis_size: tuple[FunctionCount, FunctionCount]  # radial, angular: basis_size + 1 functions
    l_max: Annotated[int, in_range(at_least=1, at_most=8)]
    invariants: tuple[Invariant, ...]
    neurons: Annotated[int, in_range(at_least=1, at_most=MOST_NEURONS)]
    zbl: Zbl | None = None  # outer cutoff in Å, or a table, or a row for each pair of species
    start_from: FileName | None = None  # a model whose numbers are trained further


@frozen(kw_only=True)
class DPModel:
    """[model], kind = "dp": a Deep Potential to compare with; defaults of DeePMD-kit."""

    kind: Literal["dp"]
    cutoff: Positive = 6.0  # Å
    smooth_cutoff: NonNegative = 0.5  # Å, where the weight of a neighbour begins to fall
    embedding: tuple[Count, ...] = (10, 20, 40)  # widths of the layers
    axis: Count = 4  # columns that make the second factor of the descriptor
    fitting: tuple[Count, ...] = (120, 120, 120)  # widths of the layers
    type_embedding: Index = 0  # length of the vector of a species, 0: networks of their own


Model = NEPModel | DPModel


@frozen(kw_only=True)
class Weights:
    """[optimizer.weights]: how hard each kind of observation pulls; 0 leaves it out."""

    energy: NonNegative
    force: NonNegative
    virial: NonNegative
    atomic_energy: NonNegative | None = None  # 0 when not given


@frozen(kw_only=True)
class LKFOptimizer:
    """[optimizer], kind = "lkf": the layerwise Kalman filter."""

    kind: Literal["lkf"]
    epochs: Count
    patience: Count | None = None  # epochs without a better one, then stop
    max_minutes: Positive | None = None  # of wall time, then stop after the epoch
    batch_size: Count  # frames in one update
    force_groups: Count  # directional force observations a frame
    kalman_lambda: UpToOne = 0.98
    kalman_nue: UpToOne = 0.9987
    block_size: Count = 5120  # parameters in one block of the covariance
    p0_weight: Positive
    tail_average: Share = 0.0  # of an epoch, its end: mean parameters are kept
    force_weights: ForceWeights | None = None
    weights: Weights


@frozen(kw_only=True)
class Prefactors:
    """[optimizer.prefactors] of Adam: first and last weight of each squared error in the loss."""

    energy: tuple[NonNegative, NonNegative] = (0.02, 1.0)
    force: tuple[NonNegative, NonNegative] = (1000.0, 1.0)
    virial: tuple[NonNegative, NonNegative] = (50.0, 1.0)
    atomic_energy: tuple[NonNegative, NonNegative] | None = None  # zeros when not given


@frozen(kw_only=True)
class AdamOptimizer:
    """[optimizer], kind = "adam" or "adamw": gradient descent on the squared errors."""

    kind: Literal["adam", "adamw"]
    epochs: Count
    patience: Count | None = None  # epochs without a better one, then stop
    max_minutes: Positive | None = None  # of wall time, then stop after the epoch
    batch_size: Count  # frames in one step
    learning_rate: tuple[Positive, Positive] = (1.0e-3, 3.51e-8)  # start, end
    schedule_steps: Count = 1_000_000  # from the first to the last learning rate
    decay_steps: Count = 5000  # between two falls of the learning rate
    weight_decay: NonNegative = 0.0
    prefactors: Prefactors = field(factory=Prefactors)
    force_weights: ForceWeights | None = None
    weights: Weights


@frozen(kw_only=True)
class SNESOptimizer:
    """[optimizer], kind = "snes": separable natural evolution strategy."""

    kind: Literal["snes"]
    epochs: Count
    patience: Count | None = None  # epochs without a better one, then stop
    max_minutes: Positive | None = None  # of wall time, then stop after the epoch
    batch_size: Count  # frames that a generation is judged by
    population: Annotated[int, in_range(at_least=4)] = 50
    sigma: Positive = 0.1  # first standard deviation of every parameter
    lambda_1: NonNegative = 0.05  # of the mean absolute parameter
    lambda_2: NonNegative = 0.05  # of the root mean square parameter
    force_weights: ForceWeights | None = None
    weights: Weights


Optimizer = LKFOptimizer | AdamOptimizer | SNESOptimizer


@frozen(kw_only=True)
class Export:
    """[export]: the text layouts that the model is written in."""

    layouts: tuple[Literal["nep4", "nep5", "lammps"], ...]


@frozen(kw_only=True)
class StructureFromData:
    """A training frame as the cell of an MD run."""

    from_: Literal["data"]  # "from" in TOML
    index: Index  # among the training frames
    replicate: tuple[Count, Count, Count]  # along the cell vectors


@frozen(kw_only=True)
class StructureFromFile:
    """A structure file as the cell of an MD run."""

    file: FileName
    replicate: tuple[Count, Count, Count]  # along the cell vectors


Structure = StructureFromData | StructureFromFile


@frozen(kw_only=True)
class Md:
    """[[md]]: one LAMMPS run with the exported model."""

    name: Name
    structure: Structure
    ensemble: Literal["nve", "nvt", "npt"]
    temperature: Positive  # K; nve starts from it
    pressure: float | None = None  # bar, npt only
    timestep: Positive  # fs
    steps: Count
    ranks: Count  # MPI processes
    threads: Count | None = None  # OpenMP threads of each rank; one when not given
    precision: Literal["double", "mixed"] = "double"
    timeout_minutes: Positive = 60.0


@frozen(kw_only=True)
class MdBenchmark:
    """[md_benchmark]: how fast npt runs with the exported model are, over sizes and settings."""

    structure: Structure  # replicated further to each size
    atoms: tuple[Count, ...]  # sizes, each the nearest that a replication gives
    atom_steps: Count  # of one measurement, which has at least ten steps
    temperature: Positive  # K
    pressure: float  # bar
    timestep: Positive  # fs
    ranks: tuple[Count, ...]  # MPI processes
    threads: tuple[Count, ...]  # OpenMP threads of each rank
    precision: tuple[Literal["double", "mixed"], ...]
    cores: Count | None = None  # most ranks times threads; those of the machine when not given
    deepmd_model: FileName | None = None  # a Deep Potential measured beside, by DeePMD-kit
    timeout_minutes: Positive = 60.0  # of one measurement


@frozen(kw_only=True)
class Tolerance:
    """What two runs may differ by in one metric: exactly one of the two."""

    relative: NonNegative | None = None
    absolute: NonNegative | None = None  # unit of the metric


@frozen(kw_only=True)
class Recipe:
    """The whole file."""

    schema: Literal[1]
    name: Name
    description: str = ""
    seed: Index
    threads: Annotated[int, in_range(at_least=1, at_most=1024)]  # pinned: bits depend on it
    data: Data
    model: Model
    optimizer: Optimizer
    export: Export | None = None
    md: tuple[Md, ...] = ()
    md_benchmark: MdBenchmark | None = None
    tolerances: Mapping[Metric, Tolerance] = field(factory=dict)
