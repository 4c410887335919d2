"""The text of a model file or of its settings, as editors of every system leave it."""

from __future__ import annotations

import codecs
from pathlib import Path


def read_ascii(path: Path) -> str:
    """The content without a UTF-8 byte order mark; other bytes beyond ASCII become U+FFFD.

    Raises:
        OSError: No file that can be read.
    """
    return path.read_bytes().removeprefix(codecs.BOM_UTF8).decode("ascii", errors="replace")
