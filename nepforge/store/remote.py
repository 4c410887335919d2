"""Results that others published, read from a folder or an address (ssh, s3, ...) and never written.

The address is that of a `cache` folder: <address>/<key[:2]>/<key>/manifest.json. A result is used
only after every byte of it was checked against its manifest, and the manifest against the key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec

from nepforge.errors import NepforgeError
from nepforge.store.cache import MANIFEST, Damage, Published, read_manifest

# Kind of address -> the package that reads it, and the extra of nepforge that brings the package.
_PACKAGES = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "ssh": ("sshfs", "ssh"),
    "sftp": ("sshfs", "ssh"),
}
# sshfs would trust any host; the empty tuple stands for ~/.ssh/known_hosts.
_OPTIONS: dict[str, dict[str, Any]] = {"sshfs": {"known_hosts": ()}}


class Remote:
    """A read-only store at an fsspec address: /folder, sftp://host/folder, s3://bucket/folder."""

    def __init__(self, address: str) -> None:
        self.address = address

    def describe(self, key: str, folder: Path) -> Published | None:
        """A result as its manifest describes it; None when there is none, or no sound one.

        Args:
            key: Its key.
            folder: Where it will lie when it is fetched.

        Raises:
            NepforgeError: The address cannot be read.
        """
        with self._reading(key) as (files, place):
            if not files.exists(f"{place}/{MANIFEST}"):
                return None
            found = read_manifest(key, files.cat_file(f"{place}/{MANIFEST}"), folder)
        return None if isinstance(found, Damage) else found

    def fetch(self, key: str, scratch: Path) -> bool:
        """Copy a result into the existing folder `scratch`; False when there is none.

        Nothing but the manifest has been checked then.

        Raises:
            NepforgeError: The address cannot be read, or the result names files outside itself.
        """
        with self._reading(key) as (files, place):
            if not files.exists(f"{place}/{MANIFEST}"):
                return False
            files.get_file(f"{place}/{MANIFEST}", str(scratch / MANIFEST))
            found = read_manifest(key, (scratch / MANIFEST).read_bytes(), scratch)
            if isinstance(found, Damage):
                return True  # whoever takes the folder over finds the same
            for name in found.files:
                path = PurePosixPath(name)
                if path.is_absolute() or ".." in path.parts:
                    raise ValueError(f"names a file outside the result: {name}")
                (scratch / path).parent.mkdir(parents=True, exist_ok=True)
                files.get_file(f"{place}/{name}", str(scratch / path))
        return True

    @contextmanager
    def _reading(self, key: str) -> Iterator[tuple[Any, str]]:
        """The file system and the folder of a result in it; whatever fails is one error."""
        protocol = fsspec.utils.get_protocol(self.address)
        package, extra = _PACKAGES.get(protocol, ("fsspec", ""))
        if find_spec(package) is None:
            raise NepforgeError(
                f"{self.address}: reading {protocol} addresses needs the package {package}",
                hint=f"pip install 'nepforge[{extra}]', or leave --remote out",
            )
        try:
            files, root = fsspec.core.url_to_fs(self.address, **_OPTIONS.get(package, {}))
            yield files, f"{root.rstrip('/')}/{key[:2]}/{key}"
        except Exception as error:  # each of these packages has errors of its own
            raise NepforgeError(
                f"{self.address}: cannot be read: {error or type(error).__name__}",
                hint="check address and credentials, or leave --remote out",
            ) from error
