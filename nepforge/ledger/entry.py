"""One line of the ledger: its bytes, its hash, and what must never be in it.

A line is JSON in ASCII with the keys in this order and no spaces between them:

    {"v":1,"seq":4,"ts_utc":"...","prev":"<64 hex digits>","type":"run","body":{...}}

The hash of an entry is the sha256 of its line, the newline included, so that
`sed -n 5p ledger.jsonl | sha256sum` prints the hash of seq 4. `prev` is the hash of the line
before, `NO_PREVIOUS` in the first. `body` is open: an entry type may gain fields at any time.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

ENTRY_VERSION = 1
NO_PREVIOUS = "0" * 64
_HEADER = re.compile(
    rb'\{"v":(?P<version>\d+),"seq":(?P<seq>\d+),"ts_utc":"[^"\\]*",'
    rb'"prev":"(?P<prev>[0-9a-f]{64})","type":"[a-z_]+","body":\{'
)


@frozen
class Entry:
    """One entry. Order is by `seq`; `ts_utc` is what the clock said and nothing more."""

    seq: int  # 0-based, the line number minus one
    ts_utc: str
    prev: str
    type: str  # "run", "recovered", "nondeterminism", ...
    body: Mapping[str, Any]
    hash: str  # sha256 of the raw line, newline included
    version: int = ENTRY_VERSION


def entry_hash(line: bytes) -> str:
    """The sha256 of a raw line, newline included, as 64 hex digits."""
    return hashlib.sha256(line).hexdigest()


def encode(seq: int, ts_utc: str, prev: str, entry_type: str, body: Mapping[str, Any]) -> bytes:
    """The raw line of an entry, newline included.

    Raises:
        ValueError: The body holds NaN or an infinity.
        TypeError: The body holds what JSON has no type for.
    """
    content = {
        "v": ENTRY_VERSION,
        "seq": seq,
        "ts_utc": ts_utc,
        "prev": prev,
        "type": entry_type,
        "body": body,
    }
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.encode("ascii") + b"\n"


def read_header(line: bytes) -> tuple[int, str]:
    """The `seq` and `prev` of a raw line, without reading its body.

    Raises:
        ValueError: The line does not begin like an entry of this version.
    """
    header = _HEADER.match(line)
    if header is None:
        raise ValueError(f"not a ledger entry: {line[:40]!r}")
    if int(header["version"]) != ENTRY_VERSION:
        raise ValueError(
            f"version {int(header['version'])}, expected {ENTRY_VERSION}; "
            "if a later nepforge wrote this entry, upgrade"
        )
    return int(header["seq"]), header["prev"].decode()


def decode(line: bytes) -> Entry:
    """The entry of a raw line.

    Raises:
        ValueError: The line is no entry; the message says why.
    """
    read_header(line)
    content = json.loads(line)
    return Entry(
        seq=content["seq"],
        ts_utc=content["ts_utc"],
        prev=content["prev"],
        type=content["type"],
        body=content["body"],
        hash=entry_hash(line),
        version=content["v"],
    )


_CREDENTIALS = re.compile(r"""(?<=://)[^\s/?#"']*@""")
_FOLDERS = re.compile(r"""(?:(?<=file://)|(?<![^\s'"(=\[,:]))/(?:[^\s/:'"]+/)+""")


def without_credentials(text: str) -> str:
    """Strip `user:password@` from every URI in a text."""
    return _CREDENTIALS.sub("", text)


def without_paths(text: str, workspace: Path) -> str:
    """Strip credentials and absolute paths from a text.

    A path inside the workspace becomes relative to it; any other keeps only its file name.
    """
    text = without_credentials(text).replace(f"{workspace}/", "").replace(str(workspace), ".")
    return _FOLDERS.sub("", text)


def without_machine(text: str, workspace: Path) -> str:
    """Strip credentials, absolute paths and this machine's name from a message."""
    text = without_paths(text, workspace)
    host = platform.node()
    return re.sub(rf"\b{re.escape(host)}\b", "<host>", text) if host else text


def map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Apply `change` to every string value (not key) of a JSON value."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: map_texts(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [map_texts(item, change) for item in value]
    return value
