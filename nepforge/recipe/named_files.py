"""Every file that a recipe names: found, recognised and hashed."""

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
from nepforge.recipe.tables import Recipe
from nepforge.recipe.tables.key import FileUse, about, keys_of, tables_in
from nepforge.recipe.tables.values import is_one_file

Reader = Callable[[Path], DataSource]
READERS: Mapping[FileUse, Reader] = {
    "training data": partial(data_source, part="train"),
    "validation data": partial(data_source, part="valid"),
    "structure": structure_source,
    "model": model_source,
}
# name in the recipe, how it would be read -> the path it means, which need not exist
Locate = Callable[[str, Reader], Path]


@frozen
class NamedFiles:
    """The files of a recipe by the place of their names: ("data", "train", 0)."""

    at: Mapping[Parts, DataSource] = field(factory=dict)

    def get(self, *at: str | int) -> DataSource | None:
        """The file that is named at this place; None where no file is named."""
        return self.at.get(at)

    def each(self, *at: str | int) -> tuple[DataSource, ...]:
        """The files of an array; empty where data.validation is a fraction."""
        return tuple(source for place, source in self.at.items() if place[:-1] == at)


def beside(folder: Path) -> Locate:
    """Names are relative to the folder of the recipe."""
    return lambda name, _: (folder / name).absolute()


def find_files(
    document: Mapping[str, Any], path: Path, places: Mapping[Parts, Position], locate: Locate
) -> NamedFiles:
    """Look up the files that the recipe at `path` names.

    Raises:
        RecipeError: a file has no known layout, or is named twice.
        DataMissingError: files do not exist, all of them.
    """
    search = _Search(locate)
    found = {at: search.one(at, name, READERS[use]) for at, name, use in file_names(document)}
    files = NamedFiles({at: source for at, source in found.items() if source})
    violations = [*search.violations, *_in_both(files)]
    if violations:
        raise recipe_error(path, [*violations, *search.missing], places)
    if search.missing:
        raise _missing_error(path, search.missing, places)
    return files


def file_names(
    document: Mapping[str, Any], table: type = Recipe, at: Parts = ()
) -> Iterator[tuple[Parts, str, FileUse]]:
    """Place, name and use of every file that a parsed recipe names, whatever else is wrong."""
    for key, attribute in keys_of(table).items():
        use = about(attribute).file
        depth = len(at) + (1 if is_one_file(attribute.type) else 2)
        for place, value in _each((*at, key), document.get(key)):
            if isinstance(value, Mapping):
                for below in tables_in(attribute.type):
                    yield from file_names(value, below, place)
            elif use and value and isinstance(value, str) and len(place) == depth:
                yield place, value, use


def _each(at: Parts, value: Any) -> Iterator[tuple[Parts, Any]]:
    """A value, or the elements of an array."""
    if isinstance(value, list):
        yield from (((*at, idx), item) for idx, item in enumerate(value))
    else:
        yield at, value


@frozen
class _Search:
    """Looks files up and keeps what was not found or cannot be read."""

    locate: Locate
    missing: list[Violation] = field(factory=list)
    violations: list[Violation] = field(factory=list)

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
    for at, name, use in file_names(document):
        if not locate(name, READERS[use]).exists():
            search.one(at, name, READERS[use])
    return search.missing


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


def _in_both(files: NamedFiles) -> list[Violation]:
    """The same content in train and validation would make the validation errors worthless."""
    of_train = {source.sha256 for source in files.each("data", "train")}
    return [
        Violation(f'"{source.path.name}" is also in data.train', "", at)
        for at, source in files.at.items()
        if at[:-1] == ("data", "validation") and source.sha256 in of_train
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
