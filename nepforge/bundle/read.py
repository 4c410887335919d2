"""Read a bundle: its entry, proven, with the files that came along."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

from nepforge.bundle.write import ARTIFACTS, PROOF
from nepforge.errors import IntegrityError, UsageError
from nepforge.ledger.entry import Entry
from nepforge.ledger.log import NUMBER_MARK
from nepforge.ledger.proof import check_proof, parse_proof
from nepforge.reproduce.original import Original, refuse_unfinished
from nepforge.store.artifacts import Artifacts
from nepforge.store.workspace import Workspace


def original_from_bundle(
    space: Workspace, bundle: Path, hash_prefix: str, data: Path | None
) -> Original:
    """The run in a bundle, unpacked below the hidden folder of `space`.

    Args:
        space: Where the run will be repeated.
        bundle: A zip file that `write_bundle` wrote.
        hash_prefix: Beginning of the entry's hash, or "" for whatever is in the bundle.
        data: A folder that is searched for data files first.

    Raises:
        UsageError: The file does not exist, or holds another entry.
        IntegrityError: It is no bundle, or its proof does not hold.
    """
    folder = _unpack(space, bundle)
    entry = _entry(bundle, folder)
    number = hash_prefix.removeprefix(NUMBER_MARK)
    if not entry.hash.startswith(hash_prefix.lower()) and number != str(entry.seq):
        raise UsageError(f"{bundle} holds run {entry.hash[:12]}, not {hash_prefix}")
    refuse_unfinished(entry)
    folders = ([data] if data else []) + [folder / "data"]
    return Original(entry, Artifacts(entry, (folder / ARTIFACTS,)), tuple(folders))


def _entry(bundle: Path, folder: Path) -> Entry:
    try:
        return check_proof(parse_proof((folder / PROOF).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise IntegrityError(
            f"{bundle}: holds no proof of a ledger entry", hint="ask for the bundle again"
        ) from error


def _unpack(space: Workspace, bundle: Path) -> Path:
    """Extract into a folder named after the content of the zip file."""
    if not bundle.is_file():
        raise UsageError(f"{bundle}: no such file", hint="give a zip file of nepforge bundle")
    with bundle.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    folder = space.hidden / "bundles" / digest[:12]
    draft = folder.with_name(f".{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        with zipfile.ZipFile(bundle) as archive:
            _refuse_outside(bundle, archive)
            archive.extractall(draft)
    except (zipfile.BadZipFile, OSError) as error:
        raise IntegrityError(
            f"{bundle}: cannot be unpacked: {error}", hint="ask for the bundle again"
        ) from error
    draft.rename(folder)
    return folder


def _refuse_outside(bundle: Path, archive: zipfile.ZipFile) -> None:
    for name in archive.namelist():
        if name.startswith("/") or ".." in Path(name).parts:
            raise IntegrityError(f"{bundle}: names a file outside itself: {name}")
