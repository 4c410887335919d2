"""Write a bundle.

ro-crate-metadata.json     what is what, see crate.py
recipe/NAME.toml           as the user wrote it
data/...                   the data files, unless only their digests are wanted
artifacts/STAGE/...        models, plots, curves: every output of every stage
environment.json           where it ran;  requirements.txt: the packages with their versions
ledger/entry.tlog-proof    the raw entry with its path to the tree head
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from nepforge.bundle.crate import METADATA, README, Credit, crate
from nepforge.data.sources import DataSource, listing
from nepforge.errors import DataMissingError, UsageError
from nepforge.ledger.proof import prove
from nepforge.recipe.load import LoadedRecipe
from nepforge.reproduce.original import DataFinder, Original, inside, load_original
from nepforge.store.artifacts import copy_artifacts
from nepforge.store.cache import file_record
from nepforge.store.workspace import Workspace

NO_CREDIT = Credit()
PROOF = "ledger/entry.tlog-proof"
ARTIFACTS = "artifacts"
README_TEXT = """# {about}

Run {hash} of nepforge (https://www.researchobject.org/ro-crate/ describes the layout).

    nepforge reproduce THIS.zip             repeat the run and judge the result
    nepforge ledger verify {proof}
                                            check that the entry is in its ledger

`recipe/` is what was run, `data/` what it was run on, `artifacts/` what came out, stage by stage;
`environment.json` and `requirements.txt` say where. Every digest is in the ledger entry.
"""
EARLIEST = (1980, 1, 1, 0, 0, 0)  # of a zip file: the same run gives the same bytes


@frozen
class Bundle:
    """What was written."""

    path: Path
    n_files: int
    size: int  # bytes
    missing: tuple[str, ...]  # outputs of which no copy is left


def write_bundle(
    space: Workspace,
    original: Original,
    target: Path,
    *,
    with_data: bool,
    credit: Credit = NO_CREDIT,
) -> Bundle:
    """Pack a finished run of this workspace.

    Args:
        space: The workspace whose ledger holds the run.
        original: The run.
        target: The zip file.
        with_data: Put the data files in; their digests are in the entry in any case.
        credit: Author, organization and licence, for the description.

    Raises:
        UsageError: `target` exists.
        DataMissingError: A data file is missing or has another digest.
    """
    if target.exists():
        raise UsageError(f"{target} exists", hint="give another name")
    with tempfile.TemporaryDirectory(prefix=".bundle-", dir=space.hidden) as scratch:
        folder = Path(scratch)
        missing = copy_artifacts(original.artifacts, folder / ARTIFACTS)
        recipe = f"recipe/{original.body['recipe']['file']}"
        data = _write_inputs(original, folder, with_data)
        _write_environment(original, folder)
        _write_proof(space, original, folder)
        _write_readme(original, folder)
        _write_metadata(original, folder, recipe, data, credit)
        n_files = _zip(folder, target)
    return Bundle(target, n_files, target.stat().st_size, tuple(missing))


def _write_inputs(original: Original, folder: Path, with_data: bool) -> list[str]:
    """The recipe, and the data under the names that it has for them."""
    (folder / "recipe").mkdir()
    if not with_data:
        recipe = original.body["recipe"]
        (folder / "recipe" / recipe["file"]).write_text(recipe["text"], encoding="utf-8")
        return []
    finder = DataFinder(original)
    loaded = load_original(original, folder / "recipe", finder)
    sources = _sources(loaded)
    written: dict[str, Path] = {}
    for name, path in finder.found.items():
        for relative, file in _files_of(path, sources):
            place = (Path("data") / inside(name) / relative).as_posix()
            if written.setdefault(place, file) != file:
                raise DataMissingError(f"{name}: two data files have the same place in a bundle")
    for place, file in written.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / place)
    return sorted(written)


def _sources(loaded: LoadedRecipe) -> list[DataSource]:
    return list(loaded.sources.at.values())


def _files_of(path: Path, sources: list[DataSource]) -> Iterator[tuple[str, Path]]:
    """A file itself, or the files of a folder that are read."""
    if path.is_file():
        yield "", path
        return
    for source in sources:
        if source.path == path:
            yield from listing(path, source.part)


def _write_environment(original: Original, folder: Path) -> None:
    environment = original.body["environment"]
    text = json.dumps(environment, indent=2, sort_keys=True)
    (folder / "environment.json").write_text(text + "\n", encoding="utf-8")
    packages = {"nepforge": environment["nepforge"]["version"], **environment["packages"]}
    lines = [
        f"{name}=={version}" for name, version in sorted(packages.items()) if version != "none"
    ]
    (folder / "requirements.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_proof(space: Workspace, original: Original, folder: Path) -> None:
    path = folder / PROOF
    path.parent.mkdir()
    path.write_text(prove(space.ledger, original.entry).text, encoding="utf-8")


def _write_readme(original: Original, folder: Path) -> None:
    entry = original.entry
    text = README_TEXT.format(about=_about(original.body), hash=entry.hash, proof=PROOF)
    (folder / README).write_text(text, encoding="utf-8")


def _write_metadata(
    original: Original, folder: Path, recipe: str, data: list[str], credit: Credit
) -> None:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {}
    for path in paths:
        record = file_record(path)
        files[path.relative_to(folder).as_posix()] = (record.sha256, record.size)
    document = crate(original.entry, recipe, data, files, _about(original.body), credit)
    text = json.dumps(document, indent=2, ensure_ascii=False)
    (folder / METADATA).write_text(text + "\n", encoding="utf-8")


def _about(body: Mapping[str, Any]) -> str:
    described = body["recipe"]["resolved"].get("description") or body["name"]
    return f"{described}: recipe, data, results and ledger entry of one nepforge run"


def _zip(folder: Path, target: Path) -> int:
    """Zip a folder under a temporary name; number of files."""
    draft = target.with_name(f".{target.name}.new")
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in paths:
                info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EARLIEST)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = 0o644 << 16
                with path.open("rb") as source, archive.open(info, "w") as packed:
                    shutil.copyfileobj(source, packed)
        draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)
    return len(paths)
