"""The ledger file: append under a lock, read with the hash chain checked.

An append looks at the last line only, whatever the length of the file; whoever reads entries, and
every run at its start, checks the chain from the first line. The chain shows every change of an
entry that has a successor; the tree heads beside it (`heads.py`) show a changed last entry and
entries that were cut off. Only a head that is kept in another place shows that both were rewritten.
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
from nepforge.ledger.entry import (
    NO_PREVIOUS,
    Entry,
    decode,
    encode,
    entry_hash,
    read_header,
)
from nepforge.ledger.heads import HEADS_FILE, Tree, TreeHeads
from nepforge.shared_disk.durable import append_bytes, probe_writable, replace_file, sync_folder
from nepforge.shared_disk.locks import hold

LEDGER_FILE = "ledger.jsonl"
KEY_FILE = "ledger.key"
PUBLIC_KEY_FILE = "ledger.pub"
SHORTEST_PREFIX = 4  # hex digits, as git
NUMBER_MARK = "seq:"  # before the number of an entry that looks like the beginning of a hash
LONGEST_WAIT = 120.0  # s; an append takes milliseconds, so its holder must be stuck
_BLOCK = 1 << 16  # bytes read at once from the end of the file


@frozen
class _Tail:
    """The end of the file: the last whole line and the torn bytes after it."""

    line: bytes  # empty in an empty ledger
    torn: bytes
    end: int  # offset of the first torn byte


@frozen
class Line:
    """A raw line whose place in the chain was checked."""

    raw: bytes
    offset: int


class Ledger:
    """The entries in the file `path`; `hidden` is the folder of its lock, index and private key."""

    def __init__(self, path: Path, hidden: Path) -> None:
        self.path = path
        self.signing_key = hidden / KEY_FILE
        self.public_key = path.with_name(PUBLIC_KEY_FILE)
        self._folder = path.parent
        self._lock = hidden / "locks" / "ledger.lock"
        self.heads = TreeHeads(path.with_name(HEADS_FILE), hidden / "tree.json", self.signing_key)

    def append(self, entry_type: str, body: Mapping[str, Any]) -> Entry:
        """Write one entry at the end, repairing a torn last line first.

        Raises:
            IntegrityError: The last whole line is no entry.
            LockTimeoutError: Another process has held the ledger for `LONGEST_WAIT`.
            NepforgeError: The line could not be written; the file is as it was before.
        """
        with hold(self._lock, timeout=LONGEST_WAIT, strict=True):
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                last, tree = self._repair()
                return self._write(last, tree, entry_type, body)[0]
            except OSError as error:
                raise self._unwritable(error) from error

    def entries(self) -> Iterator[Entry]:
        """Every whole entry from the first on, the chain checked on the way.

        Bytes after the last newline are not an entry: see `torn_bytes`.

        Raises:
            IntegrityError: A line is not what was written; says line and byte offset.
        """
        for number, line in enumerate(self.lines(), start=1):
            yield self._decoded(line, number)

    def verify(self) -> int:
        """Check the chain from the first line to the last and its newest head; number of entries.

        Raises:
            IntegrityError: A line is not what was written; says line and byte offset.
        """
        n_entries = self.heads.tree_of(line.raw for line in self.lines()).frontier.size
        self.last_entry()  # a line that hashes right is still refused when it is no entry
        return n_entries

    def last_entry(self) -> Entry | None:
        """The last entry, from the end of the file alone; None in an empty ledger."""
        tail = self._tail()
        return self._decoded_tail(tail) if tail.line else None

    def find(self, name: str) -> Entry:
        """The one entry whose hash begins with `name`, or whose number (seq) it is.

        Up to three digits are a number, and so is whatever follows "seq:". A longer text of digits
        alone may be both: it must then fit one entry only.

        Raises:
            UsageError: No entry or several entries fit, or `name` is no such thing.
        """
        text = name.lower()
        number = text.removeprefix(NUMBER_MARK)
        is_number = number.isascii() and number.isdecimal()
        is_prefix = len(text) >= SHORTEST_PREFIX and set(text) <= set("0123456789abcdef")
        if not (is_number or is_prefix):
            raise UsageError(
                f"{name!r} is neither the beginning of an entry hash nor its number",
                hint=f"give at least {SHORTEST_PREFIX} hex digits, or the seq of `ledger log`",
            )
        entries = list(self.entries())
        found = [entry for entry in entries if is_prefix and entry.hash.startswith(text)]
        if is_number and int(number) < len(entries) and entries[int(number)] not in found:
            found.append(entries[int(number)])
        if len(found) > 1:
            listed = ", ".join(f"{entry.hash[:12]} (seq {entry.seq})" for entry in found)
            hint = f"give more digits, or {NUMBER_MARK}N for entry number N"
            raise UsageError(f"{text} is ambiguous: {listed}", hint=hint)
        if not found:
            held = f"0 to {len(entries) - 1}" if entries else "none"
            what = f"begins with {text}" if is_prefix else f"has the number {number}"
            raise UsageError(f"no entry of {self.path.name} {what}; its entries: {held}")
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

    def lines(self) -> Iterator[Line]:
        """Whole lines with `seq` and `prev` checked against the line before."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            yield from self._chained(file)

    def _chained(self, file: BinaryIO) -> Iterator[Line]:
        before = Line(b"", 0)
        expected = NO_PREVIOUS
        for seq, raw in enumerate(file):
            if not raw.endswith(b"\n"):
                return
            line = Line(raw, before.offset + len(before.raw))
            found_seq, prev = self._header(line, seq + 1)
            if found_seq != seq:
                found = f"found seq {found_seq}, expected {seq}"
                raise self._damaged(line, seq + 1, found)
            if prev != expected:
                raise self._broken_link(before, prev, seq + 1)
            yield line
            before, expected = line, entry_hash(raw)

    def _header(self, line: Line, number: int) -> tuple[int, str]:
        try:
            return read_header(line.raw)
        except ValueError as error:
            raise self._damaged(line, number, str(error)) from error

    def _decoded(self, line: Line, number: int) -> Entry:
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
            line = Line(tail.line, tail.end - len(tail.line))
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

    def _repair(self) -> tuple[Entry | None, Tree]:
        """The last entry and the tree, after torn bytes were moved aside and that was recorded.

        The side file carries the seq of the `recovered` entry to come. A kill between moving and
        recording therefore leaves a file that the next append finds and records.
        """
        tail = self._tail()
        last = self._decoded_tail(tail) if tail.line else None
        tree = self.heads.settle(last, lambda: (line.raw for line in self.lines()))
        seq = 0 if last is None else last.seq + 1
        if tail.torn:
            digest = hashlib.sha256(tail.torn).hexdigest()
            replace_file(self._folder / f"torn-{seq}-{digest[:12]}.bin", tail.torn)
            os.truncate(self.path, tail.end)
        pieces = sorted(self._folder.glob(f"torn-{seq}-*.bin"))
        if not pieces:
            return last, tree
        listed = [{"file": piece.name, **_digest_and_size(piece)} for piece in pieces]
        body = {"offset": tail.end, "pieces": listed}
        return self._write(last, tree, "recovered", body)

    def _write(
        self, last: Entry | None, tree: Tree, entry_type: str, body: Mapping[str, Any]
    ) -> tuple[Entry, Tree]:
        """Write entry and head, or neither when the disk is full."""
        seq, prev = (0, NO_PREVIOUS) if last is None else (last.seq + 1, last.hash)
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = encode(seq, now, prev, entry_type, body)
        end = self.path.stat().st_size if self.path.exists() else 0
        append_bytes(self.path, line)
        tree = tree.appended(line)
        try:
            self.heads.add(tree)
        except OSError:
            os.truncate(self.path, end)
            raise
        if last is None:
            sync_folder(self._folder)
        return decode(line), tree

    def _unwritable(self, error: OSError) -> NepforgeError:
        return NepforgeError(
            f"{self.path}: the ledger cannot be written: {error.strerror or error}",
            hint="make the folder writable or free space, then run again: "
            "finished stages are kept in the cache",
        )

    def _broken_link(self, before: Line, prev: str, number: int) -> IntegrityError:
        if number == 1:
            return self._damaged(before, 1, "the first entry names an entry before it")
        return self._damaged(
            before,
            number - 1,
            f"its hash is {entry_hash(before.raw)[:12]}, but line {number} was chained "
            f"to {prev[:12]}; one of the two lines was changed",
        )

    def _damaged(self, line: Line, number: int, found: str) -> IntegrityError:
        return IntegrityError(
            f"{self.path.name}:{number} (byte {line.offset}): damaged: {found}",
            hint="the ledger is never repaired before its end; restore the file from git",
        )


def _digest_and_size(path: Path) -> dict[str, str | int]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
