"""Check a nepforge ledger with nothing but the Python standard library.

    python verify_ledger.py ledger/                       chain, tree heads, signatures
    python verify_ledger.py ledger/ --against HEAD        and that HEAD was a state of it
    python verify_ledger.py --proof entry.tlog-proof      one entry alone

Written from ledger/README.md, RFC 9162, RFC 8032 and the C2SP notes, apart from nepforge itself: it
shares no line with it. Exit status 0 when everything is as written, 4 when not.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
from pathlib import Path

HEAD = re.compile(r"([^\s+]+)\n(\d+)\n([A-Za-z0-9+/]{43}=)\n")
MARK = "— "


class DamagedError(Exception):
    """Something is not what was written."""


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def leaf(line: bytes) -> bytes:
    return sha256(b"\x00" + line)


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


def roots(lines: list[bytes]) -> list[bytes]:
    """The root after each line."""
    found, peaks = [], []  # peaks: (height, hash) of complete subtrees, left to right
    for line in lines:
        peaks.append((0, leaf(line)))
        while len(peaks) > 1 and peaks[-1][0] == peaks[-2][0]:
            (height, left), (_, right) = peaks[-2:]
            peaks[-2:] = [(height + 1, node(left, right))]
        root = peaks[-1][1]
        for _, peak in peaks[-2::-1]:
            root = node(peak, root)
        found.append(root)
    return found


def chained_lines(path: Path) -> list[bytes]:
    """The lines of the ledger, each checked against the hash of the one before."""
    lines = path.read_bytes().splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        print(f"note: {len(lines.pop())} bytes of an unfinished entry at the end")
    previous = "0" * 64
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            found = entry["seq"], entry["prev"]
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(f"{path.name}:{number}: no entry: {error}") from error
        if found != (number - 1, previous):
            raise DamagedError(f"{path.name}:{number}: does not follow the line before it")
        previous = hashlib.sha256(line).hexdigest()
    return lines


def read_notes(text: str) -> list[tuple[str, int, bytes, list[str]]]:
    """(body, size, root, signature lines) of every tree head of a text."""
    notes: list[tuple[str, int, bytes, list[str]]] = []
    for block in text.rstrip("\n").split("\n\n") if text.strip() else []:
        if block.startswith(MARK) and notes:
            notes[-1][3].extend(block.split("\n"))
            continue
        match = HEAD.fullmatch(block + "\n")
        if match is None:
            raise DamagedError(f"no tree head: {block[:60]!r}")
        notes.append((block + "\n", int(match[2]), base64.b64decode(match[3]), []))
    return notes


def check_heads(notes: list, lines: list[bytes]) -> None:
    states = roots(lines)
    origin = f"nepforge/{hashlib.sha256(lines[0]).hexdigest()[:16]}" if lines else ""
    for body, size, root, _ in notes:
        if size > len(lines):
            raise DamagedError(f"a head names {size} entries, the ledger holds {len(lines)}")
        if size < 1 or root != states[size - 1] or body.split("\n")[0] != origin:
            raise DamagedError(f"the tree head of {size} entries does not fit the ledger")
        if body != f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n":
            raise DamagedError(f"the tree head of {size} entries is not in its one form")


# Ed25519 of RFC 8032 section 5.1: a^2 = -1 twisted Edwards curve over the field of P.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
BASE_Y = 4 * pow(5, -1, P) % P


def point(encoded: bytes) -> tuple[int, int, int, int]:
    """A curve point in extended coordinates; section 5.1.3."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        raise DamagedError("a signature holds no point of the curve")
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_ONE % P
    if x * x % P != square or (x == 0 and sign):
        raise DamagedError("a signature holds no point of the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def plus(one: tuple, two: tuple) -> tuple:
    a = (one[1] - one[0]) * (two[1] - two[0]) % P
    b = (one[1] + one[0]) * (two[1] + two[0]) % P
    c = 2 * one[3] * two[3] * D % P
    d = 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(factor: int, base: tuple) -> tuple:
    result = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            result = plus(result, base)
        base, factor = plus(base, base), factor >> 1
    return result


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    if len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    challenge = hashlib.sha512(signature[:32] + key + message).digest()
    k = int.from_bytes(challenge, "little") % ORDER
    left = times(s, point(BASE_Y.to_bytes(32, "little")))
    right = plus(point(signature[:32]), times(k, point(key)))
    same = (left[0] * right[2] - right[0] * left[2]) % P == 0
    return s < ORDER and same and (left[1] * right[2] - right[1] * left[2]) % P == 0


def check_signatures(notes: list, public_key: str) -> int:
    """How many heads the key signed; a false signature in its name is an error."""
    name, identity, encoded = public_key.strip().split("+", 2)
    key = base64.b64decode(encoded)[1:]
    count = 0
    for body, size, _, signatures in notes:
        for line in signatures:
            if not line.startswith(f"{MARK}{name} "):
                continue
            blob = base64.b64decode(line.removeprefix(f"{MARK}{name} "))
            if blob[:4].hex() != identity or not is_signed(key, body.encode(), blob[4:]):
                raise DamagedError(f"the signature on the head of {size} entries is false")
            count += 1
    return count


def check_proof(text: str) -> None:
    start, _, note = text.partition("\n\n")
    kind, extra, place, *path = start.split("\n")
    if kind != "c2sp.org/tlog-proof@v1":
        raise DamagedError("no proof")
    line = base64.b64decode(extra.removeprefix("extra "))
    index = int(place.removeprefix("index "))
    ((body, size, root, _),) = read_notes(note)
    current, first, last = leaf(line), index, size - 1
    for sibling in map(base64.b64decode, path):
        if first & 1 or first == last:
            current = node(sibling, current)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            current = node(current, sibling)
        first, last = first >> 1, last >> 1
    if last or current != root or json.loads(line)["seq"] != index:
        raise DamagedError(f"entry {index} is not in the tree of this head")
    print(f"entry {index}, hash {hashlib.sha256(line).hexdigest()}, is in the tree of")
    print(body, end="")


def check_ledger(folder: Path, against: str) -> None:
    lines = chained_lines(folder / "ledger.jsonl")
    heads, key = folder / "heads", folder / "ledger.pub"
    notes = read_notes(heads.read_text(encoding="utf-8")) if heads.exists() else []
    if [size for _, size, _, _ in notes] not in (
        list(range(1, len(lines) + 1)),
        list(range(1, len(lines))),  # that of the last entry may be under way
    ):
        raise DamagedError(f"{len(lines)} entries, but {len(notes)} tree heads")
    check_heads(notes, lines)
    print(f"{len(lines)} entries and {len(notes)} tree heads: all as written")
    if key.exists():
        signed = check_signatures(notes[-1:], key.read_text(encoding="ascii"))
        print(f"the newest head is {'signed' if signed else 'NOT signed'} by {key.name}")
    if against:
        elsewhere = read_notes(Path(against).read_text(encoding="utf-8"))
        check_heads(elsewhere, lines)
        print(f"the head from elsewhere, of {elsewhere[0][1]} entries, is a state of this ledger")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="folder with ledger.jsonl and heads")
    parser.add_argument("--against", default="", help="file with a tree head from elsewhere")
    parser.add_argument("--proof", type=Path, help="file that `nepforge ledger prove` wrote")
    options = parser.parse_args()
    if not options.folder and not options.proof:
        parser.error("name a ledger folder or --proof FILE")
    try:
        if options.proof:
            check_proof(options.proof.read_text(encoding="utf-8"))
        if options.folder:
            check_ledger(options.folder, options.against)
    except (DamagedError, ValueError, OSError) as error:
        print(f"NOT as written: {error}")
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
