"""Tree heads, audit, proofs, signatures, and the standalone verifier."""

from __future__ import annotations

import importlib.util
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nepforge.errors import IntegrityError, NepforgeError, UsageError
from nepforge.ledger import heads as heads_module
from nepforge.ledger.audit import audit, read_head
from nepforge.ledger.heads import Tree
from nepforge.ledger.log import Ledger
from nepforge.ledger.proof import check_proof, parse_proof, prove
from nepforge.ledger.signing import make_key, read_public_key
from nepforge.ledger.tree_head import TreeHead, origin_of, parse_head

VERIFIER = Path(__file__).parents[2] / "tools" / "verify_ledger.py"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger" / "ledger.jsonl", tmp_path / ".nepforge")


def fill(ledger: Ledger, n_entries: int) -> None:
    for number in range(n_entries):
        ledger.append("test", {"number": number})


def heads_file(ledger: Ledger) -> Path:
    return ledger.path.with_name("heads")


def newest(ledger: Ledger) -> TreeHead:
    head = ledger.heads.last()
    assert head is not None
    return head


def verifier(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
    """The standalone tool, without site packages and nepforge."""
    command = [sys.executable, "-I", "-S", str(VERIFIER), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_entry_has_a_head_in_checkpoint_form(ledger: Ledger) -> None:
    """Origin of the first entry, size, root in base64, an empty line."""
    fill(ledger, 3)
    origin = origin_of(next(ledger.entries()).hash)
    notes = heads_file(ledger).read_text().split("\n\n")[:-1]
    assert [note.split("\n")[:2] for note in notes] == [[origin, str(size)] for size in (1, 2, 3)]
    assert parse_head(notes[-1]) == newest(ledger) == list(ledger.heads.read())[-1]


def test_every_changed_byte_of_the_ledger_is_found(ledger: Ledger) -> None:
    """The heads vouch for the last entry too, and for the newline at the end."""
    fill(ledger, 4)
    good = ledger.path.read_bytes()
    for offset in range(len(good)):
        changed = bytearray(good)
        changed[offset] ^= 1 + offset % 255
        ledger.path.write_bytes(changed)
        with pytest.raises(IntegrityError):
            audit(ledger)
        with pytest.raises(IntegrityError):
            ledger.verify()
    ledger.path.write_bytes(good)
    assert audit(ledger).n_heads == 4


def test_every_changed_byte_of_the_heads_is_found(ledger: Ledger) -> None:
    """All but those that make the last head look unfinished, which changes nothing."""
    fill(ledger, 3)
    good = heads_file(ledger).read_bytes()
    for offset in range(len(good) - 2):
        changed = bytearray(good)
        changed[offset] ^= 1 + offset % 255
        heads_file(ledger).write_bytes(changed)
        with pytest.raises(IntegrityError):
            audit(ledger)


def test_entries_cut_off_the_end_are_missed(ledger: Ledger) -> None:
    """Also by the next append, which leaves everything as it is."""
    fill(ledger, 4)
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(b"".join(lines[:3]))
    for look in (ledger.verify, lambda: audit(ledger), lambda: ledger.append("test", {})):
        with pytest.raises(IntegrityError, match=r"cut off the end|of their heads"):
            look()
    assert ledger.path.read_bytes() == b"".join(lines[:3])


def test_head_from_elsewhere_shows_a_ledger_that_was_rewritten(
    ledger: Ledger, tmp_path: Path
) -> None:
    """Chain and heads of the new one are sound; the old head never was its state."""
    fill(ledger, 3)
    kept = newest(ledger)
    fill(ledger, 2)
    assert audit(ledger, read_head(kept.text)).against == kept
    other = Ledger(tmp_path / "other" / "ledger.jsonl", tmp_path / "other")
    fill(other, 5)
    assert audit(other).n_entries == 5
    with pytest.raises(IntegrityError, match="of 3 entries does not fit"):
        audit(other, kept)
    cut = Ledger(tmp_path / "cut" / "ledger.jsonl", tmp_path / "cut")
    fill(cut, 2)
    with pytest.raises(IntegrityError, match="names 3 entries, the ledger holds 2"):
        audit(cut, kept)


def test_kill_before_the_head_is_made_good_by_the_next_append(ledger: Ledger) -> None:
    """And so is a head that was written in part."""
    fill(ledger, 3)
    good = heads_file(ledger).read_bytes()
    cut = good[:-1].rfind(b"\n\n") + 2
    for kept in (cut, cut + 10, len(good) - 1):
        heads_file(ledger).write_bytes(good[:kept])
        assert audit(ledger).n_heads == 2
        fill(ledger, 1)
        assert audit(ledger).n_heads == audit(ledger).n_entries
        ledger.path.write_bytes(b"".join(ledger.path.read_bytes().splitlines(True)[:3]))


def test_index_of_the_tree_can_be_lost_or_wrong(ledger: Ledger, tmp_path: Path) -> None:
    """It is made again from the ledger."""
    index = tmp_path / ".nepforge" / "tree.json"
    fill(ledger, 5)
    good = index.read_text()
    for content in ("", "{}", good.replace('"size": 5', '"size": 6'), good.replace("a", "b")):
        index.write_text(content)
        fill(ledger, 1)
        assert audit(ledger).n_heads == audit(ledger).n_entries
    assert audit(ledger).n_entries == 9


def test_ledger_without_heads_gets_them_with_the_next_entry(ledger: Ledger) -> None:
    """An audit refuses it until then."""
    fill(ledger, 3)
    good = heads_file(ledger).read_bytes()
    heads_file(ledger).unlink()
    with pytest.raises(IntegrityError, match="has 0 of their heads"):
        audit(ledger)
    fill(ledger, 1)
    assert heads_file(ledger).read_bytes().startswith(good)


def test_entry_without_room_for_its_head_is_taken_back(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are written, or neither."""
    fill(ledger, 2)
    before = ledger.path.read_bytes(), heads_file(ledger).read_bytes()

    def full(_path: Path, _content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(heads_module, "append_bytes", full)
    with pytest.raises(NepforgeError, match="No space left"):
        fill(ledger, 1)
    assert (ledger.path.read_bytes(), heads_file(ledger).read_bytes()) == before


def test_proof_of_every_entry_needs_no_ledger(ledger: Ledger, tmp_path: Path) -> None:
    """The text alone gives the entry back, here and in the standalone verifier."""
    fill(ledger, 6)
    for entry in ledger.entries():
        assert check_proof(parse_proof(prove(ledger, entry).text)) == entry
    proof = tmp_path / "entry.tlog-proof"
    proof.write_text(prove(ledger, entry).text, encoding="utf-8")
    answer = verifier("--proof", proof)
    assert (answer.returncode, entry.hash in answer.stdout) == (0, True), answer.stdout


def test_changed_proof_is_refused(ledger: Ledger) -> None:
    """Another entry, place or head."""
    fill(ledger, 6)
    first, second, *_ = ledger.entries()
    text, other = prove(ledger, first).text, prove(ledger, second).text
    extra, foreign = text.split("\n")[1], other.split("\n")[1]
    for changed in (
        text.replace(extra, foreign),
        text.replace("index 0", "index 1"),
        text.replace("\n6\n", "\n600\n"),
        text.replace("tlog-proof@v1", "tlog-proof@v2"),
        "",
    ):
        with pytest.raises(IntegrityError):
            check_proof(parse_proof(changed))


def test_signed_heads_name_their_signer(ledger: Ledger, tmp_path: Path) -> None:
    """From the making of the key on; a changed signature is an error."""
    fill(ledger, 2)
    name = newest(ledger).origin
    public = make_key(name, ledger.signing_key, ledger.public_key)
    assert stat.S_IMODE(ledger.signing_key.stat().st_mode) == 0o600
    fill(ledger, 3)
    report = audit(ledger)
    assert (report.n_signed, report.signer) == (3, name)
    assert read_public_key(ledger.public_key) == public
    assert verifier(ledger.path.parent).stdout.endswith("is signed by ledger.pub\n")
    with pytest.raises(UsageError, match="exists"):
        make_key(name, ledger.signing_key, tmp_path / "other.pub")
    text = heads_file(ledger).read_text(encoding="utf-8")
    signature = newest(ledger).signatures[0]
    swapped = signature[:-8] + ("A" if signature[-8] != "A" else "B") + signature[-7:]
    heads_file(ledger).write_text(text.replace(signature, swapped), encoding="utf-8")
    with pytest.raises(IntegrityError, match=r"signature of .* is false"):
        audit(ledger)
    assert verifier(ledger.path.parent).returncode == 4


def test_standalone_verifier_agrees_with_the_audit(ledger: Ledger, tmp_path: Path) -> None:
    """It passes what is right and refuses changed bytes, cut tails and foreign heads."""
    fill(ledger, 7)
    kept = tmp_path / "kept"
    kept.write_text(newest(ledger).text, encoding="utf-8")
    fill(ledger, 1)
    answer = verifier(ledger.path.parent, "--against", kept)
    assert "8 entries and 8 tree heads: all as written" in answer.stdout
    assert "of 7 entries, is a state of this ledger" in answer.stdout
    good = ledger.path.read_bytes()
    spec = importlib.util.spec_from_file_location("verify_ledger", VERIFIER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for offset in range(0, len(good), 3):
        changed = bytearray(good)
        changed[offset] ^= 1 + offset % 255
        ledger.path.write_bytes(changed)
        with pytest.raises((module.DamagedError, ValueError)):
            module.check_ledger(ledger.path.parent, "")
    ledger.path.write_bytes(b"".join(good.splitlines(keepends=True)[:6]))
    assert verifier(ledger.path.parent).returncode == 4


def test_tree_does_not_depend_on_how_it_was_grown(ledger: Ledger) -> None:
    """Line by line through the index, or at once from the file."""
    fill(ledger, 9)
    tree = Tree()
    for line in ledger.lines():
        tree = tree.appended(line.raw)
    assert tree.head() == newest(ledger)
