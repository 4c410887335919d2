"""The run to repeat: its entry, and where its recipe and data may lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from nepforge.errors import DataError, DataMissingError, NepforgeError, RecipeError, UsageError
from nepforge.ledger.entry import Entry
from nepforge.ledger.log import Ledger
from nepforge.recipe.load import LoadedRecipe, format_problems, load_recipe
from nepforge.recipe.named_files import Locate, Reader
from nepforge.store.artifacts import Artifacts, artifacts_of
from nepforge.store.run_record import flat
from nepforge.store.workspace import Workspace

DIGEST = "sha256"  # key of a data file in the resolved recipe


@frozen
class Original:
    """A finished run. Names in the recipe are looked up in `folders`, in this order."""

    entry: Entry
    artifacts: Artifacts
    folders: tuple[Path, ...]

    @property
    def body(self) -> Mapping[str, Any]:
        return self.entry.body


def original_from_ledger(
    space: Workspace, hash_prefix: str, data: Path | None, ledger_file: Path | None = None
) -> Original:
    """A run of this workspace's ledger, or of another ledger file.

    Args:
        space: The workspace.
        hash_prefix: Beginning of the entry's hash.
        data: A folder that is searched for data files first.
        ledger_file: Someone else's ledger.

    Raises:
        UsageError: There is no such entry, or it is no finished run.
        IntegrityError: The ledger is damaged.
    """
    source = space
    if ledger_file is not None:
        if not ledger_file.is_file():
            raise UsageError(f"{ledger_file}: no such file", hint="name a ledger.jsonl")
        source = Workspace(ledger_file.resolve().parent.parent)
    book = space.ledger if ledger_file is None else Ledger(ledger_file.resolve(), source.hidden)
    book.verify()
    entry = book.find(hash_prefix)
    refuse_unfinished(entry)
    recipe = Path(entry.body["recipe"].get("path", entry.body["recipe"]["file"]))
    roots = [root / recipe.parent for root in (source.root, space.root)]
    folders = ([data] if data else []) + list(dict.fromkeys(roots))
    return Original(entry, artifacts_of(entry, space, source), tuple(folders))


def refuse_unfinished(entry: Entry) -> None:
    """Only a finished run can be repeated.

    Raises:
        UsageError: The entry is something else.
    """
    if entry.type != "run" or entry.body["outcome"] != "finished":
        what = f"a run that {entry.body['outcome']}" if entry.type == "run" else entry.type
        raise UsageError(
            f"entry {entry.seq} is {what}, expected a finished run",
            hint="nepforge ledger log shows the runs",
        )


class DataFinder:
    """Of all files that a name in the recipe can mean, the one with a recorded digest."""

    def __init__(self, original: Original) -> None:
        self.found: dict[str, Path] = {}  # name in the recipe -> path
        self._folders = original.folders
        resolved = flat(original.body["recipe"]["resolved"])
        self._wanted = {value for key, value in resolved if key.rpartition(".")[2] == DIGEST}

    def __call__(self, name: str, read: Reader) -> Path:
        there = [path for path in self._candidates(name) if path.exists()]
        right = (path for path in there if _digest(path, read) in self._wanted)
        nowhere = (self._folders[0] / name).absolute()
        self.found[name] = next(right, there[0] if there else nowhere)
        return self.found[name]

    def _candidates(self, name: str) -> Iterator[Path]:
        for folder in self._folders:
            yield (folder / name).absolute()
            yield folder / inside(name)
            yield folder / Path(name).name


def inside(name: str) -> Path:
    """A file name of a recipe without what leads out of a folder: ../data/a.xyz -> data/a.xyz."""
    return Path(*(part for part in Path(name).parts if part not in ("..", "/")))


def load_original(original: Original, folder: Path, locate: Locate) -> LoadedRecipe:
    """Write the recorded recipe into `folder` and load it with the recorded data.

    Args:
        original: The run.
        folder: Where the recipe is written.
        locate: Finds the data files: a DataFinder.

    Raises:
        DataMissingError: A data file is missing or has another digest.
        NepforgeError: This nepforge reads the recipe differently.
    """
    recorded = original.body["recipe"]
    path = folder / recorded["file"]
    path.write_text(recorded["text"], encoding="utf-8")
    try:
        loaded = load_recipe(path, recorded.get("overrides", ()), locate)
    except RecipeError as error:
        text = format_problems(error, recorded["text"], path)
        raise UsageError(
            f"this nepforge does not read the recorded recipe:\n{text}",
            hint=_install_hint(original),
        ) from error
    _refuse_other_recipe(original, loaded)
    return loaded


def _digest(path: Path, read: Reader) -> str:
    try:
        return read(path).sha256
    except (DataError, OSError):
        return ""


def _refuse_other_recipe(original: Original, loaded: LoadedRecipe) -> None:
    recorded = original.body["recipe"]
    if loaded.hash == recorded["hash"]:
        return
    old, new = dict(flat(recorded["resolved"])), dict(flat(loaded.resolved))
    changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    data = [key for key in changed if key.rpartition(".")[2] == DIGEST]
    if data:
        lines = [f"  {key}: {_short(new, key)} found, {_short(old, key)} recorded" for key in data]
        raise DataMissingError(
            "\n".join(["data files are not the recorded ones:", *lines]),
            hint="give the folder of the right ones with --data",
        )
    if any(key in old for key in changed):  # keys that came later have the old behaviour
        listed = ", ".join(f"{key} ({old.get(key)} -> {new.get(key)})" for key in changed[:3])
        raise NepforgeError(
            f"this nepforge reads the recipe differently: {listed}", hint=_install_hint(original)
        )


def _short(values: Mapping[str, Any], key: str) -> str:
    return str(values.get(key, "nothing"))[:12]


def _install_hint(original: Original) -> str:
    source = original.body["environment"]["nepforge"]
    commit = f", commit {source['commit'][:12]}" if "commit" in source else ""
    return f"install the nepforge that wrote the entry: {source['version']}{commit}"
