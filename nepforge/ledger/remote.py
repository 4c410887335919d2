"""Results that others published, read from a folder or an address (ssh, s3, ...) and never written.

The address is that of a `cache` folder: <address>/<key[:2]>/<key>/manifest.json. A result is used
only after every byte of it was checked against its manifest, and the manifest against the key.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec

from nepforge.errors import NepforgeError
from nepforge.ledger.cache import MANIFEST


class Remote:
    """A read-only store at an fsspec address: /folder, sftp://host/folder, s3://bucket/folder."""

    def __init__(self, address: str) -> None:
        self.address = address

    def fetch(self, key: str, scratch: Path) -> bool:
        """Copy a result into the existing folder `scratch`; False when there is none.

        Raises:
            NepforgeError: The address cannot be read, or the result names files outside of itself.
        """
        try:
            files, root = fsspec.core.url_to_fs(self.address)
            folder = f"{root.rstrip('/')}/{key[:2]}/{key}"
            if not files.exists(f"{folder}/{MANIFEST}"):
                return False
            self._copy(files, folder, scratch)
        except (OSError, ImportError, ValueError, KeyError, TypeError) as error:
            raise NepforgeError(
                f"{self.address}: cannot be read: {error}",
                hint="install what fsspec needs for this kind of address, or leave --remote out",
            ) from error
        return True

    def _copy(self, files: Any, folder: str, scratch: Path) -> None:
        files.get_file(f"{folder}/{MANIFEST}", str(scratch / MANIFEST))
        manifest = json.loads((scratch / MANIFEST).read_bytes())
        for name in manifest["files"]:
            place = PurePosixPath(name)
            if place.is_absolute() or ".." in place.parts:
                raise ValueError(f"names a file outside of the result: {name}")
            (scratch / place).parent.mkdir(parents=True, exist_ok=True)
            files.get_file(f"{folder}/{name}", str(scratch / place))
