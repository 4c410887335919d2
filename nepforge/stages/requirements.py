"""Whether the data hold what a recipe asks of them, looked at before anything is trained.

What makes the run impossible is a `Problem` with the key of the recipe that asks for it; what
makes its result doubtful is a warning, a `Finding` like those of the doctor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

import attrs
from attrs import frozen

from nepforge.data.doctor.finding import Finding, finding
from nepforge.data.frame import Frame
from nepforge.errors import DataError, NepforgeError, Problem
from nepforge.lammps.plugin import find_lammps
from nepforge.plan.tables import (
    BenchmarkCells,
    DataTable,
    MdCell,
    ModelCutoff,
    StructureOfSource,
    TrainedLabels,
)
from nepforge.quantities import QUANTITIES
from nepforge.recipe.limits import did_you_mean
from nepforge.recipe.tables import Structure
from nepforge.stages.machine import n_cores
from nepforge.stages.md_cell import Cell, as_atoms, beyond_the_data, index_of, n_copies, read_file
from nepforge.stages.reach import cutoffs_of, reach

SHOWN_KEYS = 20
LABELS = {quantity.name: quantity for quantity in QUANTITIES}  # by key of the weight


@frozen
class Requirements:
    """The result of `find`: errors and warnings."""

    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()


def find(
    table: DataTable,
    inputs: Mapping[str, Path],
    train: Sequence[Frame],
    valid: Sequence[Frame],
    *,
    sound: bool = True,
) -> Requirements:
    """Look at every key of a recipe that needs the data.

    Args:
        table: Of the data stage.
        inputs: Its sources; the structure files of MD runs by the names in "md".
        train: Training frames after the split.
        valid: Validation frames after the split.
        sound: Whether the doctor found no error: distances are then measured.
    """
    results = [
        *_groups(table.data.group_by, [*train, *valid]),
        *_labels(table.optimizer, train),
        *(_neighbors(table.model, table.data.species, train) if sound else ()),
        *_md(table, inputs, train),
    ]
    return Requirements(
        tuple(one for one in results if isinstance(one, Problem)),
        tuple(one for one in results if isinstance(one, Finding)),
    )


def _groups(key: str | None, frames: Sequence[Frame]) -> Iterator[Problem | Finding]:
    without = [frame for frame in frames if not frame.group]
    if not key or not without:
        return
    if len(without) < len(frames):
        text = f'{len(without)} of {len(frames)} frames have no info key "{key}"'
        yield finding("warning", "group-by", f"{text} and are in no group", without)
        return
    known = sorted({name for frame in frames for name in frame.info})
    listed = f"keys of the frames: {', '.join(known[:SHOWN_KEYS])}" if known else ""
    hints = [did_you_mean(key, known), listed, "take group_by out for no groups"]
    message = f'none of the {len(frames)} frames has the info key "{key}"'
    yield Problem("data.group_by", message, "; ".join(hint for hint in hints if hint))


def _labels(wanted: TrainedLabels, train: Sequence[Frame]) -> Iterator[Problem]:
    """Weights and prefactors of labels that no training frame has."""
    for table, names in attrs.asdict(wanted).items():
        for name in names or ():
            if all(getattr(frame, LABELS[name].field) is None for frame in train):
                yield Problem(
                    f"optimizer.{table}.{name}",
                    f"is above 0, none of the {len(train)} training frames has that label",
                    f"set it to {'0' if table == 'weights' else '[0, 0]'}, or check the names of "
                    "the labels" + LABELS[name].hint,
                )


def _neighbors(
    model: ModelCutoff, species: Sequence[str], train: Sequence[Frame]
) -> Iterator[Problem | Finding]:
    """Cutoffs within which no atom, or no atom of a species, has a neighbour."""
    found = reach(train, species, cutoffs_of(model.cutoff, len(species)))
    if not found.radial:
        closest = f"the closest two are {found.closest:.2f} Å apart" if found.closest else ""
        yield Problem(
            "model.cutoff",
            f"no atom of the {len(train)} training frames has a neighbour within "
            f"{found.largest[0]:g} Å",
            f"{closest or 'they are all isolated atoms'}; a cutoff is in Å and reaches over the "
            "nearest neighbours",
        )
        return
    if len(found.largest) > 1 and not found.angular:
        text = (
            f"no atom has a neighbour within the angular cutoff, {found.largest[1]:g} Å: the "
            "angular descriptors are all 0"
        )
        yield finding("warning", "cutoff", text)
    alone = [symbol for symbol in species if symbol in found.present - found.radial]
    if alone:
        text = f"{', '.join(alone)}: no such atom has a neighbour within the cutoff"
        yield finding("warning", "cutoff", text)


def _md(
    table: DataTable, inputs: Mapping[str, Path], train: Sequence[Frame]
) -> Iterator[Problem | Finding]:
    runs, benchmark = table.md or (), table.md_benchmark
    if not runs and benchmark is None:
        return
    try:
        find_lammps()
    except NepforgeError as error:
        yield Problem("md" if runs else "md_benchmark", error.message, error.hint)
    species = table.data.species
    reaches = max(pair[0] for pair in cutoffs_of(table.model.cutoff, len(species)))
    for idx, run in enumerate(runs):
        yield from _run(f"md[{idx}]", run, species, reaches, inputs, train)
    if benchmark is not None:
        yield from _benchmark(benchmark, species, inputs, train)


def _run(
    at: str,
    run: MdCell,
    species: Sequence[str],
    cutoff: float,
    inputs: Mapping[str, Path],
    train: Sequence[Frame],
) -> Iterator[Problem | Finding]:
    structure = run.structure
    cell = _cell(structure, f"{at}.structure", inputs, train)
    problems = [cell] if isinstance(cell, Problem) else [*cell.problems(species)]
    yield from problems
    if problems or isinstance(cell, Problem):
        return
    replicate = structure.replicate
    sizes = [*cell.size_problems(n_copies(replicate), f"{at}.structure.replicate")]
    yield from sizes
    if sizes:
        return
    n_atoms = len(cell.atoms) * n_copies(replicate)
    if run.ranks > n_atoms:
        text = f"{at}.ranks: {run.ranks} MPI ranks for {n_atoms} atoms"
        yield finding("warning", "md", f"{text}; some have nothing to do")
    thickness = cell.thickness(replicate)
    if thickness < cutoff:
        text = (
            f"{at}.structure.replicate: a cell {thickness:.2f} Å thin is run with a cutoff of "
            f"{cutoff:g} Å: atoms follow their own images, and averages are those of a tiny crystal"
        )
        yield finding("warning", "md", text)


def _benchmark(
    table: BenchmarkCells,
    species: Sequence[str],
    inputs: Mapping[str, Path],
    train: Sequence[Frame],
) -> Iterator[Problem | Finding]:
    at = "md_benchmark"
    most = table.cores or n_cores()
    if all(ranks * threads > most for ranks, threads in product(table.ranks, table.threads)):
        message = f"every combination of ranks and threads needs more than {most} cores"
        yield Problem(f"{at}.ranks", message, f"add 1 to ranks and threads, or set {at}.cores")
    cell = _cell(table.structure, f"{at}.structure", inputs, train)
    problems = [cell] if isinstance(cell, Problem) else [*cell.problems(species)]
    yield from problems
    if problems or isinstance(cell, Problem):
        return
    copies = n_copies(table.structure.replicate)
    sizes = [*cell.size_problems(copies, f"{at}.structure.replicate")]
    yield from sizes
    if sizes:
        return
    for idx, n_atoms in enumerate(table.atoms):
        n_cells = max(copies, round(n_atoms / len(cell.atoms)))
        yield from cell.size_problems(n_cells, f"{at}.atoms[{idx}]")


def _cell(
    structure: Structure, at: str, inputs: Mapping[str, Path], train: Sequence[Frame]
) -> Cell | Problem:
    if isinstance(structure, StructureOfSource):
        try:
            atoms = read_file(inputs[structure.file], structure.format)
        except DataError as error:
            return Problem(f"{at}.file", error.message, error.hint)
        return Cell(atoms, at, f"{at}.file")
    index = index_of(structure)
    if index >= len(train):
        return beyond_the_data(index, len(train), at)
    return Cell(as_atoms(train[index]), at, f"{at}.index")
