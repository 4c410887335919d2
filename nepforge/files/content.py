"""What a file holds, recognised by its first bytes: compression and text encoding.

Names do not matter here: compressed data called `train.xyz` is unpacked, text called `OUTCAR.gz` is
read.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import IO, Any, cast

from nepforge.errors import DataError

SUFFIXES = (".gz", ".xz", ".bz2", ".lzma", ".zst")  # of compressed files, removed from names
HEAD_LENGTH = 512  # bytes that are examined
TAR_MARK = slice(257, 262)
ZERO_SHARE = 0.25  # of the bytes; UTF-16 without a byte order mark has half, text none
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
ARCHIVES = {
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x9d": "compressed by compress (.Z)",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a rar archive",
    b"\x04\x22\x4d\x18": "compressed by lz4",
}


def open_text(path: Path) -> IO[str]:
    """A file as text, decompressed; any line endings, with or without a byte order mark.

    Bytes that are not UTF-8 (a title in another encoding) are replaced: they are never in numbers.

    Raises:
        DataError: An archive of several files, an unknown compression, UTF-16.
        OSError, EOFError, zlib.error: It cannot be read, or is truncated; reading raises them too.
    """
    stream = open_bytes(path)
    try:
        head = stream.peek(HEAD_LENGTH)[:HEAD_LENGTH]
        _refuse_other_text(path, head)
    except BaseException:
        stream.close()
        raise
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace")


def open_bytes(path: Path) -> io.BufferedReader:
    """The bytes of a file, decompressed. Errors as of `open_text`."""
    require_file(path)
    file = path.open("rb")
    try:
        opener = _opener(path, file.peek(HEAD_LENGTH))
        if opener is None:
            return file
    except BaseException:
        file.close()
        raise
    file.close()
    return _whole(cast(io.RawIOBase, opener(path, "rb")))


def is_compressed(path: Path) -> bool:
    """Whether `open_bytes` decompresses."""
    with path.open("rb") as file:
        return _opener(path, file.read(HEAD_LENGTH)) is not None


def plain_name(name: str) -> str:
    """A file name without the suffix of a compression."""
    pure = PurePath(name)
    return pure.stem if pure.suffix.lower() in SUFFIXES else name


def require_file(path: Path) -> None:
    """Reject what cannot be read twice and might never end.

    Raises:
        DataError: A named pipe, a socket, a device.
        OSError: It does not exist.
    """
    mode = path.stat().st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    kind = kinds.get(stat.S_IFMT(mode), "a device")
    raise DataError(
        f"{path}: is {kind}, expected a file or folder",
        hint="write it to a file first, or pipe it into `nepforge data ... -`",
    )


def _opener(path: Path, head: bytes) -> Callable[..., Any] | None:
    """What decompresses a file with these first bytes; None for a plain one."""
    for mark, words in ARCHIVES.items():
        if head.startswith(mark):
            raise DataError(f"{path}: is {words}, expected a plain file", hint="unpack it first")
    if head.startswith(b"\x1f\x8b"):
        return gzip.open
    if head.startswith(b"BZh"):
        return bz2.open
    if head.startswith((b"\xfd7zXZ\x00", b"\x5d\x00\x00")):  # the second is .lzma
        return lzma.open
    is_skippable = head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F
    return _open_zstd if head.startswith(b"\x28\xb5\x2f\xfd") or is_skippable else None


def _open_zstd(path: Path, _mode: str) -> Any:
    """Uses Arrow, which comes with MLflow: Python has no zstd before 3.14."""
    try:
        import pyarrow  # noqa: PLC0415 (slow to import, and rarely needed)
    except ImportError as error:
        raise DataError(f"{path}: is compressed by zstd", hint="pip install pyarrow") from error
    return pyarrow.CompressedInputStream(pyarrow.OSFile(os.fspath(path)), "zstd")


def _whole(stream: io.RawIOBase) -> io.BufferedReader:
    return stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)


def _refuse_other_text(path: Path, head: bytes) -> None:
    if head[TAR_MARK] == b"ustar":
        raise DataError(f"{path}: is a tar archive, expected one file", hint="unpack it first")
    if head.startswith(UTF16_MARKS) or head.count(0) > ZERO_SHARE * len(head):
        raise DataError(
            f"{path}: is UTF-16 text or a binary file, expected UTF-8 text",
            hint="convert it with: iconv -f UTF-16 -t UTF-8 FILE",
        )
