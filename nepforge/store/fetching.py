"""Bring results from the remote store of a workspace into its cache."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from nepforge.shared_disk.locks import hold
from nepforge.store.cache import Damage, Published
from nepforge.store.workspace import Workspace

if TYPE_CHECKING:
    from nepforge.store.remote import Remote


def remote_of(space: Workspace) -> Remote | None:
    """The remote store of a workspace, if it has one."""
    if not space.remote:
        return None
    from nepforge.store.remote import Remote  # noqa: PLC0415 - 0.1 s, only with an address

    return Remote(space.remote)


def fetch(space: Workspace, remote: Remote, key: str) -> Published | Damage | None:
    """Copy a result into the cache, checked; the caller holds the lock of its key.

    Raises:
        NepforgeError: The address cannot be read.
    """
    scratch = space.scratch(key, os.getpid())
    space.drop_scratch(key)
    scratch.mkdir()
    try:
        return space.cache.adopt(scratch, key) if remote.fetch(key, scratch) else None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def fetch_when_missing(space: Workspace, key: str) -> Published | None:
    """The result in the cache, or else from the remote store, if there is a sound one.

    Raises:
        NepforgeError: The address cannot be read, or the cache cannot be written.
    """
    remote = remote_of(space)
    if remote is None:
        return None
    space.prepare()
    with hold(space.lock(key)):
        found = space.cache.inspect(key)
        if isinstance(found, Damage):
            space.cache.set_aside(found)
        if not isinstance(found, Published):
            found = fetch(space, remote, key)
    return found if isinstance(found, Published) else None
