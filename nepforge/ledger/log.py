"""The ledger file: append under a lock, read with the hash chain checked.

An append looks at the last line only, whatever the length of the file; whoever reads entries, and
every run at its start, checks the chain from the first line. The chain shows every change of an
entry that has a successor. It cannot show that the last entry was changed or that entries were
cut off the end: for that, keep the hash of `head()` in another place.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from attrs import frozen

from nepforge.errors import IntegrityError, NepforgeError, UsageError
from nepforge.ledger.durable import probe_writable, replace_file, sync_folder
from nepforge.ledger.entry import (
    NO_PREVIOUS,
    Entry,
    decode,
    encode,
    entry_hash,
    read_header,
)
from nepforge.ledger.locks import hold

LEDGER_FILE = "ledger.jsonl"
SHORTEST_PREFIX = 4  # hex digits, as git
LONGEST_WAIT = 120.0  # s; an append takes milliseconds, so its holder must be stuck
_BLOCK = 1 << 16  # bytes read at once from the end of the file


@frozen
class _Tail:
    """The end of the file: the last whole line and the torn bytes after it."""

    line: bytes  # empty in an empty ledger
    torn: bytes
    end: int  # offset of the first torn byte


@frozen
class _Line:
    """A raw line whose place in the chain was checked."""

    raw: bytes
    offset: int


class Ledger:
    """The entries of one workspace, in `folder`/ledger.jsonl, guarded by the lock file `lock`."""

    def __init__(self, folder: Path, lock: Path) -> None:
        self._folder = folder
        self._lock = lock

    @property
    def path(self) -> Path:
        return self._folder / LEDGER_FILE

    def append(self, entry_type: str, body: Mapping[str, Any]) -> Entry:
        """Write one entry at the end, repairing a torn last line first.

        Raises:
            IntegrityError: The last whole line is no entry.
            LockTimeoutError: Another process has held the ledger for `LONGEST_WAIT`.
            NepforgeError: The line could not be written; the file is as it was before.
        """
        with hold(self._lock, timeout=LONGEST_WAIT):
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                return self._write(self._repair(), entry_type, body)
            except OSError as error:
                raise self._unwritable(error) from error

    def entries(self) -> Iterator[Entry]:
        """Every whole entry from the first on, the chain checked on the way.

        Bytes after the last newline are not an entry: see `torn_bytes`.

        Raises:
            IntegrityError: A line is not what was written; says line and byte offset.
        """
        for number, line in enumerate(self._lines(), start=1):
            yield self._decoded(line, number)

    def verify(self) -> int:
        """Check the chain from the first line to the last; the number of entries.

        Raises:
            IntegrityError: A line is not what was written; says line and byte offset.
        """
        number, last = 0, None
        for line in self._lines():
            number, last = number + 1, line
        if last is not None:
            self._decoded(last, number)  # nothing after it vouches for its bytes
        return number

    def head(self) -> Entry | None:
        """The last entry, from the end of the file alone; None in an empty ledger."""
        tail = self._tail()
        return self._decoded_tail(tail) if tail.line else None

    def find(self, hash_prefix: str) -> Entry:
        """The one entry whose hash begins with `hash_prefix`.

        Raises:
            UsageError: No entry or several entries begin so, or the prefix is no such thing.
        """
        prefix = hash_prefix.lower()
        if len(prefix) < SHORTEST_PREFIX or not set(prefix) <= set("0123456789abcdef"):
            raise UsageError(
                f"{hash_prefix!r} is not the beginning of an entry hash",
                hint=f"give at least {SHORTEST_PREFIX} hex digits",
            )
        found = [entry for entry in self.entries() if entry.hash.startswith(prefix)]
        if not found:
            raise UsageError(f"no entry of {self.path.name} begins with {prefix}")
        if len(found) > 1:
            listed = ", ".join(f"{entry.hash[:12]} (seq {entry.seq})" for entry in found)
            raise UsageError(f"{prefix} is ambiguous: {listed}", hint="give more digits")
        return found[0]

    def torn_bytes(self) -> int:
        """Bytes after the last newline: an append under way, or one that was killed.

        The next append moves them to a side file and records that.
        """
        return len(self._tail().torn)

    def check_writable(self) -> None:
        """Refuse now what an append at the end of a long run would meet.

        Raises:
            NepforgeError: The ledger cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            probe_writable(self._folder)
            os.close(os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644))
        except OSError as error:
            raise self._unwritable(error) from error

    def _lines(self) -> Iterator[_Line]:
        """Whole lines with `seq` and `prev` checked against the line before."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            yield from self._chained(file)

    def _chained(self, file: BinaryIO) -> Iterator[_Line]:
        before = _Line(b"", 0)
        expected = NO_PREVIOUS
        for seq, raw in enumerate(file):
            if not raw.endswith(b"\n"):
                return
            line = _Line(raw, before.offset + len(before.raw))
            found_seq, prev = self._header(line, seq + 1)
            if found_seq != seq:
                found = f"found seq {found_seq}, expected {seq}"
                raise self._damaged(line, seq + 1, found)
            if prev != expected:
                raise self._broken_link(before, prev, seq + 1)
            yield line
            before, expected = line, entry_hash(raw)

    def _header(self, line: _Line, number: int) -> tuple[int, str]:
        try:
            return read_header(line.raw)
        except ValueError as error:
            raise self._damaged(line, number, str(error)) from error

    def _decoded(self, line: _Line, number: int) -> Entry:
        try:
            return decode(line.raw)
        except ValueError as error:
            raise self._damaged(line, number, str(error)) from error

    def _decoded_tail(self, tail: _Tail) -> Entry:
        try:
            return decode(tail.line)
        except ValueError as error:
            with self.path.open("rb") as file:
                number = file.read(tail.end).count(b"\n")
            line = _Line(tail.line, tail.end - len(tail.line))
            raise self._damaged(line, number, str(error)) from error

    def _tail(self) -> _Tail:
        if not self.path.exists():
            return _Tail(b"", b"", 0)
        with self.path.open("rb") as file:
            position = file.seek(0, os.SEEK_END)
            block = b""
            while position > 0 and block.count(b"\n") < 2:
                step = min(max(_BLOCK, len(block)), position)
                position = file.seek(position - step)
                block = file.read(step) + block
        whole, newline, torn = block.rpartition(b"\n")
        line = whole[whole.rfind(b"\n") + 1 :] + newline
        return _Tail(line, torn, position + len(block) - len(torn))

    def _repair(self) -> Entry | None:
        """The last entry, after torn bytes were moved aside and that was recorded.

        The side file carries the seq of the `recovered` entry to come. A kill between moving and
        recording therefore leaves a file that the next append finds and records.
        """
        tail = self._tail()
        last = self._decoded_tail(tail) if tail.line else None
        seq = 0 if last is None else last.seq + 1
        if tail.torn:
            digest = hashlib.sha256(tail.torn).hexdigest()
            replace_file(self._folder / f"torn-{seq}-{digest[:12]}.bin", tail.torn)
            os.truncate(self.path, tail.end)
        pieces = sorted(self._folder.glob(f"torn-{seq}-*.bin"))
        if not pieces:
            return last
        listed = [{"file": piece.name, **_digest_and_size(piece)} for piece in pieces]
        return self._write(last, "recovered", {"offset": tail.end, "pieces": listed})

    def _write(self, last: Entry | None, entry_type: str, body: Mapping[str, Any]) -> Entry:
        seq, prev = (0, NO_PREVIOUS) if last is None else (last.seq + 1, last.hash)
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = encode(seq, now, prev, entry_type, body)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            _append_line(descriptor, line)
        finally:
            os.close(descriptor)
        if last is None:
            sync_folder(self._folder)
        return decode(line)

    def _unwritable(self, error: OSError) -> NepforgeError:
        return NepforgeError(
            f"{self.path}: the ledger cannot be written: {error.strerror or error}",
            hint="make the folder writable or free space, then run again: "
            "finished stages are kept in the cache",
        )

    def _broken_link(self, before: _Line, prev: str, number: int) -> IntegrityError:
        if number == 1:
            return self._damaged(before, 1, "the first entry names an entry before it")
        return self._damaged(
            before,
            number - 1,
            f"its hash is {entry_hash(before.raw)[:12]}, but line {number} was chained "
            f"to {prev[:12]}; one of the two lines was changed",
        )

    def _damaged(self, line: _Line, number: int, found: str) -> IntegrityError:
        return IntegrityError(
            f"{self.path.name}:{number} (byte {line.offset}): damaged: {found}",
            hint="the ledger is never repaired before its end; restore the file from git",
        )


def _append_line(descriptor: int, line: bytes) -> None:
    """One write of the whole line; a line that does not fit on the disk is taken back."""
    before = os.fstat(descriptor).st_size
    try:
        written = os.write(descriptor, line)
        if written != len(line):
            raise OSError(f"only {written} of {len(line)} bytes fit on the disk")
        os.fsync(descriptor)
    except BaseException:
        os.ftruncate(descriptor, before)
        raise


def _digest_and_size(path: Path) -> dict[str, str | int]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
