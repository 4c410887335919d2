"""What a ledger entry may hold."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from nepforge.ledger.entry import (
    decode,
    encode,
    map_texts,
    without_credentials,
    without_machine,
    without_paths,
)

WORKSPACE = Path("/home/me/project")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://me:secret@example.org/a?b=c@d", "https://example.org/a?b=c@d"),
        ("https://me:p@ss@example.org/a", "https://example.org/a"),
        ("https://example.org/me@home", "https://example.org/me@home"),
        ('["https://example.org", "x@y"]', '["https://example.org", "x@y"]'),
    ],
)
def test_credentials_leave_a_uri(text: str, expected: str) -> None:
    """The rest of the URI stays as it was."""
    assert without_credentials(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/me/project/data/a.xyz:3", "data/a.xyz:3"),
        ("in /home/me/project", "in ."),
        ("see '/usr/lib/x.so'", "see 'x.so'"),
        ("file:///usr/lib/x.so", "file://x.so"),
        ("https://example.org/a/b/c", "https://example.org/a/b/c"),
        ("forces in eV/Å, data/a/b.xyz, 1/2/3", "forces in eV/Å, data/a/b.xyz, 1/2/3"),
    ],
)
def test_absolute_paths_leave_a_text(text: str, expected: str) -> None:
    """Inside the workspace they become relative, elsewhere the file name stays."""
    assert without_paths(text, WORKSPACE) == expected


def test_host_name_leaves_a_message() -> None:
    """Whole words only."""
    name = platform.node()
    assert without_machine(f"{name}: died", WORKSPACE) == "<host>: died"
    assert without_machine(f"x{name}y", WORKSPACE) == f"x{name}y"


def test_every_string_value_is_reached() -> None:
    """In lists and tables; keys and numbers stay."""
    value = {"a": ["x", {"b": "x"}], "x": 1, "c": None}
    assert map_texts(value, str.upper) == {"a": ["X", {"b": "X"}], "x": 1, "c": None}


def test_entry_reads_back_as_written() -> None:
    """Any text, on one line of ASCII."""
    body = {"text": 'Å\n"\u2028\ud800', "number": 0.1}
    line = encode(3, "now", "a" * 64, "run", body)
    assert line.isascii()
    assert line.count(b"\n") == 1
    entry = decode(line)
    assert (entry.seq, entry.prev, entry.type, entry.body) == (3, "a" * 64, "run", body)


def test_not_a_number_is_refused() -> None:
    """NaN is not JSON."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode(0, "now", "a" * 64, "run", {"rmse": float("nan")})
