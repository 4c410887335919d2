"""Which folders several machines may share, so that locks of one kernel are not enough."""

from __future__ import annotations

import os
from pathlib import Path

SHARED_MARK = "network"  # a file of this name in a folder of locks: other machines use them too
NETWORK_FILE_SYSTEMS = frozenset(
    {
        *("afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.sshfs", "gpfs"),
        *("lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs"),
    }
)
_MOUNTS = Path("/proc/self/mountinfo")


def is_shared_by_machines(locks: Path) -> bool:
    """Whether other machines may use the locks in a folder.

    Whoever finds the folder on a network file system leaves a mark there, because for the server of
    that file system it lies on a disk like any other.

    Raises:
        OSError: The mark cannot be written.
    """
    mark = locks / SHARED_MARK
    if mark.exists():
        return True
    if file_system(locks) not in NETWORK_FILE_SYSTEMS:
        return False
    mark.touch()
    return True


def file_system(folder: Path) -> str:
    """The kind of file system that a folder lies on, as Linux names it; "" where unknown."""
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:  # id, parent, device, root, mount point, options, " - ", kind, ...
        mount, _, kind = line.partition(" - ")
        if mount.split()[2] == number:
            return kind.split()[0]
    return ""
