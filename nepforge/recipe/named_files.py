"""Every file that a recipe names: found, its format told, hashed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attrs import field, frozen

from nepforge.data.sources import DataSource, data_source, model_source, structure_source
from nepforge.errors import DataError, DataMissingError
from nepforge.recipe.limits import Violation, did_you_mean
from nepforge.recipe.positions import Parts, Position, dotted
from nepforge.recipe.problems import recipe_error
from nepforge.recipe.tables import MdBenchmark, NEPModel, Recipe, StructureFromFile

Reader = Callable[[Path], DataSource]
# name in the recipe, how it would be read -> the path that is meant; need not exist
Locate = Callable[[str, Reader], Path]


@frozen
class NamedFiles:
    """The data of the recipe in its order; `md` by the name of the MD run."""

    train: tuple[DataSource, ...] = ()
    validation: tuple[DataSource, ...] = ()  # empty when a fraction of train is taken
    md: Mapping[str, DataSource] = field(factory=dict)
    md_benchmark: Mapping[str, DataSource] = field(factory=dict)  # "structure", "deepmd_model"
    start_from: DataSource | None = None  # the model that is trained further

    @property
    def by_use(self) -> list[tuple[str, DataSource]]:
        """Every file with what it is for: "train", "md:npt-300K"."""
        start = [] if self.start_from is None else [self.start_from]
        return [
            *(("train", source) for source in self.train),
            *(("validation", source) for source in self.validation),
            *(("start_from", source) for source in start),
            *((f"md:{name}", source) for name, source in self.md.items()),
            *((f"md_benchmark:{name}", source) for name, source in self.md_benchmark.items()),
        ]


def beside(folder: Path) -> Locate:
    """Names are relative to the folder of the recipe."""
    return lambda name, _: (folder / name).absolute()


def find_files(
    recipe: Recipe, path: Path, places: Mapping[Parts, Position], locate: Locate
) -> NamedFiles:
    """Look up the files of the recipe at `path`.

    Raises:
        RecipeError: a file has no known layout, or is named twice.
        DataMissingError: files do not exist, all of them.
    """
    search = _Search(locate)
    data = recipe.data
    train = search.each(("data", "train"), data.train, partial(data_source, part="train"))
    names = data.validation if isinstance(data.validation, tuple) else ()
    validation = search.each(("data", "validation"), names, partial(data_source, part="valid"))
    start = None
    if isinstance(recipe.model, NEPModel) and recipe.model.start_from is not None:
        start = search.one(("model", "start_from"), recipe.model.start_from, model_source)
    md = {}
    for idx, table in enumerate(recipe.md):
        if isinstance(table.structure, StructureFromFile):
            at = ("md", idx, "structure", "file")
            md[table.name] = search.one(at, table.structure.file, structure_source)
    of_benchmark = _benchmark_files(recipe.md_benchmark, search)
    violations = [*search.violations, *_in_both(train, validation)]
    if violations:
        raise recipe_error(path, [*violations, *search.missing], places)
    if search.missing:
        raise _missing_error(path, search.missing, places)
    return NamedFiles(
        train=tuple(source for source in train if source),
        validation=tuple(source for source in validation if source),
        md={name: source for name, source in md.items() if source},
        md_benchmark={name: source for name, source in of_benchmark.items() if source},
        start_from=start,
    )


@frozen
class _Search:
    """Looks files up and keeps what was not found or cannot be read."""

    locate: Locate
    missing: list[Violation] = field(factory=list)
    violations: list[Violation] = field(factory=list)

    def each(self, at: Parts, names: Sequence[str], read: Reader) -> list[DataSource | None]:
        return [self.one((*at, idx), name, read) for idx, name in enumerate(names)]

    def one(self, at: Parts, name: str, read: Reader) -> DataSource | None:
        path = self.locate(name, read)
        try:
            if path.exists():
                return read(path)
            self.missing.append(Violation(f'"{name}" does not exist', _near(path, name), at))
        except DataError as error:
            self.violations.append(Violation(error.message, error.hint, at))
        except OSError as error:
            self.violations.append(Violation(f'"{name}" cannot be read: {error.strerror}', "", at))
        return None


def missing_files(document: Mapping[str, Any], locate: Locate) -> list[Violation]:
    """Files of a recipe with other problems that do not exist, so that all come at once."""
    search = _Search(locate)
    for at, name, read in _named_in(document):
        if isinstance(name, str) and name and not locate(name, read).exists():
            search.one(at, name, read)
    return search.missing


def _named_in(document: Mapping[str, Any]) -> Iterator[tuple[Parts, Any, Reader]]:
    """Key path, value and reader of whatever should be the name of a file."""
    data = _table(document, "data")
    for key, part in (("train", "train"), ("validation", "valid")):
        names = data.get(key)
        for idx, name in enumerate(names if isinstance(names, list) else []):
            yield ("data", key, idx), name, partial(data_source, part=part)
    yield ("model", "start_from"), _table(document, "model").get("start_from"), model_source
    runs = document.get("md")
    for idx, run in enumerate(runs if isinstance(runs, list) else []):
        name = _table(run, "structure").get("file")
        yield ("md", idx, "structure", "file"), name, structure_source
    benchmark = _table(document, "md_benchmark")
    name = _table(benchmark, "structure").get("file")
    yield ("md_benchmark", "structure", "file"), name, structure_source
    name = benchmark.get("deepmd_model")
    yield ("md_benchmark", "deepmd_model"), name, model_source


def _table(document: Any, key: str) -> Mapping[str, Any]:
    """The table of that key; empty where there is none."""
    value = document.get(key) if isinstance(document, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _near(path: Path, name: str) -> str:
    """Where a file that does not exist may be meant to be."""
    if Path(name).exists():
        return f'names are relative to the folder of the recipe: "{_from_folder(path, name)}"'
    folder = next(parent for parent in path.parents if parent.is_dir())
    wanted = path.relative_to(folder).parts[0]
    near = did_you_mean(wanted, sorted(entry.name for entry in folder.iterdir()))
    return (
        near if len(path.relative_to(folder).parts) == 1 else f"{near} (a folder)" if near else ""
    )


def _from_folder(path: Path, name: str) -> str:
    """The file as seen from the folder that names are relative to."""
    depth = len(Path(name).parts)
    base = path.parents[depth - 1] if depth <= len(path.parents) else path.parent
    return os.path.relpath(Path(name).absolute(), base)


def _benchmark_files(table: MdBenchmark | None, search: _Search) -> dict[str, DataSource | None]:
    found: dict[str, DataSource | None] = {}
    at: Parts = ("md_benchmark",)
    if table is not None and isinstance(table.structure, StructureFromFile):
        name = table.structure.file
        found["structure"] = search.one((*at, "structure", "file"), name, structure_source)
    if table is not None and table.deepmd_model is not None:
        name = table.deepmd_model
        found["deepmd_model"] = search.one((*at, "deepmd_model"), name, model_source)
    return found


def _in_both(
    train: Sequence[DataSource | None], validation: Sequence[DataSource | None]
) -> list[Violation]:
    """The same content in train and validation would make the validation errors worthless."""
    of_train = {source.sha256 for source in train if source}
    return [
        Violation(f'"{source.path.name}" is in data.train too', "", ("data", "validation", idx))
        for idx, source in enumerate(validation)
        if source and source.sha256 in of_train
    ]


def _missing_error(
    path: Path, missing: Sequence[Violation], places: Mapping[Parts, Position]
) -> DataMissingError:
    lines = [f"{path}: files that the recipe names do not exist:"]
    for violation in missing:
        line, column = places.get(violation.at, (0, 0))
        hint = f" ({violation.hint})" if violation.hint else ""
        lines.append(f"  {path}:{line}:{column}: {dotted(violation.at)}: {violation.message}{hint}")
    return DataMissingError(
        "\n".join(lines), hint="put the files there; names are relative to the recipe's folder"
    )
