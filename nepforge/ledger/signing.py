"""Ed25519 signatures of tree heads, as C2SP signed notes write keys and signatures.

The private key stays in the hidden folder of one workspace; the public one lies beside the ledger.
Whoever got the public key elsewhere knows who wrote the head.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from pathlib import Path

from attrs import frozen
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from nepforge.errors import IntegrityError, UsageError
from nepforge.ledger.tree_head import SIGNATURE_MARK, TreeHead

ED25519 = b"\x01"  # signature type of the note format
PRIVATE = "PRIVATE+KEY+"


@frozen
class PublicKey:
    """Who may sign, by name."""

    name: str
    raw: bytes  # 32 bytes

    @property
    def identity(self) -> bytes:
        """The 4 bytes that a signature names its key by."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.raw).digest()[:4]

    @property
    def text(self) -> str:
        """name+id+key, as verifiers of signed notes take it."""
        return f"{self.name}+{self.identity.hex()}+{b64encode(ED25519 + self.raw).decode()}"

    def has_signed(self, head: TreeHead) -> bool:
        """Whether one of the signatures is by this key.

        Raises:
            IntegrityError: A signature in the name of this key is false.
        """
        mine = f"{SIGNATURE_MARK}{self.name} "
        found = [line.removeprefix(mine) for line in head.signatures if line.startswith(mine)]
        for encoded in found:
            self._check(encoded, head)
        return bool(found)

    def _check(self, encoded: str, head: TreeHead) -> None:
        try:
            blob = b64decode(encoded, validate=True)
            if blob[:4] != self.identity:
                raise ValueError("by another key of this name")
            Ed25519PublicKey.from_public_bytes(self.raw).verify(blob[4:], head.body.encode())
        except (ValueError, InvalidSignature, Base64Error) as error:
            raise IntegrityError(
                f"tree head {head.size}: the signature of {self.name} is false: "
                f"{error or 'it does not fit the head'}",
                hint="restore the file `heads` from git",
            ) from error


def make_key(name: str, private_path: Path, public_path: Path) -> PublicKey:
    """Make a key pair; the private file can be read by its owner alone.

    Raises:
        UsageError: There is a key already.
    """
    for path in (private_path, public_path):
        if path.exists():
            raise UsageError(f"{path} exists", hint="one key signs all heads of a ledger; keep it")
    private = Ed25519PrivateKey.generate()
    public = PublicKey(name, private.public_key().public_bytes_raw())
    seed = b64encode(ED25519 + private.private_bytes_raw()).decode()
    descriptor = os.open(private_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{PRIVATE}{name}+{public.identity.hex()}+{seed}\n")
    public_path.write_text(f"{public.text}\n", encoding="ascii")
    return public


def read_public_key(path: Path) -> PublicKey:
    """The key in a file that `make_key` wrote.

    Raises:
        IntegrityError: It is no such file.
    """
    try:
        name, identity, encoded = path.read_text(encoding="ascii").strip().split("+", 2)
        raw = b64decode(encoded, validate=True)
        key = PublicKey(name, raw[1:])
        if raw[:1] != ED25519 or len(raw) != 33 or key.identity.hex() != identity:
            raise ValueError("name, identity and key do not match")
    except ValueError as error:
        raise IntegrityError(
            f"{path}: not a public key: {error}", hint="restore it from git"
        ) from error
    return key


def sign(head: TreeHead, private_path: Path) -> TreeHead:
    """The head with a signature by the key in a file that `make_key` wrote.

    Raises:
        IntegrityError: It is no such file.
    """
    try:
        text = private_path.read_text(encoding="ascii").strip()
        name, _, encoded = text.removeprefix(PRIVATE).split("+", 2)
        private = Ed25519PrivateKey.from_private_bytes(b64decode(encoded, validate=True)[1:])
    except ValueError as error:
        raise IntegrityError(
            f"{private_path}: not a private key: {error}", hint="restore it, or remove it"
        ) from error
    public = PublicKey(name, private.public_key().public_bytes_raw())
    blob = public.identity + private.sign(head.body.encode())
    line = f"{SIGNATURE_MARK}{name} {b64encode(blob).decode()}"
    return TreeHead(head.origin, head.size, head.root, (*head.signatures, line))
