"""Which format a data file has: recognised by its first lines, else by its name."""

from __future__ import annotations

import lzma
import re
import zlib
from fnmatch import fnmatchcase
from pathlib import Path

from nepforge.data.formats.table import OF_FILES
from nepforge.files.content import open_bytes, open_text, plain_name

HEAD_LENGTH = 2**16  # characters that are examined
BINARY_HEAD = 64  # bytes


def file_format(path: Path) -> str | None:
    """Name of the format of a file: by its first lines, else by its name; None if unknown.

    Raises:
        DataError: It is an archive, a pipe, UTF-16.
        OSError: The file cannot be read.
    """
    head = _head(path)
    for known in OF_FILES:
        if known.mark and re.search(known.mark, head, re.MULTILINE):
            return known.name
    name = plain_name(path.name).lower()
    for known in OF_FILES:
        if any(fnmatchcase(name, pattern) for pattern in known.names):
            return known.name
    return None


def _head(path: Path) -> str:
    """The first lines; the first bytes of a binary file as Latin-1 text."""
    try:
        with open_bytes(path) as file:
            first = file.read(BINARY_HEAD).decode("latin-1")
        if any(known.is_binary and re.search(known.mark, first) for known in OF_FILES):
            return first
        with open_text(path) as text:
            return text.read(HEAD_LENGTH)
    except (EOFError, lzma.LZMAError, zlib.error):  # damaged: the reader reports it
        return ""
    except OSError as error:
        if error.errno is None:  # of a decompressor, not of the system
            return ""
        raise
