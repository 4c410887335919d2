"""Writing that survives a kill and a power cut: fsync the bytes, then the name."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

PROBE_BYTES = 1 << 18  # more than an entry or a manifest takes


def sync_file(path: Path) -> None:
    """Force the bytes of a file onto the disk."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Force the names in a folder onto the disk."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all: temporary name, fsync, rename, fsync of the folder."""
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        scratch.write_bytes(content)
        sync_file(scratch)
        scratch.rename(path)
    finally:
        scratch.unlink(missing_ok=True)
    sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder, and missing ones above it, with the permissions of the folder it lies in.

    So a group-writable store stays group-writable, whatever the umask of each member.
    """
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    with suppress(PermissionError):  # made by another user at the same moment
        path.chmod(stat.S_IMODE(path.parent.stat().st_mode))


def probe_writable(folder: Path) -> None:
    """Write `PROBE_BYTES` into a folder and remove them.

    Raises:
        OSError: The folder is read-only or the disk is full.
    """
    probe = folder / f".probe.{secrets.token_hex(4)}"
    try:
        probe.write_bytes(bytes(PROBE_BYTES))
        sync_file(probe)
    finally:
        probe.unlink(missing_ok=True)


def append_bytes(path: Path, content: bytes) -> None:
    """Add to the end of a file in one write, and fsync; a partial write is undone.

    Raises:
        OSError: The disk is full or read-only; the file is as it was before.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        before = os.fstat(descriptor).st_size
        try:
            written = os.write(descriptor, content)
            if written != len(content):
                raise OSError(f"only {written} of {len(content)} bytes fit on the disk")
            os.fsync(descriptor)
        except BaseException:
            os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)
