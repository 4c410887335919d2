"""Names of data files in messages: short, and unique to each file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def short_names(paths: Iterable[Path]) -> dict[Path, str]:
    """The last parts of each path, as many as make it unique: "a/OUTCAR" and "b/OUTCAR"."""
    different = sorted(set(paths))
    names: dict[Path, str] = {}
    for path in different:
        depth = 1
        while depth < len(path.parts) and any(
            other != path and other.parts[-depth:] == path.parts[-depth:] for other in different
        ):
            depth += 1
        names[path] = "/".join(path.parts[-depth:])
    return names
