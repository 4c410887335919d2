"""The ledger file: chain, concurrent appends, torn tail, damage."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections import Counter
from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from nepforge.errors import IntegrityError, NepforgeError, UsageError
from nepforge.ledger.audit import audit
from nepforge.ledger.entry import NO_PREVIOUS, encode
from nepforge.ledger.log import Ledger
from nepforge.shared_disk.mounts import SHARED_MARK

APPEND_MANY = """
import socket, sys
from pathlib import Path
from nepforge.ledger.log import Ledger
if sys.argv[4]:
    socket.gethostname = lambda: sys.argv[4]
ledger = Ledger(Path(sys.argv[1]) / "ledger" / "ledger.jsonl", Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    ledger.append("test", {"writer": int(sys.argv[2]), "number": number})
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger" / "ledger.jsonl", tmp_path)


def share_with_machines(ledger: Ledger) -> None:
    """As if the workspace were on a network file system."""
    locks = ledger.path.parents[1] / "locks"
    locks.mkdir()
    (locks / SHARED_MARK).touch()


def fill(ledger: Ledger, n_entries: int) -> None:
    for number in range(n_entries):
        ledger.append("test", {"number": number, "text": "Å" * number})


def test_prev_is_the_sha256_of_the_line_before(ledger: Ledger) -> None:
    """`sed -n 1p ledger.jsonl | sha256sum` gives the hash of seq 0 and the prev of seq 1."""
    fill(ledger, 3)
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    hashes = [hashlib.sha256(line).hexdigest() for line in lines]
    entries = list(ledger.entries())
    assert [entry.hash for entry in entries] == hashes
    assert [entry.prev for entry in entries] == [NO_PREVIOUS, *hashes[:-1]]
    assert [entry.seq for entry in entries] == [0, 1, 2]


def test_line_has_the_documented_keys_in_order(ledger: Ledger) -> None:
    """A reader of the standard library alone can rely on them."""
    fill(ledger, 1)
    assert list(json.loads(ledger.path.read_text())) == [
        "v",
        "seq",
        "ts_utc",
        "prev",
        "type",
        "body",
    ]


def test_head_is_the_last_entry(ledger: Ledger) -> None:
    """Read from the end of the file, also when the last line is longer than a block."""
    assert ledger.last_entry() is None
    fill(ledger, 2)
    last = ledger.append("test", {"text": "x" * 200_000})
    assert ledger.last_entry() == last


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    ("n_writers", "n_entries"), [(4, 25), pytest.param(8, 200, marks=pytest.mark.slow)]
)
def test_appends_of_many_processes_all_arrive(
    ledger: Ledger, n_writers: int, n_entries: int, shared: bool
) -> None:
    """None is lost or torn, and the chain holds; also between two machines."""
    folder = str(ledger.path.parent.parent)
    if shared:
        share_with_machines(ledger)
    command = [sys.executable, "-c", APPEND_MANY, folder]
    writers = [
        subprocess.Popen([*command, str(idx), str(n_entries), f"host{idx % 2}" if shared else ""])
        for idx in range(n_writers)
    ]
    assert [writer.wait() for writer in writers] == [0] * n_writers
    written = [(entry.body["writer"], entry.body["number"]) for entry in ledger.entries()]
    assert sorted(written) == [(w, n) for w in range(n_writers) for n in range(n_entries)]


def test_clock_that_goes_back_harms_no_entry(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Order is by seq; the time is for information only."""

    class Clock(datetime):
        days = iter((10, 3, 20, 1))

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Clock:
            return cls(2026, 11, next(cls.days), tzinfo=tz)

    monkeypatch.setattr("nepforge.ledger.log.datetime", Clock)
    fill(ledger, 4)
    assert [entry.ts_utc[8:10] for entry in ledger.entries()] == ["10", "03", "20", "01"]
    assert [entry.seq for entry in ledger.entries()] == [0, 1, 2, 3]
    assert audit(ledger).n_entries == 4


@pytest.mark.parametrize("n_kept", [1, 20, 200])
def test_torn_tail_is_moved_aside_and_recorded(ledger: Ledger, n_kept: int) -> None:
    """A kill in the middle of a line: the bytes are kept, the next entry says so."""
    fill(ledger, 2)
    torn = encode(2, "now", "0" * 64, "test", {"text": "x" * 200})[:n_kept]
    with ledger.path.open("ab") as file:
        file.write(torn)
    assert ledger.torn_bytes() == n_kept
    assert len(list(ledger.entries())) == 2
    ledger.append("test", {"number": 2})
    recovered, last = list(ledger.entries())[2:]
    (piece,) = recovered.body["pieces"]
    assert recovered.type == "recovered"
    assert (ledger.path.parent / piece["file"]).read_bytes() == torn
    assert piece["sha256"] == hashlib.sha256(torn).hexdigest()
    assert last.body == {"number": 2}
    assert ledger.torn_bytes() == 0


def test_repair_killed_before_its_entry_is_finished_later(ledger: Ledger) -> None:
    """Bytes moved aside without a `recovered` entry are found by the next append."""
    fill(ledger, 2)
    (ledger.path.parent / "torn-2-0123456789ab.bin").write_bytes(b"half")
    ledger.append("test", {})
    assert [entry.type for entry in ledger.entries()][2:] == ["recovered", "test"]


def test_every_change_before_the_last_entry_is_refused(ledger: Ledger) -> None:
    """Any byte of any entry that has a successor."""
    fill(ledger, 6)
    good = ledger.path.read_bytes()
    end = good.rstrip(b"\n").rfind(b"\n") + 1
    for offset in random.Random(1).sample(range(end), 200):
        changed = bytearray(good)
        changed[offset] ^= 1 + offset % 255
        ledger.path.write_bytes(changed)
        with pytest.raises(IntegrityError):
            ledger.verify()


def test_damage_is_told_with_line_and_offset(ledger: Ledger) -> None:
    """And it is never repaired: the exit code is 4."""
    fill(ledger, 3)
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b'"number":1', b'"number":7')
    ledger.path.write_bytes(b"".join(lines))
    with pytest.raises(IntegrityError, match=rf"jsonl:2 \(byte {len(lines[0])}\)") as caught:
        list(ledger.entries())
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("change", ["removed", "swapped", "blank", "garbage"])
def test_removed_or_moved_lines_are_refused(ledger: Ledger, change: str) -> None:
    """The chain names the order as well as the content."""
    fill(ledger, 4)
    a, b, c, d = ledger.path.read_bytes().splitlines(keepends=True)
    lines = {
        "removed": [a, c, d],
        "swapped": [a, c, b, d],
        "blank": [a, b, b"\n", c, d],
        "garbage": [a, b, c, b"not json\n"],
    }
    ledger.path.write_bytes(b"".join(lines[change]))
    with pytest.raises(IntegrityError):
        ledger.verify()


def test_append_after_a_damaged_last_line_is_refused(ledger: Ledger) -> None:
    """A whole last line that is no entry is damage, not a torn tail."""
    fill(ledger, 2)
    with ledger.path.open("ab") as file:
        file.write(b"not json\n")
    before = ledger.path.read_bytes()
    with pytest.raises(IntegrityError, match="jsonl:3"):
        ledger.append("test", {})
    assert ledger.path.read_bytes() == before


def test_entry_of_a_newer_version_is_refused_with_advice(ledger: Ledger) -> None:
    """What this version does not know it cannot vouch for."""
    fill(ledger, 1)
    newer = encode(1, "now", ledger.last_entry().hash, "test", {})  # type: ignore[union-attr]
    with ledger.path.open("ab") as file:
        file.write(newer.replace(b'"v":1', b'"v":2'))
    with pytest.raises(IntegrityError, match=r"version 2, expected 1; if a later .* upgrade"):
        ledger.verify()


def test_find_takes_any_unique_beginning(ledger: Ledger) -> None:
    """Unknown, ambiguous and malformed beginnings are usage errors."""
    fill(ledger, 20)
    entries = list(ledger.entries())
    assert ledger.find(entries[7].hash[:12].upper()) == entries[7]
    for prefix, text in [
        ("f" * 64, "no entry"),
        ("xyz!", "neither the beginning"),
        ("a", "at least"),
    ]:
        with pytest.raises(UsageError, match=text):
            ledger.find(prefix)


def test_ambiguous_beginning_lists_the_candidates(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every entry it could mean; of 17 hashes two begin with the same digit."""
    fill(ledger, 17)
    monkeypatch.setattr("nepforge.ledger.log.SHORTEST_PREFIX", 1)
    (digit, _), *_ = Counter(entry.hash[0] for entry in ledger.entries()).most_common(1)
    expected = rf"{digit} is ambiguous: {digit}[0-9a-f]{{11}} \(seq \d+\), "
    with pytest.raises(UsageError, match=expected):
        ledger.find(digit)


def test_line_that_does_not_fit_is_taken_back(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk leaves the ledger as it was."""
    fill(ledger, 2)
    before = ledger.path.read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, line: write(fd, line[:30]))
    with pytest.raises(NepforgeError, match="only 30 of"):
        ledger.append("test", {"text": "x" * 100})
    assert ledger.path.read_bytes() == before


def test_find_takes_the_number_of_an_entry(ledger: Ledger) -> None:
    """As `ledger log` shows it; one that is not there is said with those that are."""
    fill(ledger, 20)
    entries = list(ledger.entries())
    for name in ("0", "7", "19", "seq:7", "007"):
        assert ledger.find(name) == entries[int(name.removeprefix("seq:"))]
    for name in ("20", "seq:4000", "999"):
        with pytest.raises(UsageError, match="its entries: 0 to 19"):
            ledger.find(name)


def test_digits_that_are_a_number_and_a_beginning_must_fit_one_entry(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With beginnings of one digit, so that few entries are enough; seq: decides."""
    monkeypatch.setattr("nepforge.ledger.log.SHORTEST_PREFIX", 1)
    fill(ledger, 40)
    entries = list(ledger.entries())
    both = next(
        str(number)
        for number in range(10)
        if any(e.hash.startswith(str(number)) and e.seq != number for e in entries)
    )
    with pytest.raises(UsageError, match="is ambiguous") as caught:
        ledger.find(both)
    assert "seq:N" in caught.value.hint
    assert ledger.find(f"seq:{both}") == entries[int(both)]
