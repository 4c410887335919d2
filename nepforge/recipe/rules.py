"""Rules between several keys of a recipe, checked after each value has been read by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import attrs
from attrs import frozen

from nepforge.quantities import QUANTITIES
from nepforge.recipe.limits import Violation
from nepforge.recipe.positions import Parts
from nepforge.recipe.tables import (
    AdamOptimizer,
    Data,
    DPModelTable,
    Export,
    Md,
    MdBenchmark,
    Model,
    NEPModelTable,
    Optimizer,
    Prefactors,
    Recipe,
    Select,
    Tolerance,
    Weights,
    Zbl,
    ZblRange,
)
from nepforge.recipe.tables.values import Cutoff

LEAST_L_MAX = {"222": 2, "1111": 1, "112": 2, "123": 3, "233": 3, "134": 4}
LABELS = tuple(quantity.name for quantity in QUANTITIES)
MD_LAYOUTS = ("lammps", "nep5")  # what the pair style reads without loss, best first
GPUMD_LAYOUTS = ("nep4", "nep5")
# GPUMD's compile-time sizes, which NEP_CPU shares (its doc/nep, and its trainer's own checks)
GPUMD_FUNCTIONS = {"n_max": (12, 8), "basis_size": (16, 12)}  # most, radial and angular
GPUMD_NEURONS = 120
GPUMD_DESCRIPTORS, GPUMD_ANGULAR_DESCRIPTORS = 103, 90
SELECT_KEYS = tuple(attribute.name for attribute in attrs.fields(Select))
SELECT_RANGES = ("energy", "force", "distance")
LAMMPS_TABLES = {"md": "[[md]]", "md_benchmark": "[md_benchmark]"}  # key -> as TOML writes it


@frozen
class Rule:
    """A check of the values of `keys` of one table, made if all of them could be read.

    The values of the keys in `written` follow as parsed TOML, readable or not; None if missing.
    """

    keys: tuple[str, ...]
    check: Callable[..., Iterator[Violation]]
    written: tuple[str, ...] = ()


def not_empty(key: str) -> Rule:
    def check(values: object) -> Iterator[Violation]:
        if values == ():
            yield Violation("got an empty array, expected at least one element", "", (key,))

    return Rule((key,), check)


def distinct(key: str) -> Rule:
    def check(values: object) -> Iterator[Violation]:
        if not isinstance(values, tuple):  # data.validation may be a fraction
            return
        for idx in _repeated(values):
            yield Violation(f'got "{values[idx]}" again, expected each once', "", (key, idx))

    return Rule((key,), check)


def cutoff_pairs(cutoff: Cutoff) -> list[tuple[float, float]]:
    """(radial, angular) in Å: one of all species or one of each."""
    return [pair for pair in cutoff if isinstance(pair, tuple)] or [(cutoff[0], cutoff[1])]  # type: ignore[list-item]


def cutoffs_descend(cutoff: Cutoff) -> Iterator[Violation]:
    for idx, (radial, angular) in enumerate(cutoff_pairs(cutoff)):
        if angular > radial:
            yield Violation(
                f"got radial {radial:g} Å and angular {angular:g} Å, expected angular <= radial",
                "the order is [radial, angular]",
                ("cutoff", idx) if isinstance(cutoff[0], tuple) else ("cutoff",),
            )


def zbl_in_range(zbl: Zbl | None, cutoff: Cutoff) -> Iterator[Violation]:
    """0 <= inner < outer <= the smallest angular cutoff, whose neighbour list ZBL shares."""
    most = min((angular for _, angular in cutoff_pairs(cutoff)), default=0.0)
    for at, inner, outer in _zbl_ranges(zbl):
        if inner >= outer:
            yield Violation(f"got inner {inner:g} Å, expected it below outer, {outer:g} Å", "", at)
        if outer > most:
            yield Violation(
                f"got an outer cutoff of {outer:g} Å, expected at most the angular cutoff, "
                f"{most:g} Å",
                "",
                at,
            )


def _zbl_ranges(zbl: Zbl | None) -> Iterator[tuple[Parts, float, float]]:
    """Place, inner and outer cutoff of every range that is given."""
    match zbl:
        case ZblRange():
            yield ("zbl",), 0.0 if zbl.inner is None else zbl.inner, zbl.outer
        case tuple():
            for idx, row in enumerate(zbl):
                yield ("zbl", idx), row[0], row[1]
        case float():
            yield ("zbl",), 0.0, zbl


def l_max_reaches(l_max: int, invariants: Sequence[str]) -> Iterator[Violation]:
    for idx, name in enumerate(invariants):
        if l_max < LEAST_L_MAX[name]:
            yield Violation(
                f'got "{name}" with l_max = {l_max}, it needs at least {LEAST_L_MAX[name]}',
                f'raise l_max or leave "{name}" out',
                ("invariants", idx),
            )


def smooth_cutoff_inside(cutoff: float, smooth_cutoff: float) -> Iterator[Violation]:
    if smooth_cutoff >= cutoff:
        message = f"got {smooth_cutoff:g} Å, expected less than the cutoff, {cutoff:g} Å"
        yield Violation(message, "", ("smooth_cutoff",))


def axis_fits(embedding: Sequence[int], axis: int) -> Iterator[Violation]:
    if embedding and axis > embedding[-1]:
        message = f"got {axis}, expected at most the last width of embedding, {embedding[-1]}"
        yield Violation(message, "", ("axis",))


def something_is_trained(*weights: float | None) -> Iterator[Violation]:
    if not any(weights):
        yield Violation("got zeros only, expected at least one weight above 0")


def something_is_learned(*pairs: tuple[float, float] | None) -> Iterator[Violation]:
    if not any(value for pair in pairs for value in pair or ()):
        yield Violation("got zeros only, expected at least one prefactor above 0")


def learning_rate_falls(learning_rate: tuple[float, float]) -> Iterator[Violation]:
    start, end = learning_rate
    if end > start:
        yield Violation(
            f"got {start:g} at the start and {end:g} at the end, expected a rate that falls",
            "the order is [start, end]",
            ("learning_rate",),
        )


def something_is_selected(*values: object) -> Iterator[Violation]:
    if all(value is None for value in values):
        yield Violation("selects nothing", f"known keys: {', '.join(SELECT_KEYS)}")


def ranges_rise(*ranges: str | None) -> Iterator[Violation]:
    for key, text in zip(SELECT_RANGES, ranges, strict=True):
        low, _, high = (text or "").partition(":")
        if low and high and float(low) > float(high):
            yield Violation(f'got "{text}", expected the lower end first', "", (key,))


def baseline_of_each_species(
    species: Sequence[str], energy_baseline: Mapping[str, float] | None
) -> Iterator[Violation]:
    if energy_baseline is None:
        return
    yield from _foreign(energy_baseline, species, ("energy_baseline",))
    for symbol in species:
        if symbol not in energy_baseline:
            message = f"missing, expected the energy of one atom of {symbol} in eV"
            yield Violation(message, "", ("energy_baseline", symbol))


def _foreign(symbols: Iterable[str], species: Sequence[str], at: Parts) -> Iterator[Violation]:
    for symbol in symbols:
        if symbol not in species:
            message = f"is not among data.species, {', '.join(species)}"
            yield Violation(message, f"remove {symbol}", (*at, symbol))


def pressure_with_npt(ensemble: str, pressure: float | None) -> Iterator[Violation]:
    if ensemble == "npt" and pressure is None:
        yield Violation(
            'missing, ensemble = "npt" needs it', "pressure = 0.0  # bar", ("pressure",)
        )
    if ensemble != "npt" and pressure is not None:
        yield Violation(
            f'not used with ensemble = "{ensemble}"',
            'remove it, or set ensemble = "npt"',
            ("pressure",),
        )


def one_tolerance(relative: float | None, absolute: float | None) -> Iterator[Violation]:
    if (relative is None) == (absolute is None):
        yield Violation("expected exactly one of relative and absolute", "{ relative = 0.05 }")


def export_for_md(export: Export | None, md: object, md_benchmark: object) -> Iterator[Violation]:
    """A recipe that runs LAMMPS needs a layout that the pair style reads."""
    if export is not None and (md or md_benchmark) and not set(MD_LAYOUTS) & set(export.layouts):
        yield Violation(
            "LAMMPS needs the model in a layout with one output bias per element",
            'add "lammps" or "nep5"',
            ("export", "layouts"),
        )


def export_for_gpumd(model: Model, export: Export | None) -> Iterator[Violation]:
    """What is exported for GPUMD and NEP_CPU must be of a size that they were compiled for."""
    layouts = () if export is None else export.layouts
    if isinstance(model, NEPModelTable) and set(GPUMD_LAYOUTS) & set(layouts):
        yield from beyond_gpumd(model)


def beyond_gpumd(model: NEPModelTable) -> Iterator[Violation]:
    """Sizes that GPUMD and NEP_CPU do not read."""
    n_angular = (model.n_max[1] + 1) * (model.l_max + len(model.invariants))
    n_descriptors = model.n_max[0] + 1 + n_angular
    sizes: list[tuple[Parts, str, int, int]] = [
        (("model", key, idx), "", getattr(model, key)[idx], most)
        for key, limits in GPUMD_FUNCTIONS.items()
        for idx, most in enumerate(limits)
    ]
    sizes += [
        (("model", "neurons"), "", model.neurons, GPUMD_NEURONS),
        (("model", "n_max"), " angular descriptors", n_angular, GPUMD_ANGULAR_DESCRIPTORS),
        (("model", "n_max"), " descriptors", n_descriptors, GPUMD_DESCRIPTORS),
    ]
    for at, words, found, most in sizes:
        if found > most:
            message = f"got {found}{words}, GPUMD and NEP_CPU read at most {most}"
            yield Violation(message, 'lower it, or export.layouts = ["lammps"]', at)


def use_of_model(
    model: Model, export: object, md: object, md_benchmark: object
) -> Iterator[Violation]:
    """LAMMPS runs what is exported, and only NEP is exported."""
    runs = {"md": md, "md_benchmark": md_benchmark}
    if isinstance(model, DPModelTable):
        for key, table in {"export": export, **runs}.items():
            if table:
                message = "a Deep Potential is neither exported nor run in LAMMPS here"
                yield Violation(message, f"remove {key}", (key,))
    elif not export:
        for key, table in runs.items():
            if table:
                message = f"missing, {LAMMPS_TABLES[key]} runs the exported model"
                yield Violation(message, "add [export]", ("export",))


def model_for_species(data: Data, model: Model) -> Iterator[Violation]:
    """Cutoffs of each species and ZBL rows of each pair fit [data] species."""
    if isinstance(model, DPModelTable):
        return
    n_species = len(data.species)
    if isinstance(model.cutoff[0], tuple) and len(model.cutoff) != n_species:
        yield Violation(
            f"got {len(model.cutoff)} pairs, expected one for each of the {n_species} species",
            f"the order is that of data.species: {', '.join(data.species)}",
            ("model", "cutoff"),
        )
    n_pairs = n_species * (n_species + 1) // 2
    if isinstance(model.zbl, tuple) and len(model.zbl) != n_pairs:
        yield Violation(
            f"got {len(model.zbl)} rows, expected {n_pairs}, one for each pair of species",
            "pairs are (0, 0), (0, 1), ..., (1, 1), ... in the order of data.species",
            ("model", "zbl"),
        )


def optimizer_for_species(data: Data, optimizer: Optimizer) -> Iterator[Violation]:
    """Force weights are of species that the model has."""
    at = ("optimizer", "force_weights")
    yield from _foreign(optimizer.force_weights or (), data.species, at)


def baseline_of_new_model(data: Data, model: Model) -> Iterator[Violation]:
    """A model that is trained further has output biases, which are fitted to the data."""
    if data.energy_baseline is not None and getattr(model, "start_from", None) is not None:
        message = "got a baseline for a model that starts from another one"
        hint = "remove it: the output biases of that model are moved to the training energies"
        yield Violation(message, hint, ("data", "energy_baseline"))


def distinct_md_names(md: object) -> Iterator[Violation]:
    """The name of an MD run names its stage."""
    tables = md if isinstance(md, list) else []
    names = [table.get("name") if isinstance(table, dict) else None for table in tables]
    for idx in _repeated(names):
        if names[idx] is not None:
            yield Violation(
                f'got "{names[idx]}" again, expected a new name', "", ("md", idx, "name")
            )


def _repeated(values: Sequence[object]) -> list[int]:
    return [idx for idx, value in enumerate(values) if value in values[:idx]]


TABLE_RULES: Mapping[type, tuple[Rule, ...]] = {
    Data: (
        not_empty("species"),
        distinct("species"),
        not_empty("train"),
        distinct("train"),
        not_empty("validation"),
        distinct("validation"),
        Rule(("species", "energy_baseline"), baseline_of_each_species),
    ),
    Select: (
        Rule(SELECT_KEYS, something_is_selected),
        Rule(SELECT_RANGES, ranges_rise),
        *(not_empty(key) for key in ("elements", "without", "formula", "info")),
    ),
    NEPModelTable: (
        Rule(("cutoff",), cutoffs_descend),
        Rule(("zbl", "cutoff"), zbl_in_range),
        not_empty("zbl"),
        distinct("invariants"),
        Rule(("l_max", "invariants"), l_max_reaches),
    ),
    DPModelTable: (
        Rule(("cutoff", "smooth_cutoff"), smooth_cutoff_inside),
        not_empty("embedding"),
        not_empty("fitting"),
        Rule(("embedding", "axis"), axis_fits),
    ),
    Weights: (Rule(LABELS, something_is_trained),),
    Prefactors: (Rule(LABELS, something_is_learned),),
    AdamOptimizer: (Rule(("learning_rate",), learning_rate_falls),),
    Export: (not_empty("layouts"), distinct("layouts")),
    Md: (Rule(("ensemble", "pressure"), pressure_with_npt),),
    MdBenchmark: tuple(
        rule(key)
        for key in ("atoms", "ranks", "threads", "precision")
        for rule in (not_empty, distinct)
    ),
    Tolerance: (Rule(("relative", "absolute"), one_tolerance),),
    Recipe: (
        Rule(("data", "model"), model_for_species),
        Rule(("data", "model"), baseline_of_new_model),
        Rule(("data", "optimizer"), optimizer_for_species),
        Rule(("model",), use_of_model, written=("export", *LAMMPS_TABLES)),
        Rule((), distinct_md_names, written=("md",)),
        Rule(("model", "export"), export_for_gpumd),
        Rule(("export",), export_for_md, written=tuple(LAMMPS_TABLES)),
    ),
}
