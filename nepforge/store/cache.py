"""Published results by content address: <cache>/<key[:2]>/<key>/ with a manifest.json.

Publishing is one rename of a scratch folder that is already complete on the disk, so a folder
under its key is whole or absent. Reading checks every byte against the manifest before a result
is used. The manifest guards itself: it holds what went into the key, which must hash to the name
of the folder, and a digest of its own fields.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from attrs import frozen

from nepforge.errors import IntegrityError, NepforgeError, StageError
from nepforge.plan.stage import key_of
from nepforge.shared_disk.durable import make_folder, sync_file, sync_folder

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1
_KEY = re.compile(r"[0-9a-f]{64}")


@frozen
class FileRecord:
    """A published file, known by its content."""

    sha256: str
    size: int  # bytes


@frozen
class Published:
    """A result in the cache. `folder` is read-only; names in `files` are relative to it."""

    key: str
    folder: Path
    content: Mapping[str, Any]  # what the key is the hash of
    files: Mapping[str, FileRecord]
    volatile: tuple[str, ...]  # patterns of files that may differ between two builds
    seconds: float  # what the build took


@frozen
class Damage:
    """A folder under a key that is not what was published there."""

    key: str
    folder: Path
    reason: str


@frozen
class Conflict:
    """A second build of one key differs. Both are kept."""

    key: str
    files: Mapping[str, tuple[str, str]]  # name -> sha256 in the first and in the second build
    folder: Path  # of the second build


class Cache:
    """The store in `folder`; damaged results go to `quarantine`, on the same file system."""

    def __init__(self, folder: Path, quarantine: Path) -> None:
        self._folder = folder
        self._quarantine = quarantine

    def path(self, key: str) -> Path:
        return self._folder / key[:2] / key

    def inspect(self, key: str) -> Published | Damage | None:
        """Read a result and check every byte of it; None when there is none."""
        folder = self.path(key)
        return _checked(key, folder) if folder.is_dir() else None

    def all_keys(self) -> list[str]:
        """The keys of all results, damaged ones too."""
        names = (path.name for path in self._folder.glob("*/*") if path.is_dir())
        return sorted(name for name in names if _KEY.fullmatch(name))

    def extras(self) -> list[Path]:
        """Second builds of a key that wrote other bytes, kept beside the first."""
        return sorted(self._folder.glob("*/*+*"))

    def adopt(self, scratch: Path, key: str) -> Published | Damage:
        """Adopt a result published elsewhere, after checking every byte of it."""
        found = _checked(key, scratch)
        if isinstance(found, Damage):
            return found
        for path in [*found.files, MANIFEST]:
            sync_file(scratch / path)
        for folder in _folders(scratch):
            sync_folder(folder)
        target = self.path(key)
        self._make_shelf(target.parent)
        if _moved(scratch, target):
            return _sealed(found, target)
        return _checked(key, target)

    def set_aside(self, damage: Damage) -> Path:
        """Move a damaged result out of the way, for a person to look at; its new folder."""
        self._quarantine.mkdir(parents=True, exist_ok=True)
        try:
            damage.folder.chmod(0o755)  # a folder must be writable to get another parent
        except PermissionError as error:
            raise NepforgeError(
                f"{damage.folder}: damaged ({damage.reason}) and owned by another user",
                hint="ask the owner to remove it: nepforge cache verify shows it",
            ) from error
        for number in range(1000):
            target = self._quarantine / f"{damage.key}-{number}"
            if not target.exists():
                damage.folder.rename(target)
                return target
        raise NepforgeError(
            f"{self._quarantine}: holds 1000 damaged copies of {damage.key[:12]}",
            hint="test this disk; remove the quarantine folder when it is no longer needed",
        )

    def publish(
        self,
        scratch: Path,
        content: Mapping[str, Any],
        *,
        volatile: tuple[str, ...],
        seconds: float,
    ) -> tuple[Published, Conflict | None]:
        """Move a scratch folder to its address.

        When the address is taken, the result there stays. If its files have the same bytes,
        `volatile` ones apart, the scratch folder is dropped; if not, it is kept under the key with
        the digest of its manifest attached and the conflict is returned too.

        Args:
            scratch: Folder with the files, on the file system of the cache. It is gone afterwards.
            content: What the key is the hash of.
            volatile: Patterns of files that may differ between two builds.
            seconds: What the build took.

        Raises:
            StageError: The folder holds more than plain files and folders.
            IntegrityError: The address is taken by a damaged result.
        """
        key = key_of(content)
        target = self.path(key)
        draft = Published(key, scratch, content, _synced_files(scratch), volatile, seconds)
        manifest = _write_manifest(draft)
        for folder in _folders(scratch):
            sync_folder(folder)
        self._make_shelf(target.parent)
        if _moved(scratch, target):
            return _sealed(draft, target), None
        first = self.inspect(key)
        if not isinstance(first, Published):
            raise IntegrityError(
                f"cache {key[:12]}: another process left a damaged result while this one was built",
                hint="run again: the damaged result will be set aside",
            )
        differing = differing_files(first.files, draft.files, volatile)
        if not differing:
            shutil.rmtree(scratch)
            return first, None
        second = target.with_name(f"{key}+{manifest[:12]}")
        if _moved(scratch, second):
            _sealed(draft, second)
        else:
            shutil.rmtree(scratch)  # a third build equal to the second
        return first, Conflict(key, differing, second)

    def _make_shelf(self, folder: Path) -> None:
        if not folder.is_dir():
            make_folder(folder)
            sync_folder(folder.parent)


def make_removable(folder: Path) -> None:
    """Make a folder writable again; results are published read-only."""
    for path in _folders(folder):
        path.chmod(0o755)


def differing_files(
    first: Mapping[str, FileRecord], second: Mapping[str, FileRecord], volatile: tuple[str, ...]
) -> dict[str, tuple[str, str]]:
    """Names whose bytes differ between two builds, `volatile` ones excepted.

    Returns:
        Name -> sha256 in the first and in the second build, "" where the file is missing.
    """
    digests = {
        name: tuple(files[name].sha256 if name in files else "" for files in (first, second))
        for name in sorted({*first, *second})
        if not any(fnmatchcase(name, pattern) for pattern in volatile)
    }
    return {name: (one, two) for name, (one, two) in digests.items() if one != two}


def file_record(path: Path) -> FileRecord:
    """Digest and size of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileRecord(digest, file.tell())


def files_body(files: Mapping[str, FileRecord]) -> dict[str, Any]:
    """Name -> digest and size, as JSON."""
    return {name: {"sha256": record.sha256, "size": record.size} for name, record in files.items()}


def read_manifest(key: str, raw: bytes, folder: Path) -> Published | Damage:
    """What a manifest says of the result in `folder`, whose files are not looked at.

    A manifest is sound when every byte of it is what we would write, and it belongs to its key.
    """
    try:
        published = _decode_manifest(raw, folder)
        if _encode_manifest(published) != raw:
            raise ValueError(f"{MANIFEST}: other bytes than were published")
        if published.key != key or key_of(published.content) != key:
            raise ValueError(f"{MANIFEST}: belongs to another key")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Damage(key, folder, str(error))
    return published


def _checked(key: str, folder: Path) -> Published | Damage:
    try:
        found = read_manifest(key, (folder / MANIFEST).read_bytes(), folder)
        if isinstance(found, Published):
            _check_files(found)
    except (OSError, ValueError) as error:
        return Damage(key, folder, str(error))
    return found


def _moved(scratch: Path, target: Path) -> bool:
    """Rename onto a free name; False when a folder with files is there already."""
    try:
        scratch.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    sync_folder(target.parent)
    return True


def _sealed(draft: Published, folder: Path) -> Published:
    """Make a published folder read-only."""
    for path in [folder / MANIFEST, *(folder / name for name in draft.files)]:
        path.chmod(0o444)
    for path in _folders(folder):
        path.chmod(0o555)
    return Published(draft.key, folder, draft.content, draft.files, draft.volatile, draft.seconds)


def _folders(root: Path) -> list[Path]:
    return [root, *sorted(path for path in root.rglob("*") if path.is_dir())]


def _plain_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ValueError(f"{path.relative_to(folder)}: neither a plain file nor a folder")
        if path.is_file():
            yield path


def _synced_files(scratch: Path) -> dict[str, FileRecord]:
    if (scratch / MANIFEST).exists():
        raise StageError(f"a stage wrote {MANIFEST}, a name reserved for the cache")
    files = {}
    try:
        for path in _plain_files(scratch):
            sync_file(path)
            files[path.relative_to(scratch).as_posix()] = file_record(path)
    except ValueError as error:
        raise StageError(f"the output of a stage cannot be published: {error}") from error
    return files


def _check_files(published: Published) -> None:
    found = {
        path.relative_to(published.folder).as_posix() for path in _plain_files(published.folder)
    }
    unknown = found - {MANIFEST, *published.files}
    if unknown:
        raise ValueError(f"{min(unknown)}: not in the manifest")
    for name, expected in published.files.items():
        if name not in found:
            raise ValueError(f"{name}: missing")
        if file_record(published.folder / name) != expected:
            raise ValueError(f"{name}: other bytes than were published")


def _write_manifest(draft: Published) -> str:
    """Write and sync the manifest; its digest."""
    path = draft.folder / MANIFEST
    encoded = _encode_manifest(draft)
    path.write_bytes(encoded)
    sync_file(path)
    return hashlib.sha256(encoded).hexdigest()


def _encode_manifest(published: Published) -> bytes:
    fields = {
        "v": MANIFEST_VERSION,
        "key": published.key,
        "content": published.content,
        "files": files_body(published.files),
        "volatile": list(published.volatile),
        "seconds": published.seconds,
    }
    digest = hashlib.sha256(_json(fields)).hexdigest()
    return _json({**fields, "manifest_sha256": digest})


def _json(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"


def _decode_manifest(raw: bytes, folder: Path) -> Published:
    fields = json.loads(raw)
    return Published(
        key=fields["key"],
        folder=folder,
        content=fields["content"],
        files={
            name: FileRecord(record["sha256"], record["size"])
            for name, record in fields["files"].items()
        },
        volatile=tuple(fields["volatile"]),
        seconds=fields["seconds"],
    )
